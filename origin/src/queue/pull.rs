//! Pulling messages: one batch, and no more than that, is ever in our hands.
//!
//! Invariant: a request that ended has nothing on its way to us, so whoever does not pull holds no
//! message that JetStream would count as delivered and bring again.

use super::{Result, failed};
use async_nats::jetstream::Message;
use async_nats::jetstream::consumer::PullConsumer;
use futures::StreamExt;
use std::time::Duration;

/// Beyond the wait that was asked for, how long the server may take to say that it is over.
const GRACE: Duration = Duration::from_secs(1);

/// Waits up to `wait` for the first message, then takes what else is there, `at_most` in all.
pub(super) async fn pull(
    consumer: &PullConsumer,
    at_most: usize,
    wait: Duration,
) -> Result<Vec<Message>> {
    // "No wait" with an expiry: the request ends with the first moment at which nothing is left.
    let request = consumer.fetch().max_messages(at_most).expires(wait);
    let mut batch = request.messages().await.map_err(failed("pull"))?;
    let mut messages = Vec::new();
    loop {
        // A server that went away in between never says that the request is over.
        match tokio::time::timeout(wait + GRACE, batch.next()).await {
            Ok(Some(Ok(message))) => messages.push(message),
            Ok(Some(Err(error))) if messages.is_empty() => return Err(failed("pull")(error)),
            Ok(Some(Err(_)) | None) | Err(_) => return Ok(messages),
        }
    }
}
