//! Subscriptions: programs of others that are told of orders by signed webhooks
//! (<https://www.standardwebhooks.com>).
//!
//! Invariant: what is told holds nothing of a person; it leads to public addresses alone, unless an
//! operator wants otherwise, and never follows a redirect.

mod addresses;
mod call;
mod deliver;
mod message;
mod secret;

pub use addresses::is_public;
pub use call::{Call, CallError, Caller};
pub use deliver::{GIVE_UP_AFTER_MS, deliver};
pub use message::body;
pub use secret::{BadSecret, SigningSecret};

use crate::ids::{IdError, Ids};
use crate::ledger::{Actor, Ledger, LedgerError, NewSubscription, OrderEvent};

/// Subscriptions at most.
pub const SUBSCRIPTIONS_MAX: usize = 20;
/// Bytes of an address at most.
pub const URL_LENGTH_MAX: usize = 500;

/// Why a subscription was not made.
#[derive(Debug, thiserror::Error)]
pub enum SubscribeError {
    /// The address.
    #[error(
        "the address must be http:// or https:// with a host, at most {URL_LENGTH_MAX} bytes, without user or fragment"
    )]
    Url,
    /// The secret.
    #[error(transparent)]
    Secret(#[from] BadSecret),
    /// No kinds.
    #[error("a subscription needs at least one kind of event")]
    Kinds,
    /// Too many.
    #[error(
        "there are {SUBSCRIPTIONS_MAX} subscriptions, as many as there may be: remove one first"
    )]
    Full,
    /// MySQL.
    #[error("the ledger did not answer")]
    Ledger(#[from] LedgerError),
    /// No id to be had.
    #[error("no id for the subscription")]
    Id(#[from] IdError),
}

/// Makes a subscription; without a `secret` one is drawn. What it returns is told once.
pub async fn subscribe(
    ledger: &Ledger,
    ids: &Ids,
    url: &str,
    mut kinds: Vec<OrderEvent>,
    secret: Option<&str>,
    actor: &Actor,
) -> Result<(u64, SigningSecret), SubscribeError> {
    if !call::is_callable(url) || url.len() > URL_LENGTH_MAX {
        return Err(SubscribeError::Url);
    }
    let secret = match secret {
        Some(text) => text.parse()?,
        None => SigningSecret::draw(),
    };
    let all = OrderEvent::ALL.into_iter();
    kinds = all.filter(|kind| kinds.contains(kind)).collect();
    if kinds.is_empty() {
        return Err(SubscribeError::Kinds);
    }
    if ledger.subscriptions().await?.len() >= SUBSCRIPTIONS_MAX {
        return Err(SubscribeError::Full);
    }
    let new = NewSubscription {
        id: ids.next().await?,
        url: url.to_owned(),
        secret: secret.to_text(),
        kinds,
    };
    ledger.add_subscription(&new, actor).await?;
    Ok((new.id, secret))
}
