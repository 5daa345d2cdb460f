//! Calls a subscriber.
//!
//! Invariant: every address is looked at when it is connected to, so that a name that leads
//! elsewhere by then leads nowhere; a redirect is an answer like any other; each call ends.

use super::addresses::is_public;
use super::secret::SigningSecret;
use crate::settings::SubscriptionSettings;
use futures::future::BoxFuture;
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Bytes;
use hyper::{Request, StatusCode, Uri};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::connect::dns::Name;
use hyper_util::client::legacy::{self, Client};
use hyper_util::rt::TokioExecutor;
use rustls::crypto::ring;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;
use std::vec::IntoIter;
use tokio::time::timeout;
use tower::util::{ServiceFn, service_fn};

/// How long a subscriber may take.
const TIMEOUT: Duration = Duration::from_secs(15);
/// What is read of an answer, in bytes, so that its connection can be used again.
const ANSWER_BYTES_MAX: usize = 16 * 1_024;

type Lookup = BoxFuture<'static, io::Result<IntoIter<SocketAddr>>>;
type Resolver = ServiceFn<fn(Name) -> Lookup>;

/// Why there was no answer.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    /// That is no address.
    #[error("that is no address of the form http(s)://host/path")]
    Address,
    /// It leads into a private network.
    #[error("the address is not public")]
    Private,
    /// Nobody answered, or nobody who can be trusted.
    #[error("nobody answered")]
    Connection(#[from] legacy::Error),
    /// It took too long.
    #[error("there was no answer in {TIMEOUT:?}")]
    Slow,
}

/// What is told.
#[derive(Clone, Copy, Debug)]
pub struct Call<'a> {
    /// Where.
    pub url: &'a str,
    /// Signed with this.
    pub secret: &'a SigningSecret,
    /// The message's id, the same in each attempt.
    pub id: &'a str,
    /// When it is signed, in Unix seconds.
    pub seconds: i64,
    /// The message.
    pub body: &'a str,
}

/// A client that keeps its connections.
#[derive(Debug)]
pub struct Caller {
    client: Client<HttpsConnector<HttpConnector<Resolver>>, Full<Bytes>>,
    private: bool,
}

impl Caller {
    /// Calls public addresses alone, unless the settings say otherwise.
    pub fn new(settings: SubscriptionSettings) -> Result<Self, rustls::Error> {
        let look_up: fn(Name) -> Lookup = if settings.private { any } else { public };
        let mut http = HttpConnector::new_with_resolver(service_fn(look_up));
        http.enforce_http(false);
        let connector = HttpsConnectorBuilder::new()
            .with_provider_and_webpki_roots(ring::default_provider())?
            .https_or_http()
            .enable_http1()
            .wrap_connector(http);
        Ok(Self {
            client: Client::builder(TokioExecutor::new()).build(connector),
            private: settings.private,
        })
    }

    /// Sends a message; the status of the answer.
    pub async fn call(&self, call: Call<'_>) -> Result<StatusCode, CallError> {
        let uri: Uri = call.url.parse().map_err(|_| CallError::Address)?;
        // An address in digits is connected to without being looked up.
        let host = uri.host().ok_or(CallError::Address)?;
        let digits = host.trim_start_matches('[').trim_end_matches(']');
        let literal = digits.parse::<IpAddr>().ok();
        if !self.private && literal.is_some_and(|address| !is_public(address)) {
            return Err(CallError::Private);
        }
        let signature = call
            .secret
            .sign(call.id, call.seconds, call.body.as_bytes());
        let request = Request::post(uri)
            .header("content-type", "application/json")
            .header("user-agent", "doorbuster")
            .header("webhook-id", call.id)
            .header("webhook-timestamp", call.seconds)
            .header("webhook-signature", signature)
            .body(Full::from(call.body.to_owned()));
        let request = request.map_err(|_| CallError::Address)?;
        let answer = async {
            let (head, body) = self.client.request(request).await?.into_parts();
            // What it says beside the status is nobody's concern.
            drop(Limited::new(body, ANSWER_BYTES_MAX).collect().await);
            Ok(head.status)
        };
        timeout(TIMEOUT, answer)
            .await
            .map_err(|_| CallError::Slow)?
    }
}

/// Whether this is an address that could be called.
pub(super) fn is_callable(url: &str) -> bool {
    let Ok(uri) = url.parse::<Uri>() else {
        return false;
    };
    let web = matches!(uri.scheme_str(), Some("http" | "https"));
    let authority = uri.authority().map_or("@", |authority| authority.as_str());
    web && uri.host().is_some_and(|host| !host.is_empty())
        && !authority.contains('@')
        && !url.contains('#')
}

fn any(name: Name) -> Lookup {
    Box::pin(async move {
        let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
        Ok(found.collect::<Vec<_>>().into_iter())
    })
}

fn public(name: Name) -> Lookup {
    Box::pin(async move {
        let found: Vec<SocketAddr> = any(name).await?.collect();
        let public = found.iter().copied().filter(|found| is_public(found.ip()));
        let public: Vec<SocketAddr> = public.collect();
        if public.is_empty() && !found.is_empty() {
            let error = "the name leads to addresses that are not public";
            return Err(io::Error::new(io::ErrorKind::PermissionDenied, error));
        }
        Ok(public.into_iter())
    })
}

#[cfg(test)]
mod tests {
    use super::is_callable;

    #[test]
    fn only_web_addresses_can_be_called() {
        for url in [
            "http://shop.example",
            "https://shop.example:8443/a?b=c",
            "http://[::1]:9/",
        ] {
            assert!(is_callable(url), "{url}");
        }
        let bad = [
            "",
            "shop.example",
            "ftp://shop.example/",
            "file:///etc/passwd",
            "http://",
            "https://u:p@shop.example/",
            "https://shop.example/#a",
            "http://a b/",
        ];
        for url in bad {
            assert!(!is_callable(url), "{url}");
        }
    }
}
