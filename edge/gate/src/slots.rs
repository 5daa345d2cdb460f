//! Slots and tokens in the PoP store.
//!
//! Invariant: one call of a script decides alone. This module says what goes in and reads what
//! comes out; nothing here decides a second time.

use crate::limits::{Left, Limits};
use crate::settings::Gate;
use crate::store::{keep_ms, key};
use crate::turns::{Applicant, Turns};
use kernel::ids::{AccountId, LeaseId, OrderId};
use kernel::lease::{LeaseGrant, WAITING_MAX};
use kernel::lobby::ARRIVALS_UNREPORTED_MAX;
use kernel::problem::Problem;
use kernel::time::UnixMillis;
use kernel::token::{PurchaseToken, TOKEN_LIFE_SECONDS};
use kit::pop_store::{Reply, Script};
use kit::{clock, random};

static TOKEN: Script = Script::new(concat!(
    include_str!("../../../lua/edge/limits.lua"),
    include_str!("../../../lua/edge/places.lua"),
    include_str!("../../../lua/edge/turns.lua"),
    include_str!("../../../lua/edge/slots.lua"),
    include_str!("../../../lua/edge/token.lua"),
));
static ENDED: Script = Script::new(include_str!("../../../lua/edge/ended.lua"));
static LEASE: Script = Script::new(include_str!("../../../lua/edge/lease.lua"));
static NO_LEASE: Script = Script::new(include_str!("../../../lua/edge/no_lease.lua"));
static RETIRE: Script = Script::new(include_str!("../../../lua/edge/retire.lua"));

/// Tokens an account gets in a sale for which it does nothing.
pub(crate) const ATTEMPTS_MAX: u32 = 3;
/// For how long Redis keeps what it knows of a sale's leases after the last one.
const KEEP_LEASE_MS: &str = "3600000";

/// What the PoP store decided.
#[derive(Debug)]
pub(crate) enum Outcome {
    /// A token.
    Token(Held),
    /// The challenge was used before.
    Spent,
    /// Too many attempts; which limit is reached.
    Limited { number: usize, retry_ms: i64 },
    /// The account's arrival is to be turned into a place.
    Draw { arrival: u64 },
    /// The origin must be told of arrivals first.
    Report,
    /// The account let its tokens go to waste too often.
    Attempts,
    /// It is not its turn.
    Wait { retry_ms: i64 },
    /// So many were admitted that the next turn lies behind the lease's end.
    Paced { retry_ms: i64 },
    /// Not enough slots are in hand: ask the origin for a lease of at least so many.
    NoSlots { wanted: u32 },
    /// The origin lent nothing (more) a moment ago.
    NotLent { why: NotLent, retry_ms: i64 },
}

/// A token that an account has.
#[derive(Debug)]
pub(crate) struct Held {
    /// What is known of it.
    pub(crate) life: Life,
    /// The token.
    pub(crate) token: PurchaseToken,
    /// The first slot of its lease: an offset from there names it in the store.
    offset: u64,
    /// What is left of the limits.
    pub(crate) left: Option<Left>,
    /// Whether the origin is to be told of arrivals.
    pub(crate) report_due: bool,
}

/// What is known of a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Life {
    /// Just given.
    New,
    /// Given before.
    Live,
    /// The relay let an order through with it.
    Used,
    /// Its time is over.
    Over,
}

/// What an account may do after its token has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Afterwards {
    /// It keeps its place.
    Keep,
    /// It goes behind everybody, and has one attempt fewer.
    Behind,
    /// It goes behind everybody and loses no attempt.
    Bought,
}

/// Why the origin lent nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NotLent {
    /// No unit is left.
    SoldOut,
    /// As many slots are out as units left allow.
    Quota,
    /// It did not answer.
    Away,
}

impl NotLent {
    fn word(self) -> &'static str {
        match self {
            Self::SoldOut => "sold-out",
            Self::Quota => "quota",
            Self::Away => "away",
        }
    }
}

