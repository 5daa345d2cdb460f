//! Stripe's keys.
//!
//! Invariant: they are asked for only where Stripe is the provider; a key of another kind is a fault,
//! as a publishable key in the place of the secret one would look right until somebody pays.

use super::{Reader, Secret};

/// Where Stripe is.
const API: &str = "https://api.stripe.com";

/// The provider Stripe.
#[derive(Clone, Debug)]
pub struct StripeSettings {
    /// Its API; another one stands in for it in tests.
    pub url: String,
    /// Our key there: `sk_…`, or `rk_…` if its rights are restricted.
    pub secret_key: Secret,
    /// What its webhooks are signed with: `whsec_…`.
    pub webhook_secret: Secret,
}

impl StripeSettings {
    /// Reads `DOORBUSTER_STRIPE_SECRET_KEY`, `_STRIPE_WEBHOOK_SECRET` and `_STRIPE_URL`.
    pub(super) fn read(reader: &mut Reader) -> Self {
        let url = match reader.optional("STRIPE_URL") {
            Some(_) => reader.url("STRIPE_URL", &["https", "http"]),
            None => API.to_owned(),
        };
        Self {
            url,
            secret_key: key(reader, "STRIPE_SECRET_KEY", &["sk_", "rk_"]),
            webhook_secret: key(reader, "STRIPE_WEBHOOK_SECRET", &["whsec_"]),
        }
    }
}

fn key(reader: &mut Reader, name: &str, beginnings: &[&str]) -> Secret {
    let begins = beginnings.join(" or ");
    let value = reader.required(name, &format!("the key that begins with {begins}"));
    let fits = beginnings.iter().any(|begin| value.starts_with(begin));
    if !value.is_empty() && !fits {
        reader.fault(name, format_args!("must begin with {begins}"));
    }
    Secret(value)
}
