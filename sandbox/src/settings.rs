//! The command line: everything the sandbox can be told, and nothing from the environment.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Parser;

/// The outside world in development: a payment provider and a mailbox.
// No `Debug`: it would print the two secrets.
#[derive(Parser)]
#[command(name = "doorbuster-sandbox", version)]
pub struct Settings {
    /// Where the payment API, the checkout pages and the mailbox listen.
    #[arg(long, default_value = "127.0.0.1:9000")]
    pub http: SocketAddr,

    /// Where mail is received.
    #[arg(long, default_value = "127.0.0.1:2525")]
    pub smtp: SocketAddr,

    /// How browsers reach the checkout pages; by default `http://` and the HTTP address.
    #[arg(long, value_name = "URL", value_parser = http_url)]
    pub public_url: Option<String>,

    /// Where events about payments are sent.
    #[arg(long, value_name = "URL", value_parser = http_url)]
    pub webhook_url: String,

    /// The key that signs events.
    #[arg(long, value_name = "SECRET")]
    pub webhook_secret: String,

    /// The bearer token the payment API asks for.
    #[arg(long, value_name = "KEY")]
    pub api_key: String,

    /// The folder that keeps payments and undelivered events.
    #[arg(long, value_name = "DIR")]
    pub data: PathBuf,
}

/// The sandbox speaks no TLS: it stands on the same machine or network as the shop.
fn http_url(text: &str) -> Result<String, String> {
    let url = reqwest::Url::parse(text).map_err(|error| error.to_string())?;
    if url.scheme() == "http" && url.has_host() {
        Ok(text.to_owned())
    } else {
        Err("must be a URL that starts with http://".to_owned())
    }
}
