//! Text messages to mobile numbers, by a provider.
//!
//! Invariant: a provider is told a number and a text, and nothing else of anybody.

use crate::settings::TextSettings;
use futures::future::BoxFuture;
use serde::Serialize;
use std::sync::Arc;
use std::time::Duration;

/// How long the provider may take.
const TIMEOUT: Duration = Duration::from_secs(5);

/// The provider did not take a text message.
#[derive(Debug, thiserror::Error)]
#[error("the provider did not take the text message")]
pub struct TextError(#[from] reqwest::Error);

/// A provider of text messages.
pub trait Texter: std::fmt::Debug + Send + Sync {
    /// Sends `text` to a number as E.164 has it.
    fn send<'a>(&'a self, to: &'a str, text: &'a str) -> BoxFuture<'a, Result<(), TextError>>;
}

/// The provider of these settings.
pub(super) fn texter(settings: TextSettings) -> Result<Arc<dyn Texter>, TextError> {
    let http = reqwest::Client::builder().timeout(TIMEOUT).build()?;
    Ok(Arc::new(Sandbox { http, settings }))
}

/// The sandbox's API: `POST /v1/messages {to, text}`.
#[derive(Debug)]
struct Sandbox {
    http: reqwest::Client,
    settings: TextSettings,
}

#[derive(Serialize)]
struct Message<'a> {
    to: &'a str,
    text: &'a str,
}

impl Texter for Sandbox {
    fn send<'a>(&'a self, to: &'a str, text: &'a str) -> BoxFuture<'a, Result<(), TextError>> {
        Box::pin(async move {
            let request = self
                .http
                .post(format!("{}/v1/messages", self.settings.url))
                .bearer_auth(&self.settings.api_key.0)
                .json(&Message { to, text });
            request.send().await?.error_for_status()?;
            Ok(())
        })
    }
}
