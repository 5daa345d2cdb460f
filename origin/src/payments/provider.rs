//! What a payment provider does for us, whichever it is; and the guard before it.
//!
//! Invariant: each call carries an id of ours as its idempotency key, so whatever is unknown after a
//! crash or a time-out is asked again, and happens once. Nothing that comes in is believed before
//! the provider's signature is checked.
//!
//! A provider is a file beside this one that implements [`PaymentProvider`], and an arm in [`Kind`]
//! and [`ask`].

use super::sandbox::Sandbox;
use super::stripe::Stripe;
use crate::guard::{Guard, Limits, Shed};
use crate::ledger::{RefundKey, RefundNotice, Settlement};
use crate::settings::PaymentSettings;
use axum::http::HeaderMap;
use kernel::ids::{OrderId, PaymentId};
use kernel::money::Money;
use kernel::time::UnixMillis;
use std::time::Duration;

/// What calls of the provider may take. It is far away, and what it does takes a while.
const LIMITS: Limits = Limits {
    in_flight: 64,
    waiting: 512,
    wait: Duration::from_millis(500),
    time: Duration::from_secs(5),
};
/// Ids of a provider have so many bytes at most.
pub const REFERENCE_BYTES_MAX: usize = 64;

/// A checkout to be opened.
#[derive(Clone, Copy, Debug)]
pub struct CheckoutRequest<'a> {
    /// Our payment: the idempotency key.
    pub payment: PaymentId,
    /// What it is for.
    pub order: OrderId,
    /// How much.
    pub amount: Money,
    /// From then on it takes no money, where the provider can do that.
    pub expires_at: UnixMillis,
    /// Where the buyer goes afterwards.
    pub return_url: &'a str,
}

/// Where the buyer pays.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkout {
    /// The provider's id of the payment.
    pub provider_ref: String,
    /// The page.
    pub checkout_url: String,
}

/// Money to be given back.
#[derive(Clone, Copy, Debug)]
pub struct RefundRequest<'a> {
    /// The idempotency key.
    pub key: RefundKey,
    /// The provider's id of the payment.
    pub provider_ref: &'a str,
    /// How much of it.
    pub amount: Money,
    /// The provider's id of the refund, if it was asked before and has answered.
    pub refund_ref: Option<&'a str>,
}

/// What the provider says about a refund.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RefundAnswer {
    /// The money went back; the provider's id of the refund.
    Done(String),
    /// It is on its way.
    Pending(String),
    /// It will not go back this way; asking again under the same key changes nothing.
    Failed(String),
}

/// A payment as the provider's list has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// The provider's id.
    pub provider_ref: String,
    /// The order, if the provider was told one.
    pub order: Option<OrderId>,
    /// How much was asked for.
    pub amount: Money,
    /// Whether the money came.
    pub paid: bool,
    /// What went back, or is on its way.
    pub refunded_minor: i64,
    /// When the checkout was opened.
    pub created_at: UnixMillis,
}

/// A part of that list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Page {
    /// The payments, in the provider's order.
    pub payments: Vec<Listed>,
    /// Asks for the next part.
    pub next_cursor: Option<String>,
}

/// What a webhook tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ProviderEvent {
    /// Money came, or a try was declined.
    Payment(Settlement),
    /// A refund has ended.
    Refund(RefundNotice),
    /// Something that we do not act on: it is acknowledged, as the provider would repeat it for ever.
    NotOurs(String),
}

/// Why the provider did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum ProviderError {
    /// It does not answer, or says that it cannot serve anybody now. The outcome is unknown.
    #[error("the payment provider does not answer")]
    Away(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// It refuses; asking again in the same way is of no use.
    #[error("the payment provider refused: {0}")]
    Refused(String),
    /// The guard did not let the call through, or gave it up.
    #[error("the call to the payment provider was given up")]
    Shed(#[from] Shed),
}

/// Why a webhook is not taken.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadWebhook {
    /// No signature, or a wrong one.
    #[error("the signature is wrong")]
    Signature,
    /// Signed too long ago, or in the future.
    #[error("the signature is more than {0} s old")]
    Old(i64),
    /// Not an event that can be read.
    #[error("the event cannot be read: {0}")]
    Malformed(String),
}

/// A payment provider. Ids that it gives have at most [`REFERENCE_BYTES_MAX`] bytes.
pub trait PaymentProvider {
    /// One word: in settings, in the path of its webhooks, and in the ledger.
    const NAME: &'static str;
    /// Whether a checkout ends by itself at the instant that was asked for.
    const CHECKOUTS_EXPIRE: bool;

