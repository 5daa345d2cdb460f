//! The HTTP side: the routes, and the payment API that the shop calls with its key.

use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{DefaultBodyLimit, Path, Query, Request as HttpRequest, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Json, Response};
use axum::routing::{get, post};
use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq;

use crate::mailbox::Mailbox;
use crate::pages::Pages;
use crate::payments::store::{OpenError, Store};
use crate::payments::{Amount, Payment, Request, State as PaymentState};
use crate::problem::Problem;
use crate::webhooks::Webhooks;
use crate::{checkout, ids, mailbox, messages, pages};

const BODY_BYTES_MAX: usize = 16 * 1_024;
const KEY_BYTES_MAX: usize = 255;

/// What every request may use.
pub struct Shared {
    pub store: Arc<Store>,
    pub webhooks: Webhooks,
    pub mailbox: Arc<Mailbox>,
    pub pages: Pages,
    pub api_key: String,
    /// Without a slash at the end.
    pub public_url: String,
}

pub fn router(shared: Arc<Shared>) -> Router {
    let provider = Router::new()
        .route("/v1/payments", get(list).post(create))
        .route("/v1/payments/{id}", get(show))
        .route("/v1/messages", post(messages::create))
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

/// A payment as the API shows it.
#[derive(Serialize)]
struct PaymentView {
    payment_id: String,
    state: PaymentState,
    order_id: String,
    amount: Amount,
    checkout_url: String,
    expires_at_ms: i64,
}

impl Shared {
    fn view(&self, payment: Payment) -> PaymentView {
        PaymentView {
            checkout_url: format!("{}/checkout/{}", self.public_url, payment.id),
            payment_id: payment.id,
            state: payment.state,
            order_id: payment.request.order_id,
            amount: payment.request.amount,
            expires_at_ms: payment.request.expires_at_ms,
        }
    }
}

async fn with_key(State(shared): State<Arc<Shared>>, request: HttpRequest, next: Next) -> Response {
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

async fn create(
    State(shared): State<Arc<Shared>>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, Problem> {
    let key = headers
        .get("idempotency-key")
        .and_then(|value| value.to_str().ok())
        .filter(|key| !key.is_empty() && key.len() <= KEY_BYTES_MAX)
        .ok_or_else(|| {
            Problem::malformed("Send a header Idempotency-Key of 1 to 255 ASCII characters.")
        })?;
    let request: Request =
        serde_json::from_slice(&body?).map_err(|error| Problem::malformed(error.to_string()))?;
    // A repeated request is answered even if it has become too late for a new one.
    match shared.store.create(key, request, ids::now_ms()) {
        Ok(opened) => {
            let status = if opened.created {
                StatusCode::CREATED
            } else {
                StatusCode::OK
            };
            Ok((status, Json(shared.view(opened.payment))).into_response())
        }
        Err(OpenError::Invalid(fault)) => Err(Problem::invalid_field(fault)),
        Err(error @ OpenError::KeyReused) => Err(Problem::new(
            StatusCode::CONFLICT,
            "idempotency-key-reused",
            error.to_string(),
        )),
        Err(error) => Err(Problem::unavailable(&error)),
    }
}

async fn show(
    State(shared): State<Arc<Shared>>,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let payment = shared
        .store
        .payment(&id)
        .ok_or_else(Problem::unknown_payment)?;
    Ok(Json(shared.view(payment)).into_response())
}

#[derive(Deserialize)]
struct OfOrder {
    order_id: Option<String>,
}

#[derive(Serialize)]
struct List {
    payments: Vec<PaymentView>,
}

async fn list(
    State(shared): State<Arc<Shared>>,
    Query(query): Query<OfOrder>,
) -> Result<Response, Problem> {
    let order_id = query
        .order_id
        .ok_or_else(|| Problem::malformed("Ask for one order: ?order_id=…"))?;
    let payments = shared.store.of_order(&order_id);
    let payments = payments
        .into_iter()
        .map(|payment| shared.view(payment))
        .collect();
    Ok(Json(List { payments }).into_response())
}
