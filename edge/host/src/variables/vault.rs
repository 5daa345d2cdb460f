//! Secrets from HashiCorp Vault, version 2 of its key-value engine, over its HTTP interface.
//!
//! A variable is the field `value` of the secret at `<mount>/data/<prefix>/<name>`. The token is never
//! printed, and neither is what Vault keeps.

use std::{collections::BTreeMap, fmt, thread, time::Duration};

use bytes::Bytes;
use http::{HeaderValue, Request, Response, StatusCode, Uri};
use http_body_util::{BodyExt, Empty, Limited};
use hyper::body::Incoming;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::{
    client::legacy::{self, connect::HttpConnector},
    rt::TokioExecutor,
};
use serde::Deserialize;

/// For one secret.
const TIMEOUT: Duration = Duration::from_secs(10);
const ANSWER_BYTES_MAX: usize = 1 << 20;
const REASON_CHARS_MAX: usize = 200;

/// One `[[variables_provider]]` of type `vault`.
#[derive(Clone, Deserialize)]
pub struct Vault {
    /// Where Vault is, `http(s)://host[:port]`. Certificates are checked against Mozilla's roots.
    url: String,
    /// What it takes to read there.
    token: String,
    /// Where the engine is mounted.
    mount: String,
    /// What stands before every name.
    prefix: Option<String>,
}

impl fmt::Debug for Vault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Vault").finish_non_exhaustive()
    }
}

/// An answer of Vault, as far as it matters.
#[derive(Deserialize)]
struct Answer {
    data: Version,
}

#[derive(Deserialize)]
struct Version {
    data: Secret,
}

#[derive(Deserialize)]
struct Secret {
    value: String,
}

#[derive(Default, Deserialize)]
struct Refusal {
    #[serde(default)]
    errors: Vec<String>,
}

type Client = legacy::Client<HttpsConnector<HttpConnector>, Empty<Bytes>>;
type Values = BTreeMap<String, String>;

impl Vault {
    /// The values of those `names` that it has. The caller waits, whatever runs it.
    pub fn values(&self, names: &[String]) -> Result<Values, String> {
        let fetch = || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .map_err(|error| error.to_string())?;
            runtime.block_on(self.fetch(names))
        };
        // A thread of its own: the caller may be inside a runtime, which cannot wait for another.
        thread::scope(|scope| {
            let fetched = scope.spawn(fetch).join();
            fetched.unwrap_or_else(|_| Err("reading it broke down".into()))
        })
    }

    async fn fetch(&self, names: &[String]) -> Result<Values, String> {
        let client = client()?;
        let mut values = Values::new();
        for name in names {
            let read = tokio::time::timeout(TIMEOUT, self.read(&client, name)).await;
            let read = read.unwrap_or_else(|_| Err(format!("no answer within {TIMEOUT:?}")));
            if let Some(value) = read.map_err(|reason| format!("cannot read `{name}`: {reason}"))? {
                values.insert(name.clone(), value);
            }
        }
        Ok(values)
    }

    /// One secret; none if there is none of this name.
    async fn read(&self, client: &Client, name: &str) -> Result<Option<String>, String> {
        let request = Request::get(self.address(name)?)
            .header("x-vault-request", "true")
            .header("x-vault-token", self.token()?)
            .body(Empty::new())
            .map_err(|error| error.to_string())?;
        let answer = client.request(request).await;
        let answer = answer.map_err(|error| innermost(&error))?;
        let status = answer.status();
        let body = collect(answer).await?;
        match status {
            StatusCode::OK => {
                // The parser's own words could quote the secret.
                let answer = serde_json::from_slice::<Answer>(&body)
                    .map_err(|_| "the secret has no text in its field `value`".to_owned())?;
                Ok(Some(answer.data.data.value))
            }
            StatusCode::NOT_FOUND => Ok(None),
            _ => {
                let refusal: Refusal = serde_json::from_slice(&body).unwrap_or_default();
                let reason = refusal.errors.join(", ").replace('\n', " ");
                let reason: String = reason.trim().chars().take(REASON_CHARS_MAX).collect();
                Err(format!("Vault answers {status}: {reason}"))
            }
        }
    }

    fn address(&self, name: &str) -> Result<Uri, String> {
        let mut path = vec!["v1", self.mount.trim_matches('/'), "data"];
        path.extend(
            self.prefix
                .as_deref()
                .map(|prefix| prefix.trim_matches('/')),
        );
        path.push(name);
        let address = format!("{}/{}", self.url.trim_end_matches('/'), path.join("/"));
        let address: Option<Uri> = address.parse().ok();
        address
            .filter(|address| matches!(address.scheme_str(), Some("http" | "https")))
            .ok_or_else(|| {
                "its `url` must be http(s)://host[:port], `mount` and `prefix` parts of a path"
                    .into()
            })
    }

    fn token(&self) -> Result<HeaderValue, String> {
        let mut token = HeaderValue::from_str(&self.token)
            .map_err(|_| "its `token` cannot stand in a header".to_owned())?;
        token.set_sensitive(true);
        Ok(token)
    }
}

fn client() -> Result<Client, String> {
    let mut connector = HttpConnector::new();
    connector.enforce_http(false);
    let connector = HttpsConnectorBuilder::new()
        .with_provider_and_webpki_roots(rustls::crypto::ring::default_provider())
        .map_err(|error| error.to_string())?
        .https_or_http()
        .enable_http1()
        .wrap_connector(connector);
    Ok(legacy::Client::builder(TokioExecutor::new()).build(connector))
}

async fn collect(answer: Response<Incoming>) -> Result<Bytes, String> {
    let body = Limited::new(answer.into_body(), ANSWER_BYTES_MAX);
    let body = body.collect().await;
    let body = body.map_err(|_| "its answer is cut off or too long".to_owned())?;
    Ok(body.to_bytes())
}

/// The outer causes only say that a request failed.
fn innermost(error: &dyn std::error::Error) -> String {
    let mut cause = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    cause.to_string()
}
