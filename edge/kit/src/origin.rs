//! Requests to the origin, signed by the PoP.
//!
//! Invariant: every request carries a fresh signature over all that the origin may act on, and
//! waits for the first byte of the response, and from byte to byte of its body, only so long.

use crate::settings::Edge;
use crate::{clock, random};
use bytes::Bytes;
use kernel::pop_signature::{
    CLIENT_HEADER, NONCE_HEADER, POP_HEADER, SIGNATURE_HEADER, Signed, TIME_HEADER, signature,
};
use spin_sdk::http::{FullBody, HeaderMap, HeaderValue, Method, Request, Response, send};
use spin_sdk::wasip3::http::types::{ErrorCode, RequestOptions};
use spin_sdk::wasip3::http_compat::RequestOptionsExtension;

/// How long the body of a response may be silent; a stream of events says something more often.
pub const IDLE_MS_MAX: u64 = 30_000;

/// A request to be signed.
#[derive(Debug)]
pub struct Ask<'a> {
    /// The method.
    pub method: Method,
    /// Path and query, as they go over the wire.
    pub path_and_query: &'a str,
    /// Headers besides those of the signature; `authorization` in here is signed.
    pub headers: HeaderMap,
    /// The shopper's address; empty when the PoP asks for itself.
    pub client: String,
    /// The whole body.
    pub body: Bytes,
}

/// Why there is no response.
#[derive(Debug, thiserror::Error)]
pub enum NoResponse {
    /// The origin was not reached, so it cannot have acted.
    #[error("the origin cannot be reached ({0})")]
    NotReached(String),
    /// The connection broke; whether the origin acted is unknown.
    #[error("the origin did not answer ({0})")]
    Broken(String),
    /// No first byte in time; whether the origin acted is unknown.
    #[error("the origin did not answer within {0} ms")]
    Slow(u64),
}

/// Signs and sends; the response's body is still to be read.
pub async fn ask(edge: &Edge, ask: Ask<'_>, timeout_ms: u64) -> Result<Response, NoResponse> {
    let request = signed(edge, ask)?;
    match clock::within(timeout_ms, send(request)).await {
        Some(Ok(response)) => Ok(response),
        Some(Err(error)) => Err(classify(&error)),
        None => Err(NoResponse::Slow(timeout_ms)),
    }
}

fn signed(edge: &Edge, ask: Ask<'_>) -> Result<Request<FullBody<Bytes>>, NoResponse> {
    let unusable = |what: &str| NoResponse::NotReached(format!("unusable {what}"));
    let time = clock::now();
    let nonce = random::name();
    let authorization = ask.headers.get("authorization").map(|value| value.to_str());
    let authorization = authorization
        .transpose()
        .map_err(|_| unusable("authorization"))?;
    let signature = signature(
        &edge.keys,
        &Signed {
            time,
            nonce: &nonce,
            method: ask.method.as_str(),
            path_and_query: ask.path_and_query,
            authorization: authorization.unwrap_or_default(),
            client: &ask.client,
            body: &ask.body,
        },
    );
    let mut headers = ask.headers;
    let marks = [
        (POP_HEADER, edge.keys.pop.clone()),
        (TIME_HEADER, time.0.to_string()),
        (NONCE_HEADER, nonce),
        (CLIENT_HEADER, ask.client),
        (SIGNATURE_HEADER, signature),
    ];
    for (name, value) in marks {
        headers.insert(
            name,
            HeaderValue::try_from(value).map_err(|_| unusable(name))?,
        );
    }
    if !ask.method.is_safe() {
        headers.insert("content-length", HeaderValue::from(ask.body.len()));
    }
    let mut request = Request::new(FullBody::new(ask.body));
    let url = format!("{}{}", edge.origin_url, ask.path_and_query);
    *request.uri_mut() = url.parse().map_err(|_| unusable("path"))?;
    *request.method_mut() = ask.method;
    *request.headers_mut() = headers;
    let options = RequestOptions::new();
    let idle = options.set_between_bytes_timeout(Some(IDLE_MS_MAX * 1_000_000));
    // A host that cannot do this leaves the limit to its own.
    idle.unwrap_or_default();
    let options = RequestOptionsExtension(options);
    request.extensions_mut().insert(options);
    Ok(request)
}

fn classify(error: &ErrorCode) -> NoResponse {
    let text = format!("{error:?}");
    match error {
        ErrorCode::DnsTimeout
        | ErrorCode::DnsError(_)
        | ErrorCode::DestinationNotFound
        | ErrorCode::DestinationUnavailable
        | ErrorCode::DestinationIpProhibited
        | ErrorCode::DestinationIpUnroutable
        | ErrorCode::ConnectionRefused
        | ErrorCode::ConnectionTimeout
        | ErrorCode::ConnectionLimitReached
        | ErrorCode::HttpRequestDenied => NoResponse::NotReached(text),
        _ => NoResponse::Broken(text),
    }
}
