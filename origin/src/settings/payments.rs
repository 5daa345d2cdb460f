//! How payments are made, and how soon refunds are promised.
//!
//! Invariant: what one provider needs is asked for only where that provider is chosen.

use super::{Reader, Secret, StripeSettings};

/// The provider that takes payments, with what it needs.
#[derive(Clone, Debug)]
pub enum PaymentSettings {
    /// The program `doorbuster-sandbox`.
    Sandbox(SandboxSettings),
    /// Stripe.
    Stripe(StripeSettings),
}

/// The sandbox provider.
#[derive(Clone, Debug)]
pub struct SandboxSettings {
    /// Its API.
    pub url: String,
    /// Our key there.
    pub api_key: Secret,
    /// What its webhooks are signed with.
    pub webhook_secret: Secret,
}

/// What buyers are promised.
#[derive(Clone, Copy, Debug)]
pub struct RefundSettings {
    /// A refund is at the provider this soon, in milliseconds; later it counts as overdue.
    pub promised_ms: i64,
}

impl PaymentSettings {
    /// Reads `DOORBUSTER_PAYMENTS_PROVIDER` and what the provider needs.
    pub fn read(reader: &mut Reader) -> Self {
        match reader.choice("PAYMENTS_PROVIDER", &["sandbox", "stripe"]) {
            "stripe" => Self::Stripe(StripeSettings::read(reader)),
            _ => Self::Sandbox(SandboxSettings::read(reader)),
        }
    }
}

impl SandboxSettings {
    /// Reads `DOORBUSTER_PAYMENTS_URL`, `_PAYMENTS_API_KEY` and `_PAYMENTS_WEBHOOK_SECRET`.
    fn read(reader: &mut Reader) -> Self {
        Self {
            url: reader.url("PAYMENTS_URL", &["http"]),
            api_key: Secret(reader.required("PAYMENTS_API_KEY", "our key at the provider")),
            webhook_secret: Secret(
                reader.required("PAYMENTS_WEBHOOK_SECRET", "what webhooks are signed with"),
            ),
        }
    }
}

impl RefundSettings {
    /// Reads `DOORBUSTER_REFUND_SECONDS`.
    pub fn read(reader: &mut Reader) -> Self {
        let seconds = reader.number("REFUND_SECONDS", 300, 1..=30 * 86_400);
        Self {
            promised_ms: i64::try_from(seconds * 1_000).unwrap_or(i64::MAX),
        }
    }
}
