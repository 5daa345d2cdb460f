//! The page on which the buyer pays, as a provider would host it.

use std::sync::Arc;

use axum::extract::rejection::FormRejection;
use axum::extract::{Form, Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use serde::{Deserialize, Serialize};

use crate::api::Shared;
use crate::ids;
use crate::payments::store::{Attempt, AttemptError};
use crate::payments::{Outcome, Payment, State as PaymentState};
use crate::problem::Problem;

/// What the page shows.
#[derive(Serialize)]
struct View {
    /// `open`, `late` (expired, but money is taken), `paid` or `expired`; `unknown` without the rest.
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    payment: Option<Details>,
}

#[derive(Serialize)]
struct Details {
    order_id: String,
    amount: String,
    declines: u32,
    return_url: String,
}

/// The form of the page.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Choice {
    outcome: Outcome,
}

pub async fn show(State(shared): State<Arc<Shared>>, Path(id): Path<String>) -> Response {
    match shared.store.payment(&id) {
        Some(payment) => page(&shared, StatusCode::OK, payment),
        None => unknown(&shared),
    }
}

pub async fn settle(
    State(shared): State<Arc<Shared>>,
    Path(id): Path<String>,
    form: Result<Form<Choice>, FormRejection>,
) -> Result<Response, Problem> {
    let Form(Choice { outcome }) = form?;
    let late = shared.faults.faults().late_payments;
    match shared.store.attempt(&id, outcome, late, ids::now_ms()) {
        Ok(Attempt::Recorded(payment, event)) => {
            shared.webhooks.send(event);
            Ok(Redirect::to(&payment.request.return_url).into_response())
        }
        // A second click on "pay" has what it wanted; a decline comes too late.
        Ok(Attempt::AlreadyPaid(payment)) if outcome == Outcome::Pay => {
            Ok(Redirect::to(&payment.request.return_url).into_response())
        }
        Ok(Attempt::AlreadyPaid(payment) | Attempt::Expired(payment)) => {
            Ok(page(&shared, StatusCode::CONFLICT, payment))
        }
        Err(AttemptError::Unknown) => Ok(unknown(&shared)),
        Err(error) => Err(Problem::unavailable(&error)),
    }
}

fn page(shared: &Shared, status: StatusCode, payment: Payment) -> Response {
    let word = match payment.state {
        PaymentState::Paid => "paid",
        PaymentState::Open if !payment.expired(ids::now_ms()) => "open",
        PaymentState::Open if shared.faults.faults().late_payments => "late",
        PaymentState::Open => "expired",
    };
    let details = Details {
        amount: payment.request.amount.text(),
        order_id: payment.request.order_id,
        declines: payment.declines,
        return_url: payment.request.return_url,
    };
    shared.pages.page(
        status,
        "checkout.html",
        View {
            status: word,
            payment: Some(details),
        },
    )
}

fn unknown(shared: &Shared) -> Response {
    let view = View {
        status: "unknown",
        payment: None,
    };
    shared
        .pages
        .page(StatusCode::NOT_FOUND, "checkout.html", view)
}
