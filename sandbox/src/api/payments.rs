//! The payments that the shop opens, looks at and lists.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::rejection::{BytesRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Json, Response};
use serde::{Deserialize, Serialize};

use super::Shared;
use crate::ids;
use crate::payments::store::{Cursor, OpenError, Span};
use crate::payments::{Amount, Payment, Request, State as PaymentState};
use crate::problem::Problem;

const PAGE_DEFAULT: usize = 20;
const PAGE_MAX: usize = 100;

/// A payment as the API shows it.
#[derive(Serialize)]
pub(super) struct PaymentView {
    payment_id: String,
    state: PaymentState,
    order_id: String,
    amount: Amount,
    refunded: Amount,
    checkout_url: String,
    created_at_ms: i64,
    expires_at_ms: i64,
}

/// One page of a list.
#[derive(Serialize)]
pub(super) struct List {
    payments: Vec<PaymentView>,
    next_cursor: Option<String>,
}

/// Which payments are asked for.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Question {
    order_id: Option<String>,
    from_ms: Option<i64>,
    to_ms: Option<i64>,
    cursor: Option<String>,
    limit: Option<usize>,
}

impl Shared {
    fn view(&self, payment: Payment) -> PaymentView {
        PaymentView {
            checkout_url: format!("{}/checkout/{}", self.public_url, payment.id),
            refunded: payment.refunded(),
            payment_id: payment.id,
            state: payment.state,
            order_id: payment.request.order_id,
            amount: payment.request.amount,
            created_at_ms: payment.created_at_ms,
            expires_at_ms: payment.request.expires_at_ms,
        }
    }
}

pub(super) async fn create(
    State(shared): State<Arc<Shared>>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, Problem> {
    let key = super::idempotency_key(&headers)?;
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
        Err(error @ OpenError::KeyReused) => Err(Problem::key_reused(error.to_string())),
        Err(error) => Err(Problem::unavailable(&error)),
    }
}

pub(super) async fn show(
    State(shared): State<Arc<Shared>>,
    Path(id): Path<String>,
) -> Result<Json<PaymentView>, Problem> {
    let payment = shared.store.payment(&id);
    let payment = payment.ok_or_else(Problem::unknown_payment)?;
    Ok(Json(shared.view(payment)))
}

/// All payments of one order, or a page of all that were opened in a span of time.
pub(super) async fn list(
    State(shared): State<Arc<Shared>>,
    question: Result<Query<Question>, QueryRejection>,
) -> Result<Json<List>, Problem> {
    let Query(question) = question?;
    let (payments, next) = match &question.order_id {
        Some(_) if question.spans() => {
            return Err(Problem::malformed(
                "Ask for one order with order_id alone, or for a span without it.",
            ));
        }
        Some(order_id) => (shared.store.of_order(order_id), None),
        None => {
            let span = Span {
                from_ms: question.from_ms.unwrap_or(0),
                to_ms: question.to_ms.unwrap_or(i64::MAX),
            };
            let limit = question.limit.unwrap_or(PAGE_DEFAULT);
            if !(1..=PAGE_MAX).contains(&limit) {
                let fault = format!("limit must lie between 1 and {PAGE_MAX}");
                return Err(Problem::invalid_field(fault));
            }
            let after = question.cursor.as_deref().map(str::parse).transpose();
            let after: Option<Cursor> =
                after.map_err(|fault: &str| Problem::invalid_field(fault))?;
            shared.store.list(span, after.as_ref(), limit)
        }
    };
    let payments = payments.into_iter();
    Ok(Json(List {
        payments: payments.map(|payment| shared.view(payment)).collect(),
        next_cursor: next.map(|cursor| cursor.to_string()),
    }))
}

impl Question {
    fn spans(&self) -> bool {
        self.from_ms.is_some()
            || self.to_ms.is_some()
            || self.cursor.is_some()
            || self.limit.is_some()
    }
}
