//! The sandbox provider's API.
//!
//! Invariant: a payment is opened once; our payment id is the idempotency key.

use crate::settings::PaymentSettings;
use kernel::ids::{OrderId, PaymentId};
use kernel::money::Money;
use kernel::time::UnixMillis;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// How long the provider may take.
const TIMEOUT: Duration = Duration::from_secs(5);

/// Why the provider gave no checkout.
#[derive(Debug, thiserror::Error)]
#[error("the provider did not open a checkout")]
pub struct ProviderError(#[from] reqwest::Error);

/// A client of the provider.
#[derive(Clone, Debug)]
pub struct Provider {
    http: reqwest::Client,
    settings: PaymentSettings,
    public_url: String,
}

#[derive(Serialize)]
struct OpenCheckout {
    order_id: OrderId,
    amount: Money,
    return_url: String,
    expires_at_ms: UnixMillis,
}

/// Where the buyer pays.
#[derive(Debug, Deserialize)]
pub struct Checkout {
    /// The provider's id.
    pub payment_id: String,
    /// The page.
    pub checkout_url: String,
}

impl Provider {
    /// A client; buyers return to the site at `public_url`.
    pub fn new(settings: PaymentSettings, public_url: &str) -> Result<Self, ProviderError> {
        let http = reqwest::Client::builder().timeout(TIMEOUT).build()?;
        Ok(Self {
            http,
            settings,
            public_url: public_url.to_owned(),
        })
    }

    /// Opens a checkout, or finds the one opened under this payment id.
    pub async fn open_checkout(
        &self,
        payment: PaymentId,
        order: OrderId,
        amount: Money,
        expires_at: UnixMillis,
    ) -> Result<Checkout, ProviderError> {
        let request = OpenCheckout {
            order_id: order,
            amount,
            return_url: format!("{}/orders/{order}", self.public_url),
            expires_at_ms: expires_at,
        };
        let answer = self
            .http
            .post(format!("{}/v1/payments", self.settings.url))
            .bearer_auth(&self.settings.api_key.0)
            .header("idempotency-key", payment.to_string())
            .json(&request)
            .send()
            .await?
            .error_for_status()?;
        Ok(answer.json().await?)
    }
}
