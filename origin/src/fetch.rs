//! One GET of something public, with TLS; certificates are checked against Mozilla's roots.
//!
//! Invariant: it ends, and what it brings is bounded; a redirect is an answer like any other, and so
//! an error.

use http_body_util::{BodyExt, Empty, Limited};
use hyper::body::Bytes;
use hyper::{StatusCode, Uri};
use hyper_rustls::HttpsConnectorBuilder;
use hyper_util::client::legacy;
use hyper_util::rt::TokioExecutor;
use rustls::crypto::ring;
use std::time::Duration;
use tokio::time::timeout;

/// Why nothing was brought.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// That is no address.
    #[error("`{0}` is no address of the form http(s)://host/path")]
    Address(String),
    /// TLS cannot be set up.
    #[error("TLS cannot be set up")]
    Tls(#[from] rustls::Error),
    /// Nobody answered, or nobody who can be trusted.
    #[error("nobody answered")]
    Connection(#[from] legacy::Error),
    /// It answered something else than 200.
    #[error("the answer was {0}")]
    Status(StatusCode),
    /// The answer broke off, or is too long.
    #[error("the answer broke off or is longer than {0} bytes")]
    Body(usize),
    /// It took too long.
    #[error("there was no answer in {0:?}")]
    Slow(Duration),
}

/// Gets what is at `url`, at most `bytes_max`, within `time`.
pub async fn get(url: &str, time: Duration, bytes_max: usize) -> Result<Vec<u8>, FetchError> {
    let uri: Uri = url
        .parse()
        .map_err(|_| FetchError::Address(url.to_owned()))?;
    if !matches!(uri.scheme_str(), Some("http" | "https")) {
        return Err(FetchError::Address(url.to_owned()));
    }
    let connector = HttpsConnectorBuilder::new()
        .with_provider_and_webpki_roots(ring::default_provider())?
        .https_or_http()
        .enable_http1()
        .build();
    let client: legacy::Client<_, Empty<Bytes>> =
        legacy::Client::builder(TokioExecutor::new()).build(connector);
    let fetch = async {
        let answer = client.get(uri).await?;
        if answer.status() != StatusCode::OK {
            return Err(FetchError::Status(answer.status()));
        }
        let body = Limited::new(answer.into_body(), bytes_max).collect().await;
        let body = body.map_err(|_| FetchError::Body(bytes_max))?;
        Ok(body.to_bytes().to_vec())
    };
    timeout(time, fetch)
        .await
        .unwrap_or(Err(FetchError::Slow(time)))
}