    /// Opens a checkout, or finds the one opened under this payment's id.
    fn open_checkout(
        &self,
        request: CheckoutRequest<'_>,
    ) -> impl Future<Output = Result<Checkout, ProviderError>> + Send;

    /// Gives money back, or says how a refund under this key stands. What is refused for good is
    /// [`RefundAnswer::Failed`] and no error.
    fn refund(
        &self,
        request: RefundRequest<'_>,
    ) -> impl Future<Output = Result<RefundAnswer, ProviderError>> + Send;

    /// Payments whose checkout was opened at `from` or later, and before `to`.
    fn list(
        &self,
        from: UnixMillis,
        to: UnixMillis,
        cursor: Option<&str>,
    ) -> impl Future<Output = Result<Page, ProviderError>> + Send;

    /// Takes no more money at a checkout. One that is paid or closed stays as it is.
    fn close_checkout(
        &self,
        provider_ref: &str,
    ) -> impl Future<Output = Result<(), ProviderError>> + Send;

    /// Checks the signature of a webhook and reads it.
    fn read_webhook(
        &self,
        headers: &HeaderMap,
        body: &[u8],
        now: UnixMillis,
    ) -> Result<ProviderEvent, BadWebhook>;
}

/// The provider that the settings choose.
#[derive(Clone, Debug)]
pub struct Provider {
    kind: Kind,
    guard: Guard,
}

#[derive(Clone, Debug)]
enum Kind {
    Sandbox(Sandbox),
    Stripe(Box<Stripe>),
}

/// Hands a call to the provider there is.
macro_rules! ask {
    ($provider:expr, $name:ident => $call:expr) => {
        match &$provider.kind {
            Kind::Sandbox($name) => $call,
            Kind::Stripe($name) => {
                let $name = &**$name;
                $call
            }
        }
    };
}

impl Provider {
    /// A client of the provider that the settings choose.
    pub fn new(settings: PaymentSettings) -> Result<Self, ProviderError> {
        let kind = match settings {
            PaymentSettings::Sandbox(settings) => Kind::Sandbox(Sandbox::new(settings)?),
            PaymentSettings::Stripe(settings) => Kind::Stripe(Box::new(Stripe::new(settings)?)),
        };
        let guard = Guard::new("payments", LIMITS);
        Ok(Self { kind, guard })
    }

    /// Its name.
    pub fn name(&self) -> &'static str {
        fn name<P: PaymentProvider>(_: &P) -> &'static str {
            P::NAME
        }
        ask!(self, provider => name(provider))
    }

    /// See [`PaymentProvider::CHECKOUTS_EXPIRE`].
    pub fn checkouts_expire(&self) -> bool {
        fn expire<P: PaymentProvider>(_: &P) -> bool {
            P::CHECKOUTS_EXPIRE
        }
        ask!(self, provider => expire(provider))
    }

    /// See [`PaymentProvider::open_checkout`].
    pub async fn open_checkout(
        &self,
        request: CheckoutRequest<'_>,
    ) -> Result<Checkout, ProviderError> {
        let call = async { ask!(self, provider => provider.open_checkout(request).await) };
        self.guard.call(ProviderError::is_away, call).await
    }

    /// See [`PaymentProvider::refund`].
    pub async fn refund(&self, request: RefundRequest<'_>) -> Result<RefundAnswer, ProviderError> {
        let call = async { ask!(self, provider => provider.refund(request).await) };
        self.guard.call(ProviderError::is_away, call).await
    }

    /// See [`PaymentProvider::list`].
    pub async fn list(
        &self,
        from: UnixMillis,
        to: UnixMillis,
        cursor: Option<&str>,
    ) -> Result<Page, ProviderError> {
        let call = async { ask!(self, provider => provider.list(from, to, cursor).await) };
        self.guard.call(ProviderError::is_away, call).await
    }

    /// See [`PaymentProvider::close_checkout`].
    pub async fn close_checkout(&self, provider_ref: &str) -> Result<(), ProviderError> {
        let call = async { ask!(self, provider => provider.close_checkout(provider_ref).await) };
        self.guard.call(ProviderError::is_away, call).await
    }

    /// See [`PaymentProvider::read_webhook`].
    pub fn read_webhook(
        &self,
        headers: &HeaderMap,
        body: &[u8],
        now: UnixMillis,
    ) -> Result<ProviderEvent, BadWebhook> {
        ask!(self, provider => provider.read_webhook(headers, body, now))
    }
}

impl ProviderError {
    /// The provider cannot be reached, or cannot serve anybody now.
    pub(super) fn away(cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self::Away(cause.into())
    }

    fn is_away(&self) -> bool {
        !matches!(self, Self::Refused(_))
    }
}
