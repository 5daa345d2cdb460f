//! `POST /api/orders/{id}/payment`.
//!
//! Invariant: a buyer pays an order of their own, and every order once.

use super::Shared;
use super::answer::Answer;
use super::body::Json;
use super::session::SignedIn;
use crate::payments;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use kernel::ids::OrderId;
use kernel::problem::{FieldError, Problem, ProblemKind};
use kernel::wire::{Address, PaymentRequest};

/// Begins the payment, or says where it was begun.
pub(super) async fn start(
    State(origin): State<Shared>,
    SignedIn(session): SignedIn,
    Path(id): Path<String>,
    Json(request): Json<PaymentRequest>,
) -> Answer<Response> {
    let id: OrderId = id.parse().map_err(|_| ProblemKind::UnknownOrder)?;
    check(&request.ship_to)?;
    let order = origin.stores.ledger.order(id, session.account).await?;
    let order = order.ok_or(ProblemKind::UnknownOrder)?;
    let (stores, url) = (&origin.stores, &origin.public_url);
    let started = payments::start(stores, &origin.provider, url, &order, &request.ship_to).await?;
    Ok((StatusCode::CREATED, axum::Json(started)).into_response())
}

fn check(address: &Address) -> Result<(), Problem> {
    let text = |value: &str, least: usize, most: usize| {
        let length = value.trim().chars().count();
        (least..=most).contains(&length) && !value.chars().any(char::is_control)
    };
    let lines_fit = (1..=3).contains(&address.lines.len())
        && address.lines.iter().all(|line| text(line, 1, 100));
    let country_fits =
        address.country.len() == 2 && address.country.bytes().all(|b| b.is_ascii_uppercase());
    let checks = [
        (
            "ship_to.name",
            text(&address.name, 1, 100),
            "Please give 1 to 100 characters.",
        ),
        (
            "ship_to.lines",
            lines_fit,
            "Please give 1 to 3 lines of 1 to 100 characters.",
        ),
        (
            "ship_to.postcode",
            text(&address.postcode, 0, 20),
            "Please give up to 20 characters.",
        ),
        (
            "ship_to.city",
            text(&address.city, 1, 100),
            "Please give 1 to 100 characters.",
        ),
        (
            "ship_to.country",
            country_fits,
            "Please give two capital letters, such as DE.",
        ),
    ];
    let errors: Vec<FieldError> = checks
        .into_iter()
        .filter(|(_, fits, _)| !fits)
        .map(|(field, _, message)| FieldError {
            field: field.into(),
            message: message.into(),
        })
        .collect();
    if errors.is_empty() {
        return Ok(());
    }
    let problem = Problem::new(ProblemKind::InvalidField, "Please check the address.");
    Err(Problem { errors, ..problem })
}
