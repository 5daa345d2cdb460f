//! Requests to somebody else's address, with TLS; certificates are checked against Mozilla's roots.
//!
//! Invariant: each ends, and what it brings is bounded; a redirect is an answer like any other, and
//! to [`get`] an error.

use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Bytes;
use hyper::{Request, StatusCode, Uri};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::{self, connect::HttpConnector};
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

/// An answer with its whole body.
#[derive(Debug)]
pub struct Fetched {
    /// Its status.
    pub status: StatusCode,
    /// Its headers in their order, names in lower case; a value that is no text is left out.
    pub headers: Vec<(String, String)>,
    /// Its body, as it was sent.
    pub body: Vec<u8>,
}

impl Fetched {
    /// The first header of this name, given in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut headers = self.headers.iter();
        let found = headers.find(|header| header.0 == name);
        found.map(|header| header.1.as_str())
    }
}

/// Asks many times and keeps its connections.
#[derive(Debug)]
pub struct Fetcher {
    client: legacy::Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
    time: Duration,
    bytes_max: usize,
}

impl Fetcher {
    /// Each answer may take this time and have so many bytes.
    pub fn new(time: Duration, bytes_max: usize) -> Result<Self, FetchError> {
        let connector = HttpsConnectorBuilder::new()
            .with_provider_and_webpki_roots(ring::default_provider())?
            .https_or_http()
            .enable_http1()
            .build();
        Ok(Self {
            client: legacy::Client::builder(TokioExecutor::new()).build(connector),
            time,
            bytes_max,
        })
    }

    /// The answer to a GET of `url` with these headers, whatever its status.
    pub async fn ask(&self, url: &str, headers: &[(&str, &str)]) -> Result<Fetched, FetchError> {
        self.send("GET", url, headers, Vec::new()).await
    }

    /// The answer to a request of any method, whatever its status.
    pub async fn send(
        &self,
        method: &str,
        url: &str,
        headers: &[(&str, &str)],
        body: Vec<u8>,
    ) -> Result<Fetched, FetchError> {
        let no_address = || FetchError::Address(url.to_owned());
        let uri: Uri = url.parse().map_err(|_| no_address())?;
        if !matches!(uri.scheme_str(), Some("http" | "https")) {
            return Err(no_address());
        }
        let mut request = Request::builder().method(method).uri(uri);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Full::from(body)).map_err(|_| no_address())?;
        let fetch = async {
            let (head, body) = self.client.request(request).await?.into_parts();
            let body = Limited::new(body, self.bytes_max).collect().await;
            let body = body.map_err(|_| FetchError::Body(self.bytes_max))?;
            let headers = head.headers.iter();
            let text = |value: &hyper::header::HeaderValue| value.to_str().map(str::to_owned);
            let headers =
                headers.filter_map(|(name, value)| Some((name.to_string(), text(value).ok()?)));
            Ok(Fetched {
                status: head.status,
                headers: headers.collect(),
                body: body.to_bytes().to_vec(),
            })
        };
        timeout(self.time, fetch)
            .await
            .unwrap_or(Err(FetchError::Slow(self.time)))
    }
}

/// Gets what is at `url`, at most `bytes_max`, within `time`.
pub async fn get(url: &str, time: Duration, bytes_max: usize) -> Result<Vec<u8>, FetchError> {
    let fetched = Fetcher::new(time, bytes_max)?.ask(url, &[]).await?;
    match fetched.status {
        StatusCode::OK => Ok(fetched.body),
        status => Err(FetchError::Status(status)),
    }
}
