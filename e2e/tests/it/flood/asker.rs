//! Somebody who asks for a token again and again, rightly or wrongly.

use crate::buyer::{Buyer, read};
use crate::shop::Shop;
use kernel::challenge::{self, Binding, CHALLENGE_LIFE_SECONDS, Purpose};
use kernel::client_address::prefix;
use kernel::ids::{AccountId, SaleId};
use kernel::keys::PopKeys;
use kernel::session::{SealKey, Session, SigningKey, sign_session};
use reqwest::Method;
use serde_json::{Value, json};
use std::net::IpAddr;
use std::time::Duration;

const DIFFICULTY: u32 = 1;
/// Who is told to come again does, so often; a slot is kept for who has the better claim.
const ASKS_MAX: u32 = 5;
const PAUSE: Duration = Duration::from_secs(1);
/// Longer than any of these tests.
const SESSION_SECONDS: i64 = 3_600;

/// What is right or wrong with a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Valid,
    /// Signed with another PoP's keys.
    Forged,
    /// Made two minutes ago.
    Expired,
    Unsolved,
    OtherAccount,
    OtherNetwork,
    OtherPurpose,
    OtherSale,
    Garbage,
    /// Spent before by the same account.
    Replayed,
    NoSession,
    ForgedSession,
}

pub struct Asker {
    buyer: Buyer,
    stranger: Buyer,
    impostor: Buyer,
    account: AccountId,
    network: IpAddr,
    sale: SaleId,
    keys: PopKeys,
    spent: Option<String>,
}

impl Kind {
    pub const WRONG: [Self; 11] = [
        Self::Forged,
        Self::Expired,
        Self::Unsolved,
        Self::OtherAccount,
        Self::OtherNetwork,
        Self::OtherPurpose,
        Self::OtherSale,
        Self::Garbage,
        Self::Replayed,
        Self::NoSession,
        Self::ForgedSession,
    ];

    /// What it is to be refused for; nothing if it is right.
    pub fn problem(self) -> Option<&'static str> {
        match self {
            Self::Valid => None,
            Self::Expired => Some("challenge-expired"),
            Self::Replayed => Some("challenge-spent"),
            Self::NoSession | Self::ForgedSession => Some("signed-out"),
            _ => Some("challenge-wrong"),
        }
    }
}

impl Asker {
    /// So many for a sale, each with an account and at an address of its own. Their sessions are
    /// signed here, as those of hundreds would run out while they ask.
    pub fn many(shop: &Shop, sale: &str, count: usize) -> Vec<Self> {
        let key = shop.session_key();
        let keys = shop.pop_keys();
        let forger = SigningKey::from_bytes(&origin::random_bytes::<32>());
        let one = |number: u32| {
            let account = AccountId(u64::from_be_bytes(origin::random_bytes::<8>()) >> 1);
            let buyer = |cookie| Buyer::signed_in(&shop.addresses, number, cookie);
            let own = buyer(cookie(&key, account));
            Self {
                network: own.address(),
                buyer: own,
                stranger: Buyer::new(&shop.addresses, number),
                impostor: buyer(cookie(&forger, account)),
                account,
                sale: sale.parse().unwrap(),
                keys: keys.clone(),
                spent: None,
            }
        };
        (0..u32::try_from(count).unwrap()).map(one).collect()
    }

    /// Asks rightly, and keeps what was spent to replay it.
    pub async fn ask(&mut self) -> (Kind, u16, Value) {
        let (answer, got) = self.persist(Kind::Valid).await;
        self.spent = Some(answer);
        got
    }

    /// Asks once more.
    pub async fn ask_again(&self, kind: Kind) -> (Kind, u16, Value) {
        self.persist(kind).await.1
    }

    /// Who is right asks again when told to wait, and after a 503, by which a token may have been
    /// given. Also gives the challenge's answer that was used last.
    async fn persist(&self, kind: Kind) -> (String, (Kind, u16, Value)) {
        let mut asked = 0;
        loop {
            asked += 1;
            let answer = self.answer(kind);
            let got = self.send(kind, answer.clone()).await;
            if kind != Kind::Valid || !matches!(got.1, 429 | 503) || asked == ASKS_MAX {
                return (answer, got);
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    async fn send(&self, kind: Kind, answer: String) -> (Kind, u16, Value) {
        let who = match kind {
            Kind::NoSession => &self.stranger,
            Kind::ForgedSession => &self.impostor,
            _ => &self.buyer,
        };
        let path = format!("/gate/sales/{}/tokens", self.sale);
        let request = who.request(Method::POST, &path);
        let (status, body) = read(request.json(&json!({ "challenge": answer }))).await;
        (kind, status, body)
    }

    /// What goes into the field `challenge`.
    fn answer(&self, kind: Kind) -> String {
        match kind {
            Kind::Garbage => return "bm90IGpzb24=".to_owned(),
            Kind::Replayed => return self.spent.clone().expect("it asked before"),
            _ => {}
        }
        let or = |wrong: Kind, other, right| if kind == wrong { other } else { right };
        let account = AccountId(or(Kind::OtherAccount, 5, self.account.0));
        let sale = SaleId(or(Kind::OtherSale, 5, self.sale.0));
        let elsewhere = IpAddr::from([192, 0, 2, 1]);
        let network = if kind == Kind::OtherNetwork {
            elsewhere
        } else {
            self.network
        };
        let purpose = if kind == Kind::OtherPurpose {
            Purpose::Place
        } else {
            Purpose::Token
        };
        let keys = if kind == Kind::Forged {
            PopKeys::derive(&self.keys.pop, &"5a".repeat(32)).unwrap()
        } else {
            self.keys.clone()
        };
        let age_seconds = if kind == Kind::Expired {
            CHALLENGE_LIFE_SECONDS + 1
        } else {
            0
        };
        let made_at = origin::now().plus_seconds(-age_seconds);
        let binding = Binding::new(purpose, Some(sale), Some(account), prefix(network));
        let random = origin::random_bytes();
        let made = challenge::pow::make(&keys, binding, DIFFICULTY, made_at, &random);
        let mut solution = challenge::solve(&made, DIFFICULTY).unwrap();
        if kind == Kind::Unsolved {
            solution.derived_key = "00".repeat(32);
        }
        challenge::answer(made, solution)
    }
}

fn cookie(key: &SigningKey, account: AccountId) -> String {
    let expires_at = origin::now().plus_seconds(SESSION_SECONDS);
    let session = Session {
        account,
        id: origin::random_id(),
        expires_at,
        renewable_until: expires_at,
    };
    let session = sign_session(key, &SealKey::derive(key), &session);
    format!("{}={session}", kernel::session::SESSION_COOKIE)
}
