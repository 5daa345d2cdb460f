//! Reading bodies.
//!
//! Invariant: no body is read further than its limit, and a body that cannot be used is answered
//! with what is wrong about it.

use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use kernel::problem::{Problem, ProblemKind};
use kernel::wire::BODY_BYTES_MAX;
use serde::de::DeserializeOwned;
use serde_json::error::Category;
use spin_sdk::http::{HeaderMap, Request};
use spin_sdk::wasip3::http_compat::{IncomingBody, IncomingMessage};

/// The body of a shopper's request, at most [`BODY_BYTES_MAX`].
pub async fn read(request: Request) -> Result<Bytes, Problem> {
    let detail = "A request body has at most 16 KiB.";
    match collect(request.into_body(), BODY_BYTES_MAX).await {
        Ok(body) => Ok(body),
        Err(Unread::TooLong) => Err(Problem::new(ProblemKind::TooLarge, detail)),
        Err(Unread::Broken) => Err(Problem::new(
            ProblemKind::Malformed,
            "The body did not arrive whole.",
        )),
    }
}

/// A JSON value out of a shopper's request.
pub fn json<T: DeserializeOwned>(headers: &HeaderMap, body: &[u8]) -> Result<T, Problem> {
    let media_type = headers
        .get("content-type")
        .and_then(|value| value.to_str().ok());
    let media_type = media_type
        .unwrap_or_default()
        .split(';')
        .next()
        .unwrap_or_default();
    if !media_type.trim().eq_ignore_ascii_case("application/json") {
        return Err(ProblemKind::UnsupportedType.into());
    }
    parse(body)
}

/// Why a body was not read to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unread {
    /// It is longer than allowed.
    TooLong,
    /// The connection ended before it.
    Broken,
}

/// A whole body of at most `bytes_max`, of a request or of the origin's response.
pub async fn collect<T: IncomingMessage>(
    mut body: IncomingBody<T>,
    bytes_max: usize,
) -> Result<Bytes, Unread> {
    let mut whole = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame.map_err(|_| Unread::Broken)?.into_data() else {
            continue;
        };
        if whole.len() + data.len() > bytes_max {
            return Err(Unread::TooLong);
        }
        whole.extend_from_slice(&data);
    }
    Ok(whole.freeze())
}

fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, Problem> {
    // Otherwise serde would also take an array of the fields' values.
    if body
        .trim_ascii_start()
        .first()
        .is_some_and(|byte| *byte != b'{')
    {
        return Err(Problem::new(
            ProblemKind::Malformed,
            "The body is not a JSON object.",
        ));
    }
    let mut json = serde_json::Deserializer::from_slice(body);
    let value = serde_path_to_error::deserialize(&mut json).map_err(|error| {
        let path = error.path().to_string();
        explain(&path, &error.into_inner())
    })?;
    json.end().map_err(|error| explain(".", &error))?;
    Ok(value)
}

/// What serde found, said to whoever wrote the request.
fn explain(path: &str, error: &serde_json::Error) -> Problem {
    let text = error.to_string();
    if error.classify() != Category::Data {
        return Problem::new(
            ProblemKind::Malformed,
            format!("The body is no JSON: {text}."),
        );
    }
    let named = |before: &str| text.strip_prefix(before)?.split('`').next();
    if let Some(field) = named("unknown field `") {
        return Problem::field(field, "is not a field of this request");
    }
    if let Some(field) = named("missing field `") {
        return Problem::field(field, "is missing");
    }
    let place = text.rfind(" at line ").unwrap_or(text.len());
    Problem::field(path, &text[..place])
}

#[cfg(test)]
mod tests {
    use super::*;
    use kernel::wire::{OrderRequest, PaymentRequest};
    use spin_sdk::http::HeaderValue;

    #[test]
    fn what_is_wrong_is_named() {
        let check = |body: &str, kind, field: Option<&str>| {
            let problem = parse::<OrderRequest>(body.as_bytes()).unwrap_err();
            assert_eq!(problem.kind, kind, "{body}: {problem:?}");
            let named = problem.errors.first().map(|error| error.field.as_str());
            assert_eq!(named, field, "{body}: {problem:?}");
        };
        check("", ProblemKind::Malformed, None);
        check("{", ProblemKind::Malformed, None);
        check("[1]", ProblemKind::Malformed, None);
        check("7", ProblemKind::Malformed, None);
        let order = r#"{"sale_id":"5","quantity":1}"#;
        check(&format!("{order} {order}"), ProblemKind::Malformed, None);
        let field = |body, name| check(body, ProblemKind::InvalidField, Some(name));
        field(r#"{"sale_id":"5"}"#, "quantity");
        field(r#"{"sale_id":"5","quantity":1,"price":0}"#, "price");
        field(r#"{"sale_id":"5","quantity":"1"}"#, "quantity");
        field(r#"{"sale_id":"5","quantity":-1}"#, "quantity");
        field(r#"{"sale_id":5,"quantity":1}"#, "sale_id");
        assert!(parse::<OrderRequest>(order.as_bytes()).is_ok());
    }

    #[test]
    fn a_field_inside_another_is_named_with_its_path() {
        let body =
            r#"{"ship_to":{"name":"A","lines":[7],"postcode":"","city":"B","country":"DE"}}"#;
        let problem = parse::<PaymentRequest>(body.as_bytes()).unwrap_err();
        assert_eq!(problem.errors[0].field, "ship_to.lines[0]");
    }

    #[test]
    fn json_must_be_called_json() {
        let check = |media_type: &'static str, accepted| {
            let mut headers = HeaderMap::new();
            headers.insert("content-type", HeaderValue::from_static(media_type));
            assert_eq!(
                json::<serde_json::Value>(&headers, b"{}").is_ok(),
                accepted,
                "{media_type}"
            );
        };
        check("application/json", true);
        check("Application/JSON; charset=utf-8", true);
        check("text/plain", false);
        check("application/x-www-form-urlencoded", false);
    }
}
