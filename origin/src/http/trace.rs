//! One span a request, under the trace that the shopper's side began (W3C Trace Context).
//!
//! Invariant: every answer names its trace in `traceparent`, so that a shopper's report leads to
//! the log.

use axum::extract::Request;
use axum::http::{HeaderValue, header::HeaderName};
use axum::middleware::Next;
use axum::response::Response;
use std::time::Instant;
use tracing::Instrument;

const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

/// Gives the request a span and its answer the span's `traceparent`.
pub(super) async fn trace(request: Request, next: Next) -> Response {
    let given = request
        .headers()
        .get(TRACEPARENT)
        .and_then(|value| value.to_str().ok());
    let trace_id = given
        .and_then(trace_id)
        .map_or_else(crate::random_id, str::to_owned);
    let span_id = hex::encode(crate::random_bytes::<8>());
    let span = tracing::info_span!(
        "request",
        trace.id = trace_id,
        span.id = span_id,
        http.method = %request.method(),
        http.path = request.uri().path(),
    );
    let started = Instant::now();
    let mut response = async {
        let response = next.run(request).await;
        tracing::debug!(
            http.status = response.status().as_u16(),
            latency_ms = started.elapsed().as_millis(),
            "Answered"
        );
        response
    }
    .instrument(span)
    .await;
    if let Ok(value) = HeaderValue::try_from(format!("00-{trace_id}-{span_id}-01")) {
        response.headers_mut().insert(TRACEPARENT, value);
    }
    response
}

/// The trace id of a `traceparent` of version 00: `00-<32 hex>-<16 hex>-<2 hex>`.
fn trace_id(traceparent: &str) -> Option<&str> {
    let mut parts = traceparent.split('-');
    let mut hex_of = |length: usize| {
        let part = parts.next()?;
        let lower_hex = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
        (part.len() == length && part.bytes().all(lower_hex)).then_some(part)
    };
    let (version, trace_id) = (hex_of(2)?, hex_of(32)?);
    hex_of(16)?;
    hex_of(2)?;
    let known = version == "00" && trace_id.bytes().any(|b| b != b'0');
    known.then_some(trace_id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_whole_traceparent_is_taken_over() {
        let id = "4bf92f3577b34da6a3ce929d0e0e4736";
        let check = |text: &str, expected| assert_eq!(trace_id(text), expected, "{text}");
        check(&format!("00-{id}-00f067aa0ba902b7-01"), Some(id));
        check(&format!("00-{id}-00f067aa0ba902b7"), None);
        check(&format!("99-{id}-00f067aa0ba902b7-01"), None);
        check(
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            None,
        );
        check("nonsense", None);
    }
}
