//! Calls of Stripe's API: forms out, JSON in, over HTTPS.
//!
//! Invariant: what may succeed later is [`ProviderError::Away`]; what never will is
//! [`ProviderError::Refused`]. An answer has at most [`ANSWER_BYTES_MAX`].

use super::super::provider::ProviderError;
use crate::settings::{Secret, StripeSettings};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Bytes;
use hyper::header::{AUTHORIZATION, CONTENT_TYPE};
use hyper::{Method, Request, StatusCode};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client as Pool;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use std::fmt;

/// The version of Stripe's API that this was written for.
const VERSION: &str = "2024-10-28.acacia";
/// An answer is read so far.
const ANSWER_BYTES_MAX: usize = 2 << 20;
/// Of what Stripe says about an error, so much is told on.
const WHY_CHARS_MAX: usize = 300;

/// A client of Stripe's API.
#[derive(Clone)]
pub(super) struct Client {
    pool: Pool<HttpsConnector<HttpConnector>, Full<Bytes>>,
    url: String,
    key: Secret,
}

/// Why a call had no answer that can be used.
#[derive(Debug, thiserror::Error)]
enum Fault {
    #[error("cannot reach Stripe")]
    Connection(#[source] Box<dyn std::error::Error + Send + Sync>),
    #[error("Stripe answered {0}: {1}")]
    Status(StatusCode, String),
    #[error("Stripe's answer cannot be read")]
    Answer(#[source] serde_json::Error),
    #[error("the request cannot be written")]
    Request(#[source] Box<dyn std::error::Error + Send + Sync>),
    #[error("no TLS")]
    Tls(#[source] rustls::Error),
}

#[derive(Deserialize)]
struct ErrorAnswer {
    error: ErrorDetails,
}

#[derive(Default, Deserialize)]
struct ErrorDetails {
    code: Option<String>,
    message: Option<String>,
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Client({})", self.url)
    }
}

impl Client {
    pub(super) fn new(settings: &StripeSettings) -> Result<Self, ProviderError> {
        let connector = HttpsConnectorBuilder::new()
            .with_provider_and_webpki_roots(rustls::crypto::ring::default_provider())
            .map_err(|error| ProviderError::away(Fault::Tls(error)))?
            .https_or_http()
            .enable_http1()
            .build();
        Ok(Self {
            pool: Pool::builder(TokioExecutor::new()).build(connector),
            url: settings.url.clone(),
            key: settings.secret_key.clone(),
        })
    }

    /// Reads something.
    pub(super) async fn get<T: DeserializeOwned>(
        &self,
        path: &str,
        query: &[(&str, String)],
    ) -> Result<T, ProviderError> {
        let path = format!("{path}?{}", form(query));
        self.call(Method::GET, &path, None, String::new()).await
    }

    /// Does something, once for each key.
    pub(super) async fn post<T: DeserializeOwned>(
        &self,
        path: &str,
        key: &str,
        fields: &[(&str, String)],
    ) -> Result<T, ProviderError> {
        self.call(Method::POST, path, Some(key), form(fields)).await
    }

    async fn call<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        key: Option<&str>,
        body: String,
    ) -> Result<T, ProviderError> {
        let mut request = Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.url))
            .header(AUTHORIZATION, format!("Bearer {}", self.key.0))
            .header("stripe-version", VERSION);
        if let Some(key) = key {
            request = request
                .header("idempotency-key", key)
                .header(CONTENT_TYPE, "application/x-www-form-urlencoded");
        }
        let request = request
            .body(Full::new(Bytes::from(body)))
            .map_err(|error| ProviderError::away(Fault::Request(error.into())))?;
        let (status, bytes) = self.send(request).await.map_err(ProviderError::away)?;
        if status.is_success() {
            return serde_json::from_slice(&bytes)
                .map_err(|error| ProviderError::away(Fault::Answer(error)));
        }
        let why = why(&bytes);
        Err(if is_final(status) {
            ProviderError::Refused(format!("{status}: {why}"))
        } else {
            ProviderError::away(Fault::Status(status, why))
        })
    }

    async fn send(&self, request: Request<Full<Bytes>>) -> Result<(StatusCode, Bytes), Fault> {
        let answer = self.pool.request(request).await;
        let answer = answer.map_err(|error| Fault::Connection(error.into()))?;
        let status = answer.status();
        let body = Limited::new(answer.into_body(), ANSWER_BYTES_MAX).collect();
        let body = body.await.map_err(Fault::Connection)?;
        Ok((status, body.to_bytes()))
    }
}

/// Whether asking again in the same way is of no use. 401 and 403 are a key that somebody must set
/// right; 409 is the same key in another call that has not ended.
fn is_final(status: StatusCode) -> bool {
    status.is_client_error()
        && !matches!(
            status,
            StatusCode::UNAUTHORIZED
                | StatusCode::FORBIDDEN
                | StatusCode::REQUEST_TIMEOUT
                | StatusCode::CONFLICT
                | StatusCode::TOO_EARLY
                | StatusCode::TOO_MANY_REQUESTS
        )
}

/// What Stripe says about an error, cut to a bearable length.
fn why(body: &[u8]) -> String {
    let details = serde_json::from_slice::<ErrorAnswer>(body)
        .map(|answer| answer.error)
        .unwrap_or_default();
    let parts: Vec<String> = [details.code, details.message]
        .into_iter()
        .flatten()
        .collect();
    parts.join(", ").chars().take(WHY_CHARS_MAX).collect()
}

/// `application/x-www-form-urlencoded`.
fn form(fields: &[(&str, String)]) -> String {
    let digit = |half: u8| char::from(b"0123456789ABCDEF"[usize::from(half)]);
    let encode = |text: &str| {
        text.bytes().fold(String::new(), |mut done, byte| {
            match byte {
                b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' => {
                    done.push(char::from(byte));
                }
                _ => done.extend(['%', digit(byte >> 4), digit(byte & 15)]),
            }
            done
        })
    };
    let pairs: Vec<String> = fields
        .iter()
        .map(|(name, value)| format!("{}={}", encode(name), encode(value)))
        .collect();
    pairs.join("&")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_never_succeeds_is_final() {
        let check = |status: u16, expected: bool| {
            assert_eq!(is_final(StatusCode::from_u16(status).unwrap()), expected);
        };
        for status in [400, 402, 404] {
            check(status, true);
        }
        for status in [401, 403, 409, 408, 429, 500, 502, 503] {
            check(status, false);
        }
    }

    #[test]
    fn an_error_is_told_in_stripes_words() {
        let body = br#"{"error":{"type":"card_error","code":"card_declined","message":"No."}}"#;
        assert_eq!(why(body), "card_declined, No.");
        assert_eq!(why(b"<html>"), "");
    }

    #[test]
    fn a_form_is_encoded_byte_by_byte() {
        let fields = [
            ("metadata[order_id]", "7".to_owned()),
            ("a", "ü &=".to_owned()),
        ];
        assert_eq!(form(&fields), "metadata%5Border_id%5D=7&a=%C3%BC%20%26%3D");
    }
}
