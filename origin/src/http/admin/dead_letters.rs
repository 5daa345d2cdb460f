//! `/admin/api/dead-letters`: messages of the queue that could not be decided.
//!
//! Invariant: NATS has them, so that the log's line and the change are not one transaction: the line
//! comes after the change, and says what became of it.

use super::Shared;
use super::access::By;
use super::answer::{Answer, Refused, away, not_found, wrong_state};
use super::page::{Asked, limit, next};
use crate::operators::Operator;
use crate::orders::dead_letters::{Retried, RetryError, order_of, retry as place_anew};
use crate::queue::{DeadLetter, QueueError};
use crate::stock::Held;
use axum::Router;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::routing::{get, post};
use serde::Deserialize;
use serde_json::{Value, json};

pub(super) fn routes() -> Router<Shared> {
    const ONE: &str = "/admin/api/dead-letters/{number}";
    Router::new()
        .route("/admin/api/dead-letters", get(list))
        .route(ONE, get(show).delete(drop_one))
        .route(&format!("{ONE}/retry"), post(retry))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Page {
    /// The number of the last letter on the page before.
    cursor: Option<u64>,
    limit: Option<u32>,
}

fn view(letter: &DeadLetter) -> Value {
    let order = order_of(letter);
    json!({
        "number": letter.number,
        "at_ms": letter.at,
        "order_id": order.as_ref().map(|order| order.order_id),
        "sale_id": order.as_ref().map(|order| order.sale_id),
        "account_id": order.as_ref().map(|order| order.account_id),
        "quantity": order.as_ref().map(|order| order.quantity),
        "reason": letter.reason,
        "deliveries": letter.deliveries,
        "payload": String::from_utf8_lossy(&letter.payload),
    })
}

fn unknown(number: u64) -> Refused {
    not_found(format!("there is no dead letter {number}"))
}

fn number(text: &str) -> Answer<u64> {
    let unknown = |_| not_found(format!("there is no dead letter {text}"));
    text.parse().map_err(unknown)
}

async fn list(State(desk): State<Shared>, Asked(page): Asked<Page>) -> Answer<axum::Json<Value>> {
    let limit = limit(page.limit)?;
    let from = page.cursor.map_or(1, |number| number.saturating_add(1));
    let at_most = usize::try_from(limit).unwrap_or(usize::MAX);
    let letters = desk.queue().await?.dead_letters(from, at_most).await?;
    let next = next(&letters, limit, |letter| letter.number);
    let views: Vec<Value> = letters.iter().map(view).collect();
    Ok(axum::Json(
        json!({ "dead_letters": views, "next_cursor": next }),
    ))
}

async fn show(State(desk): State<Shared>, Path(text): Path<String>) -> Answer<axum::Json<Value>> {
    let number = number(&text)?;
    let letter = desk.queue().await?.dead_letter(number).await?;
    Ok(axum::Json(view(&letter.ok_or_else(|| unknown(number))?)))
}

async fn retry(
    State(desk): State<Shared>,
    By(Operator { actor, .. }): By,
    Path(text): Path<String>,
) -> Answer<axum::Json<Value>> {
    let number = number(&text)?;
    let order = match place_anew(&desk.stores().await?, number).await? {
        Retried::Placed(order) => order,
        Retried::Unknown => return Err(unknown(number)),
        refused => {
            let why = why_not(&refused);
            return Err(wrong_state(format!(
                "dead letter {number} is not placed anew: {why}"
            )));
        }
    };
    let after = json!({ "order": order });
    let subject = format!("dead-letter:{number}");
    let ledger = desk.ledger().await?;
    ledger
        .note(&actor, "dead-letter.retry", subject, &after)
        .await?;
    Ok(axum::Json(json!({ "order_id": order })))
}

async fn drop_one(
    State(desk): State<Shared>,
    By(Operator { actor, .. }): By,
    Path(text): Path<String>,
) -> Answer<StatusCode> {
    let number = number(&text)?;
    if !desk.queue().await?.drop_dead_letter(number).await? {
        return Err(unknown(number));
    }
    let subject = format!("dead-letter:{number}");
    let ledger = desk.ledger().await?;
    ledger
        .note(&actor, "dead-letter.drop", subject, &json!({}))
        .await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Why a letter was not placed anew.
fn why_not(outcome: &Retried) -> String {
    let why = match outcome {
        Retried::Placed(_) => "it is placed",
        Retried::Unknown => "there is none",
        Retried::Unreadable => "it carries no order that can be read",
        Retried::Live(state) => return format!("its order is {} by now", state.as_str()),
        Retried::Refused(held) => match held {
            Held::Short => "sold out: fewer units are left than it asks for",
            Held::OverLimit => "its account holds as many units of this sale as one may",
            Held::Closed => "the sale is over",
            Held::Early => "the sale has not opened",
            Held::Paused => "the sale is paused",
            Held::Counting => "the stock of the sale is being counted anew; try again",
            Held::Yes(_) | Held::Decided | Held::Taken => "the new id was used before; try again",
        },
    };
    why.to_owned()
}

impl From<QueueError> for Refused {
    fn from(error: QueueError) -> Self {
        away(&error)
    }
}

impl From<RetryError> for Refused {
    fn from(error: RetryError) -> Self {
        away(&error)
    }
}
