//! Refunds that the shop asks for.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Json, Response};
use serde::{Deserialize, Serialize};

use super::Shared;
use crate::payments::refund::RefundError;
use crate::payments::{Amount, Refund, RefundState};
use crate::problem::Problem;
use crate::{ids, refunds};

/// What the shop asks for.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Request {
    amount: Amount,
}

/// A refund as the API shows it.
#[derive(Serialize)]
pub(super) struct RefundView {
    refund_id: String,
    payment_id: String,
    amount: Amount,
    state: RefundState,
}

/// All refunds of a payment.
#[derive(Serialize)]
pub(super) struct List {
    refunds: Vec<RefundView>,
}

impl RefundView {
    fn new(payment_id: &str, refund: Refund) -> Self {
        Self {
            refund_id: refund.id,
            payment_id: payment_id.to_owned(),
            amount: refund.amount,
            state: refund.state,
        }
    }
}

pub(super) async fn create(
    State(shared): State<Arc<Shared>>,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, Problem> {
    let key = super::idempotency_key(&headers)?;
    let Request { amount } =
        serde_json::from_slice(&body?).map_err(|error| Problem::malformed(error.to_string()))?;
    let now_ms = ids::now_ms();
    let ending = || shared.faults.ending(now_ms);
    let refunded = shared.store.refund(&id, key, amount, ending, now_ms)?;
    let status = if refunded.created {
        StatusCode::CREATED
    } else {
        StatusCode::OK
    };
    let view = RefundView::new(&id, refunded.refund.clone());
    if refunded.created {
        refunds::follow(&shared.store, &shared.webhooks, refunded);
    }
    Ok((status, Json(view)).into_response())
}

pub(super) async fn list(
    State(shared): State<Arc<Shared>>,
    Path(id): Path<String>,
) -> Result<Json<List>, Problem> {
    let payment = shared.store.payment(&id);
    let payment = payment.ok_or_else(Problem::unknown_payment)?;
    let refunds = payment.refunds.into_iter();
    Ok(Json(List {
        refunds: refunds.map(|refund| RefundView::new(&id, refund)).collect(),
    }))
}

impl From<RefundError> for Problem {
    fn from(error: RefundError) -> Self {
        let conflict =
            |word, error: &RefundError| Self::new(StatusCode::CONFLICT, word, error.to_string());
        match error {
            RefundError::Unknown => Self::unknown_payment(),
            RefundError::Invalid(fault) => Self::invalid_field(fault),
            RefundError::NotPaid => conflict("not-paid", &error),
            RefundError::TooMuch { .. } => conflict("too-much", &error),
            RefundError::TooMany => conflict("too-many", &error),
            RefundError::KeyReused => Self::key_reused(error.to_string()),
            RefundError::Full | RefundError::Journal(_) => Self::unavailable(&error),
        }
    }
}
