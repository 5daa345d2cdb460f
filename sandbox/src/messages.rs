//! Text messages: `POST /v1/messages {to, text}` with the API key, shown in the mailbox. None is sent
//! on.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::State;
use axum::extract::rejection::BytesRejection;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Json, Response};
use serde::{Deserialize, Serialize};

use crate::api::Shared;
use crate::ids;
use crate::problem::Problem;

/// Ten parts of a long text message.
const TEXT_CHARS_MAX: usize = 1_530;
/// Digits of a number with its country (E.164).
const DIGITS: std::ops::RangeInclusive<usize> = 8..=15;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Request {
    to: String,
    text: String,
}

#[derive(Serialize)]
struct Accepted {
    message_id: String,
}

/// Takes a message.
pub async fn create(
    State(shared): State<Arc<Shared>>,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, Problem> {
    let Request { to, text } =
        serde_json::from_slice(&body?).map_err(|error| Problem::malformed(error.to_string()))?;
    if !is_number(&to) {
        return Err(Problem::invalid_field(
            "to: is a number such as +4915123456789",
        ));
    }
    if !(1..=TEXT_CHARS_MAX).contains(&text.chars().count()) {
        let detail = format!("text: has 1 to {TEXT_CHARS_MAX} characters");
        return Err(Problem::invalid_field(detail));
    }
    let message_id = ids::fresh("msg").map_err(|error| Problem::unavailable(&error))?;
    shared.mailbox.receive_text(to, text, ids::now_ms());
    Ok((StatusCode::CREATED, Json(Accepted { message_id })).into_response())
}

/// A number as it stands in a query, where a `+` that nobody has encoded is a blank.
pub fn number_in_query(to: String) -> String {
    let number = format!("+{}", to.trim_start());
    if to.starts_with(' ') && is_number(&number) {
        number
    } else {
        to
    }
}

fn is_number(text: &str) -> bool {
    let digits = text.strip_prefix('+').unwrap_or_default();
    DIGITS.contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::number_in_query;

    #[test]
    fn a_number_in_a_query_is_found_with_its_plus_encoded_or_not() {
        let cases = [
            ("+4915123456789", "+4915123456789"),
            (" 4915123456789", "+4915123456789"),
            (" ada@example.test", " ada@example.test"),
            ("4915123456789", "4915123456789"),
            (" 12", " 12"),
        ];
        for (query, expected) in cases {
            assert_eq!(number_in_query(query.to_owned()), expected);
        }
    }
}