/// The slots of a sale.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Slots<'a> {
    /// The settings and the store.
    pub(crate) gate: &'static Gate,
    /// The sale and its turns.
    pub(crate) turns: &'a Turns<'a>,
}

impl Slots<'_> {
    /// Asks for a token. `limits` are left out when a request asks a second time; `place` is that
    /// of an arrival which was found to need one.
    pub(crate) async fn take(
        &self,
        applicant: &Applicant,
        limits: Option<&Limits>,
        place: Option<u64>,
    ) -> Result<Outcome, Problem> {
        let now = clock::now();
        let Turns { entry, behind, .. } = self.turns;
        let mut keys = vec![
            self.key(&format!("nonce:{}", applicant.nonce)),
            self.key(&format!("place:{}", applicant.account)),
            self.key("lobby"),
            self.key("lease"),
            self.key("asked"),
            self.key("waiting"),
            self.key("seen"),
        ];
        let mut arguments = vec![
            applicant.request.clone(),
            now.0.to_string(),
            applicant.nonce_ms.clone(),
            applicant.account.to_string(),
            random::name(),
            keep_ms(entry, now),
            self.turns.start().0.to_string(),
            self.turns.rate().to_string(),
            format!("{:.3}", self.turns.interval_ms()),
            (TOKEN_LIFE_SECONDS * 1_000).to_string(),
            ATTEMPTS_MAX.to_string(),
            ARRIVALS_UNREPORTED_MAX.to_string(),
            behind.drawn.to_string(),
            behind.drawn_here.to_string(),
            behind.pops.to_string(),
            behind.position.to_string(),
            place.map(|place| place.to_string()).unwrap_or_default(),
        ];
        if let Some(limits) = limits {
            keys.extend(limits.keys());
            arguments.extend(limits.arguments());
        }
        let reply = self.gate.store.eval(&TOKEN, &keys, &arguments).await?;
        self.read(&reply, applicant.account, limits)
    }

    fn read(
        &self,
        reply: &Reply,
        account: AccountId,
        limits: Option<&Limits>,
    ) -> Result<Outcome, Problem> {
        let held = |life| self.held(reply, account, life, limits).map(Outcome::Token);
        let not_lent = |why| {
            let retry_ms = reply.number(1)?;
            Ok(Outcome::NotLent { why, retry_ms })
        };
        let outcome = match reply.word().as_str() {
            "granted" => return held(Life::New),
            "again" => return held(Life::Live),
            "used" => return held(Life::Used),
            "over" => return held(Life::Over),
            "spent" => Outcome::Spent,
            "limited" => Outcome::Limited {
                number: reply.number(1)?,
                retry_ms: reply.number(2)?,
            },
            "draw" => Outcome::Draw {
                arrival: reply.number(1)?,
            },
            "report" => Outcome::Report,
            "attempts" => Outcome::Attempts,
            "wait" => Outcome::Wait {
                retry_ms: reply.number(1)?,
            },
            "paced" => Outcome::Paced {
                retry_ms: reply.number(1)?,
            },
            "no-slots" => Outcome::NoSlots {
                wanted: reply.number(1)?,
            },
            "sold-out" => return not_lent(NotLent::SoldOut),
            "quota" => return not_lent(NotLent::Quota),
            "away" => return not_lent(NotLent::Away),
            _ => return Err(reply.misunderstood()),
        };
        Ok(outcome)
    }

    fn held(
        &self,
        reply: &Reply,
        account: AccountId,
        life: Life,
        limits: Option<&Limits>,
    ) -> Result<Held, Problem> {
        let (first, offset): (OrderId, u64) = (reply.number(4)?, reply.number(5)?);
        let slot = first.0.checked_add(offset);
        let token = PurchaseToken {
            account,
            sale: self.turns.entry.sale.id,
            slot: OrderId(slot.ok_or_else(|| reply.misunderstood())?),
            lease: reply.number(3)?,
            not_before: UnixMillis(reply.number(6)?),
            expires_at: UnixMillis(reply.number(7)?),
        };
        let left = limits.map(|limits| limits.left(reply, 1)).transpose()?;
        Ok(Held {
            life,
            token,
            offset,
            left: left.flatten(),
            report_due: reply.text(8).as_deref() == Some("1"),
        })
    }

    /// Takes the account's token away.
    pub(crate) async fn end(&self, held: &Held, afterwards: Afterwards) -> Result<(), Problem> {
        let word = match afterwards {
            Afterwards::Keep => "keep",
            Afterwards::Behind => "behind",
            Afterwards::Bought => "bought",
        };
        let arguments = [
            held.token.lease.to_string(),
            held.offset.to_string(),
            word.to_owned(),
        ];
        let keys = [self.key(&format!("place:{}", held.token.account))];
        self.gate
            .store
            .eval(&ENDED, &keys, &arguments)
            .await
            .map(drop)
    }

    /// Hands out no more of the lease in hand; it, and how many of its slots went out, if any are
    /// left.
    pub(crate) async fn retire(&self) -> Result<Option<(LeaseId, u32)>, Problem> {
        let reply = self
            .gate
            .store
            .eval(&RETIRE, &[self.key("lease")], &[])
            .await?;
        if reply.word() == "none" {
            return Ok(None);
        }
        let (taken, count): (u32, u32) = (reply.number(2)?, reply.number(3)?);
        Ok(if taken < count {
            Some((reply.number(1)?, taken))
        } else {
            None
        })
    }

    /// The lowest places of those who wait.
    pub(crate) async fn waiting(&self) -> Result<Vec<u64>, Problem> {
        let last = (WAITING_MAX - 1).to_string();
        let range = [&self.key("waiting"), "0", &last, "WITHSCORES"];
        let reply = self.gate.store.command("ZRANGE", &range).await?;
        let places = reply.texts();
        let places = places.iter().skip(1).step_by(2).map(|place| place.parse());
        places
            .collect::<Result<_, _>>()
            .map_err(|_| reply.misunderstood())
    }

    /// Puts a granted lease in hand, and lets others ask again; if it is smaller than was `wanted`,
    /// after `pause_ms`.
    pub(crate) async fn keep(
        &self,
        lease: &LeaseGrant,
        wanted: u32,
        pause_ms: i64,
    ) -> Result<(), Problem> {
        let now = clock::now();
        let short = lease.count < wanted;
        let word_until = if short { now.plus_ms(pause_ms).0 } else { 0 };
        let arguments = [
            lease.lease_id.to_string(),
            lease.first_slot.to_string(),
            lease.count.to_string(),
            lease.handout_until_ms.0.to_string(),
            now.0.to_string(),
            KEEP_LEASE_MS.to_owned(),
            word_until.to_string(),
        ];
        let keys = [self.key("lease"), self.lock()];
        self.gate
            .store
            .eval(&LEASE, &keys, &arguments)
            .await
            .map(drop)
    }

    /// Remembers for `ms` milliseconds that nothing was lent, and lets others ask again after that.
    pub(crate) async fn keep_none(&self, why: NotLent, ms: i64) -> Result<(), Problem> {
        let until = clock::now().plus_ms(ms).0.to_string();
        let arguments = [why.word().to_owned(), until, KEEP_LEASE_MS.to_owned()];
        let keys = [self.key("lease"), self.lock()];
        self.gate
            .store
            .eval(&NO_LEASE, &keys, &arguments)
            .await
            .map(drop)
    }

    /// The key of the lock that the one who asks the origin holds.
    pub(crate) fn lock(&self) -> String {
        self.key("lease-lock")
    }

    fn key(&self, what: &str) -> String {
        key(self.turns.entry.sale.id, what)
    }
}
