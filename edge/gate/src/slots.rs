//! Slots of the lease in hand, and all else that the PoP store decides about a token.
//!
//! Invariant: one call decides; what it decided is told, whatever happens to the answer.

use crate::settings::Gate;
use kernel::ids::{AccountId, LeaseId, OrderId, SaleId};
use kernel::lease::LeaseGrant;
use kernel::problem::Problem;
use kernel::time::UnixMillis;
use kernel::token::{PurchaseToken, TOKEN_LIFE_SECONDS};
use kernel::wire::Sale;
use kit::clock;
use kit::pop_store::{Reply, Script};

static TOKEN: Script = Script::new(include_str!("../../../lua/edge/token.lua"));
static LEASE: Script = Script::new(include_str!("../../../lua/edge/lease.lua"));
static NO_LEASE: Script = Script::new(include_str!("../../../lua/edge/no_lease.lua"));

/// For how long Redis keeps what it knows of a sale's leases after the last one.
const KEEP_MS: &str = "3600000";

/// Who asks for a token.
#[derive(Debug)]
pub(crate) struct Applicant {
    /// Names this request, so that it can be repeated.
    pub(crate) request: String,
    /// The account.
    pub(crate) account: AccountId,
    /// The network it asks from.
    pub(crate) prefix: String,
    /// The nonce of its solved challenge.
    pub(crate) nonce: String,
    /// For how long that must be remembered, in milliseconds.
    pub(crate) nonce_ms: String,
}

/// What the PoP store decided.
#[derive(Debug)]
pub(crate) enum Outcome {
    /// A new token.
    Granted(PurchaseToken),
    /// The account's live token again.
    Again(PurchaseToken),
    /// The challenge was used before.
    Spent,
    /// Too many attempts.
    Limited { by: Limit, retry_ms: i64 },
    /// So many were admitted that the next turn lies behind the lease's end.
    Paced { retry_ms: i64 },
    /// No slot is in hand: ask the origin for a lease.
    NoSlots,
    /// The origin lent nothing a moment ago.
    NotLent { why: NotLent, retry_ms: i64 },
}

/// Which limit was reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Limit {
    /// The account's.
    Account,
    /// The network's.
    Network,
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

/// The sale that slots are for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Slots<'a> {
    /// The settings and the store.
    pub(crate) gate: &'static Gate,
    /// The sale.
    pub(crate) sale: &'a Sale,
    /// Admissions a second.
    pub(crate) rate_per_second: u32,
}

impl Slots<'_> {
    /// Takes a slot for the applicant. `count_it` says whether this counts against the limits: the
    /// first time in a request it does.
    pub(crate) async fn take(
        &self,
        applicant: &Applicant,
        count_it: bool,
    ) -> Result<Outcome, Problem> {
        let Applicant {
            request,
            account,
            prefix,
            nonce,
            nonce_ms,
        } = applicant;
        let keys = [
            self.key(&format!("nonce:{nonce}")),
            self.key(&format!("account:{account}")),
            self.key(&format!("network:{prefix}")),
            self.key(&format!("token:{account}")),
            self.key("lease"),
        ];
        let arguments = [
            request.clone(),
            clock::now().0.to_string(),
            nonce_ms.clone(),
            u8::from(count_it).to_string(),
            self.gate.per_account.to_string(),
            self.gate.per_network.to_string(),
            self.sale.opens_at_ms.0.to_string(),
            self.rate_per_second.max(1).to_string(),
            (TOKEN_LIFE_SECONDS * 1_000).to_string(),
        ];
        let reply = self.gate.store.eval(&TOKEN, &keys, &arguments).await?;
        self.read(&reply, *account)
    }

    fn read(&self, reply: &Reply, account: AccountId) -> Result<Outcome, Problem> {
        let not_lent = |why| {
            let retry_ms = reply.number(1)?;
            Ok(Outcome::NotLent { why, retry_ms })
        };
        let outcome = match reply.word().as_str() {
            "granted" => Outcome::Granted(token(reply, account, self.sale.id)?),
            "again" => Outcome::Again(token(reply, account, self.sale.id)?),
            "spent" => Outcome::Spent,
            "limited" => Outcome::Limited {
                by: match reply.text(1).as_deref() {
                    Some("account") => Limit::Account,
                    Some("network") => Limit::Network,
                    _ => return Err(reply.misunderstood()),
                },
                retry_ms: reply.number(2)?,
            },
            "paced" => Outcome::Paced {
                retry_ms: reply.number(1)?,
            },
            "no-slots" => Outcome::NoSlots,
            "sold-out" => return not_lent(NotLent::SoldOut),
            "quota" => return not_lent(NotLent::Quota),
            "away" => return not_lent(NotLent::Away),
            _ => return Err(reply.misunderstood()),
        };
        Ok(outcome)
    }

    /// Puts a granted lease in hand, and lets others ask again.
    pub(crate) async fn keep(&self, lease: &LeaseGrant) -> Result<(), Problem> {
        let arguments = [
            lease.lease_id.to_string(),
            lease.first_slot.to_string(),
            lease.count.to_string(),
            lease.handout_until_ms.0.to_string(),
            clock::now().0.to_string(),
            KEEP_MS.to_owned(),
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
        let arguments = [why.word().to_owned(), until, KEEP_MS.to_owned()];
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
        format!("gate:{{{}}}:{what}", self.sale.id)
    }
}

fn token(reply: &Reply, account: AccountId, sale: SaleId) -> Result<PurchaseToken, Problem> {
    let lease: LeaseId = reply.number(1)?;
    let first: OrderId = reply.number(2)?;
    let offset: u64 = reply.number(3)?;
    let slot = first
        .0
        .checked_add(offset)
        .ok_or_else(|| reply.misunderstood())?;
    Ok(PurchaseToken {
        account,
        sale,
        slot: OrderId(slot),
        lease,
        not_before: UnixMillis(reply.number(4)?),
        expires_at: UnixMillis(reply.number(5)?),
    })
}
