//! The sandbox provider's API: the program `doorbuster-sandbox`.
//!
//! Invariant: every POST carries an idempotency key, so a repeated one has no second effect.

mod webhook;

use super::provider::{
    BadWebhook, Checkout, CheckoutRequest, Listed, Page, PaymentProvider, ProviderError,
    ProviderEvent, REFERENCE_BYTES_MAX, RefundAnswer, RefundRequest,
};
use crate::settings::SandboxSettings;
use axum::http::{HeaderMap, StatusCode};
use kernel::ids::OrderId;
use kernel::money::Money;
use kernel::time::UnixMillis;
use reqwest::RequestBuilder;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// Payments of a page of its list.
const PAGE: u32 = 100;

/// A client of the sandbox.
#[derive(Clone, Debug)]
pub(super) struct Sandbox {
    http: reqwest::Client,
    settings: SandboxSettings,
}

#[derive(Serialize)]
struct OpenCheckout<'a> {
    order_id: OrderId,
    amount: Money,
    return_url: &'a str,
    expires_at_ms: UnixMillis,
}

#[derive(Deserialize)]
struct Opened {
    payment_id: String,
    checkout_url: String,
}

#[derive(Serialize)]
struct AskRefund {
    amount: Money,
}

#[derive(Deserialize)]
struct Refunded {
    refund_id: String,
    state: RefundState,
}

#[derive(Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum RefundState {
    Done,
    Pending,
    Failed,
}

#[derive(Deserialize)]
struct List {
    payments: Vec<ListedPayment>,
    next_cursor: Option<String>,
}

#[derive(Deserialize)]
struct ListedPayment {
    payment_id: String,
    order_id: String,
    amount: Money,
    state: String,
    refunded: Money,
    created_at_ms: UnixMillis,
}

/// A problem document, as far as it is told to a person.
#[derive(Deserialize)]
struct Problem {
    detail: Option<String>,
}

impl Sandbox {
    pub(super) fn new(settings: SandboxSettings) -> Result<Self, ProviderError> {
        let http = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .map_err(ProviderError::away)?;
        Ok(Self { http, settings })
    }

    fn url(&self, path: &str) -> String {
        format!("{}{path}", self.settings.url)
    }

    async fn send<T: DeserializeOwned>(&self, request: RequestBuilder) -> Result<T, ProviderError> {
        let request = request.bearer_auth(&self.settings.api_key.0);
        let answer = request.send().await.map_err(ProviderError::away)?;
        let status = answer.status();
        if let Err(error) = answer.error_for_status_ref() {
            // 401 and 403 are a key that somebody must set right; then the same call succeeds.
            let is_final = status.is_client_error()
                && !matches!(
                    status,
                    StatusCode::UNAUTHORIZED
                        | StatusCode::FORBIDDEN
                        | StatusCode::REQUEST_TIMEOUT
                        | StatusCode::TOO_MANY_REQUESTS
                );
            if !is_final {
                return Err(ProviderError::away(error));
            }
            let problem = answer.json::<Problem>().await.ok();
            let detail = problem.and_then(|problem| problem.detail);
            let detail = detail.unwrap_or_default();
            return Err(ProviderError::Refused(format!("{status}: {detail}")));
        }
        answer.json().await.map_err(ProviderError::away)
    }
}

impl PaymentProvider for Sandbox {
    const NAME: &'static str = "sandbox";
    const CHECKOUTS_EXPIRE: bool = true;

    async fn open_checkout(&self, request: CheckoutRequest<'_>) -> Result<Checkout, ProviderError> {
        let open = OpenCheckout {
            order_id: request.order,
            amount: request.amount,
            return_url: request.return_url,
            expires_at_ms: request.expires_at,
        };
        let call = self.http.post(self.url("/v1/payments"));
        let call = call.header("idempotency-key", request.payment.to_string());
        let opened: Opened = self.send(call.json(&open)).await?;
        Ok(Checkout {
            provider_ref: reference(opened.payment_id)?,
            checkout_url: opened.checkout_url,
        })
    }

    async fn refund(&self, request: RefundRequest<'_>) -> Result<RefundAnswer, ProviderError> {
        let path = format!("/v1/payments/{}/refunds", request.provider_ref);
        let call = self.http.post(self.url(&path));
        let call = call.header("idempotency-key", request.key.to_string());
        let amount = request.amount;
        let refunded: Refunded = match self.send(call.json(&AskRefund { amount })).await {
            Err(ProviderError::Refused(why)) => return Ok(RefundAnswer::Failed(why)),
            answer => answer?,
        };
        let refund_ref = reference(refunded.refund_id)?;
        Ok(match refunded.state {
            RefundState::Done => RefundAnswer::Done(refund_ref),
            RefundState::Pending => RefundAnswer::Pending(refund_ref),
            RefundState::Failed => RefundAnswer::Failed(format!("{refund_ref} failed there")),
        })
    }

    async fn list(
        &self,
        from: UnixMillis,
        to: UnixMillis,
        cursor: Option<&str>,
    ) -> Result<Page, ProviderError> {
        let mut query = vec![
            ("from_ms", from.0.to_string()),
            ("to_ms", to.0.to_string()),
            ("limit", PAGE.to_string()),
        ];
        query.extend(cursor.map(|cursor| ("cursor", cursor.to_owned())));
        let call = self.http.get(self.url("/v1/payments")).query(&query);
        let list: List = self.send(call).await?;
        let listed = |payment: ListedPayment| Listed {
            provider_ref: payment.payment_id,
            order: payment.order_id.parse().ok(),
            amount: payment.amount,
            paid: payment.state == "paid",
            refunded_minor: payment.refunded.amount_minor,
            created_at: payment.created_at_ms,
        };
        Ok(Page {
            payments: list.payments.into_iter().map(listed).collect(),
            next_cursor: list.next_cursor,
        })
    }

    async fn close_checkout(&self, _: &str) -> Result<(), ProviderError> {
        // It ends when it expires.
        Ok(())
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

fn reference(id: String) -> Result<String, ProviderError> {
    if (1..=REFERENCE_BYTES_MAX).contains(&id.len()) {
        Ok(id)
    } else {
        Err(ProviderError::Refused(format!("`{id}` is no id")))
    }
}
