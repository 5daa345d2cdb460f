//! The HTTP side: the routes, and who may call which.
//!
//! The payment API and the faults want the shop's key; faults befall the payment API alone.

mod faults;
mod payments;
mod refunds;

use std::sync::Arc;

use axum::Router;
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use subtle::ConstantTimeEq;

use crate::faults::Switches;
use crate::mailbox::Mailbox;
use crate::pages::Pages;
use crate::payments::store::Store;
use crate::problem::Problem;
use crate::webhooks::Webhooks;
use crate::{checkout, mailbox, messages, pages};

const BODY_BYTES_MAX: usize = 16 * 1_024;
const KEY_BYTES_MAX: usize = 255;

/// What every request may use.
pub struct Shared {
    pub store: Arc<Store>,
    pub webhooks: Webhooks,
    pub faults: Arc<Switches>,
    pub mailbox: Arc<Mailbox>,
    pub pages: Pages,
    pub api_key: String,
    /// Without a slash at the end.
    pub public_url: String,
}

pub fn router(shared: Arc<Shared>) -> Router {
    let provider = Router::new()
        .route("/v1/payments", get(payments::list).post(payments::create))
        .route("/v1/payments/{id}", get(payments::show))
        .route(
            "/v1/payments/{id}/refunds",
            get(refunds::list).post(refunds::create),
        )
        .route_layer(middleware::from_fn_with_state(
            Arc::clone(&shared),
            faults::befall,
        ))
        .route("/v1/messages", post(messages::create))
        .route("/faults", get(faults::show).put(faults::set))
        .route_layer(middleware::from_fn_with_state(
            Arc::clone(&shared),
            with_key,
        ));
    Router::new()
        .route("/livez", get(|| async { "OK" }))
        .route("/style.css", get(pages::style))
        .route("/checkout/{id}", get(checkout::show).post(checkout::settle))
        .route("/mailbox", get(mailbox::show))
        .merge(provider)
        .fallback(|| async {
            Problem::new(
                StatusCode::NOT_FOUND,
                "unknown-route",
                "There is nothing at this address.",
            )
        })
        .method_not_allowed_fallback(|| async {
            Problem::new(
                StatusCode::METHOD_NOT_ALLOWED,
                "unknown-method",
                "This address does not take this method.",
            )
        })
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .with_state(shared)
}

async fn with_key(State(shared): State<Arc<Shared>>, request: Request, next: Next) -> Response {
    let given = request
        .headers()
        .get(header::AUTHORIZATION)
        .and_then(|value| value.as_bytes().strip_prefix(b"Bearer "))
        .unwrap_or_default();
    if bool::from(given.ct_eq(shared.api_key.as_bytes())) {
        return next.run(request).await;
    }
    let problem = Problem::new(
        StatusCode::UNAUTHORIZED,
        "unknown-key",
        "Send the API key as `Authorization: Bearer <key>`.",
    );
    ([(header::WWW_AUTHENTICATE, "Bearer")], problem).into_response()
}

/// The key under which a request may be repeated.
fn idempotency_key(headers: &HeaderMap) -> Result<&str, Problem> {
    headers
        .get("idempotency-key")
        .and_then(|value| value.to_str().ok())
        .filter(|key| !key.is_empty() && key.len() <= KEY_BYTES_MAX)
        .ok_or_else(|| {
            Problem::malformed("Send a header Idempotency-Key of 1 to 255 ASCII characters.")
        })
}
