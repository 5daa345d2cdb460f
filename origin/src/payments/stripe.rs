//! Stripe: PaymentIntents, which the buyer pays on our own page with Stripe's script, and refunds.
//!
//! Invariant: every POST carries an idempotency key, so a repeated one has no second effect. Stripe
//! forgets keys after a day; a refund is therefore looked for before it is asked for.
//!
//! An intent does not expire at Stripe: one whose order is closed is cancelled there, and money that
//! comes all the same goes back as any late money does.

mod client;
mod money;
mod objects;
mod webhook;

use super::provider::{
    BadWebhook, Checkout, CheckoutRequest, Listed, Page, PaymentProvider, ProviderError,
    ProviderEvent, RefundAnswer, RefundRequest,
};
use crate::settings::StripeSettings;
use axum::http::HeaderMap;
use client::Client;
use kernel::time::UnixMillis;
use objects::{Intent, List, Refund, RefundStatus};

/// Intents of a page of the list. Each comes with its last charge, some 8 KiB together.
const PAGE: u32 = 50;
/// Refunds of one payment that are looked through for ours, all that Stripe gives at once.
const REFUNDS: u32 = 100;
/// Our ids at an intent and at a refund.
const ORDER_ID: &str = "order_id";
const PAYMENT_ID: &str = "payment_id";
const REFUND_KEY: &str = "refund_key";

/// A client of Stripe.
#[derive(Clone, Debug)]
pub(super) struct Stripe {
    client: Client,
    settings: StripeSettings,
}

impl Stripe {
    pub(super) fn new(settings: StripeSettings) -> Result<Self, ProviderError> {
        let client = Client::new(&settings)?;
        Ok(Self { client, settings })
    }

    /// The refund that was asked for under this key, if Stripe has it.
    async fn find_refund(
        &self,
        request: &RefundRequest<'_>,
    ) -> Result<Option<Refund>, ProviderError> {
        if let Some(refund) = request.refund_ref {
            let path = format!("/v1/refunds/{}", encoded(refund)?);
            return self.client.get(&path, &[]).await.map(Some);
        }
        let query = [
            ("payment_intent", request.provider_ref.to_owned()),
            ("limit", REFUNDS.to_string()),
        ];
        let list: List<Refund> = self.client.get("/v1/refunds", &query).await?;
        let key = request.key.to_string();
        Ok(list
            .data
            .into_iter()
            .find(|refund| refund.metadata(REFUND_KEY) == Some(&key)))
    }

    async fn ask_refund(&self, request: &RefundRequest<'_>) -> Result<Refund, ProviderError> {
        let key = request.key.to_string();
        let form = [
            ("payment_intent", request.provider_ref.to_owned()),
            ("amount", money::to_stripe(request.amount)?.to_string()),
            ("metadata[refund_key]", key.clone()),
        ];
        let key = format!("refund-{key}");
        self.client.post("/v1/refunds", &key, &form).await
    }
}

impl PaymentProvider for Stripe {
    const NAME: &'static str = "stripe";
    const CHECKOUTS_EXPIRE: bool = false;

    async fn open_checkout(&self, request: CheckoutRequest<'_>) -> Result<Checkout, ProviderError> {
        let amount = money::to_stripe(request.amount)?;
        let currency = request.amount.currency.to_string().to_lowercase();
        let form = [
            ("amount", amount.to_string()),
            ("currency", currency),
            // Cards and what pays with them: anything slower would come after the order's end.
            ("payment_method_types[]", "card".to_owned()),
            ("metadata[order_id]", request.order.to_string()),
            ("metadata[payment_id]", request.payment.to_string()),
        ];
        let key = format!("payment-{}", request.payment);
        let intent: Intent = self.client.post("/v1/payment_intents", &key, &form).await?;
        let secret = intent.client_secret.as_deref().unwrap_or_default();
        if secret.is_empty() {
            let fault = "the PaymentIntent has no client secret".to_owned();
            return Err(ProviderError::Refused(fault));
        }
        Ok(Checkout {
            // Behind the `#` it reaches the buyer's browser and no server, log or referrer.
            checkout_url: format!("{}/pay#{secret}", request.return_url),
            provider_ref: objects::reference(intent.id).map_err(ProviderError::Refused)?,
        })
    }

    async fn close_checkout(&self, provider_ref: &str) -> Result<(), ProviderError> {
        let path = format!("/v1/payment_intents/{}/cancel", encoded(provider_ref)?);
        let key = format!("cancel-{provider_ref}");
        match self.client.post::<Intent>(&path, &key, &[]).await {
            // It is paid or cancelled: there is nothing to cancel.
            Err(ProviderError::Refused(_)) | Ok(_) => Ok(()),
            Err(error) => Err(error),
        }
    }

    async fn refund(&self, request: RefundRequest<'_>) -> Result<RefundAnswer, ProviderError> {
        let found = async {
            match self.find_refund(&request).await? {
                Some(refund) => Ok(refund),
                None => self.ask_refund(&request).await,
            }
        };
        let refund = match found.await {
            Err(ProviderError::Refused(why)) => return Ok(RefundAnswer::Failed(why)),
            answer => answer?,
        };
        let reference = objects::reference(refund.id.clone()).map_err(ProviderError::Refused)?;
        Ok(match refund.status {
            RefundStatus::Succeeded => RefundAnswer::Done(reference),
            RefundStatus::Pending => RefundAnswer::Pending(reference),
            RefundStatus::Failed => RefundAnswer::Failed(refund.why()),
        })
    }

    async fn list(
        &self,
        from: UnixMillis,
        to: UnixMillis,
        cursor: Option<&str>,
    ) -> Result<Page, ProviderError> {
        // Stripe's instants are whole seconds, rounded down.
        let mut query = vec![
            ("created[gte]", from.seconds().to_string()),
            ("created[lt]", to.seconds().to_string()),
            ("limit", PAGE.to_string()),
            ("expand[]", "data.latest_charge".to_owned()),
        ];
        query.extend(cursor.map(|cursor| ("starting_after", cursor.to_owned())));
        let page: List<Intent> = self.client.get("/v1/payment_intents", &query).await?;
        let next_cursor = match page.data.last() {
            Some(last) if page.has_more => Some(last.id.clone()),
            _ => None,
        };
        let listed = page.data.into_iter().map(listed);
        Ok(Page {
            payments: listed.collect::<Result<_, _>>()?,
            next_cursor,
        })
    }

    fn read_webhook(
        &self,
        headers: &HeaderMap,
        body: &[u8],
        now: UnixMillis,
    ) -> Result<ProviderEvent, BadWebhook> {
        webhook::read(&self.settings.webhook_secret.0, headers, body, now)
    }
}

fn listed(intent: Intent) -> Result<Listed, ProviderError> {
    let read = |amount| money::from_stripe(amount, &intent.currency);
    Ok(Listed {
        amount: read(intent.came()).map_err(ProviderError::Refused)?,
        refunded_minor: read(intent.refunded())
            .map_err(ProviderError::Refused)?
            .amount_minor,
        order: intent.order(),
        paid: intent.is_paid(),
        created_at: UnixMillis(intent.created.saturating_mul(1_000)),
        provider_ref: intent.id,
    })
}

/// An id of Stripe's as a part of a path: it has only letters, digits and underlines.
fn encoded(id: &str) -> Result<&str, ProviderError> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    if !id.is_empty() && id.bytes().all(plain) {
        Ok(id)
    } else {
        Err(ProviderError::Refused(format!(
            "`{id}` is no id of Stripe's"
        )))
    }
}
