//! The queue: JetStream, which carries admitted orders to the decider.
//!
//! Invariant: what was acknowledged to the publisher is delivered until it is acknowledged by the
//! decider. This room alone speaks NATS; a stream or consumer that is missing is made again.

mod dead_letters;
mod lanes;
mod orders;
mod progress;
mod pull;
mod streams;

pub use dead_letters::DeadLetter;
pub use lanes::LaneMessage;
pub use orders::{BATCH_MAX, Delivery, Receipt, keeping};

use crate::guard::{BreakerState, Guard, Limits, Shed};
use crate::settings::StoreSettings;
use async_nats::HeaderMap;
use async_nats::jetstream::context::{PublishError, PublishErrorKind};
use async_nats::jetstream::{self, Context};
use std::time::Duration;

/// Beside our own log: the client tells of every connection it makes.
pub const LOG_FILTER: &str = "async_nats=warn";

/// How long a publisher waits for JetStream's acknowledgement.
const ACK_TIMEOUT: Duration = Duration::from_secs(2);
/// How long the client leaves a server alone that it could not connect to.
const RECONNECT_MAX: Duration = Duration::from_millis(250);
/// Publishing is guarded: it is what shoppers wait for.
const LIMITS: Limits = Limits {
    in_flight: 512,
    waiting: 1_024,
    wait: Duration::from_millis(100),
    time: Duration::from_millis(2_500),
};

/// Why the queue did not take or give messages. A time-out is unknown: repeat with the same id.
#[derive(Debug, thiserror::Error)]
#[error("the queue did not answer as it should: {what}")]
pub struct QueueError {
    what: &'static str,
    source: Box<dyn std::error::Error + Send + Sync>,
}

impl From<Shed> for QueueError {
    fn from(shed: Shed) -> Self {
        failed("publish")(shed)
    }
}

impl QueueError {
    /// Whether the queue did not answer; a refusal is an answer.
    fn is_away(&self) -> bool {
        let error = self.source.downcast_ref::<PublishError>();
        let kind = error.map(PublishError::kind);
        matches!(
            kind,
            Some(PublishErrorKind::TimedOut | PublishErrorKind::BrokenPipe)
        )
    }
}

fn failed<E: Into<Box<dyn std::error::Error + Send + Sync>>>(
    what: &'static str,
) -> impl FnOnce(E) -> QueueError {
    move |source| QueueError {
        what,
        source: source.into(),
    }
}

type Result<T, E = QueueError> = std::result::Result<T, E>;

/// Connections to the queue: one to publish, one to consume and to look after the streams.
#[derive(Clone, Debug)]
pub struct Queue {
    publisher: Context,
    consumer: Context,
    prefix: String,
    bytes_max: i64,
    replicas: usize,
    guard: Guard,
}

impl Queue {
    /// Connects and makes sure that the streams are there, with the room the settings give.
    pub async fn connect(settings: &StoreSettings) -> Result<Self> {
        let client = async || {
            async_nats::ConnectOptions::new()
                .connection_timeout(Duration::from_secs(2))
                .reconnect_delay_callback(|attempts| match attempts {
                    0 | 1 => Duration::ZERO,
                    _ => RECONNECT_MAX,
                })
                .connect(&settings.nats_url.0)
                .await
                .map_err(failed("connect"))
        };
        let publisher = jetstream::context::ContextBuilder::new()
            .timeout(ACK_TIMEOUT)
            .ack_timeout(ACK_TIMEOUT)
            .build(client().await?);
        let queue = Self {
            publisher,
            consumer: jetstream::new(client().await?),
            prefix: settings.stream_prefix.clone(),
            bytes_max: i64::try_from(settings.stream_bytes_max).unwrap_or(i64::MAX),
            replicas: usize::from(settings.stream_replicas),
            guard: Guard::new("nats", LIMITS),
        };
        queue.make_streams().await?;
        Ok(queue)
    }

    /// What the breaker does with calls to publish at this moment.
    pub fn breaker(&self) -> BreakerState {
        self.guard.state()
    }

    /// Whether the queue answers and can take orders. A stream that is gone is no reason to say no:
    /// it is made again.
    pub async fn ping(&self) -> Result<()> {
        let stream = self.publisher.get_stream(self.orders_stream().name);
        match stream.await {
            Ok(_) => Ok(()),
            Err(error) if streams::is_missing(&error.kind()) => self.make_streams_again().await,
            Err(error) => Err(failed("find the stream")(error)),
        }
    }

    /// Publishes one message and waits for the receipt. Where no stream takes it, all are made and
    /// it is published once more.
    async fn send(&self, subject: String, headers: HeaderMap, payload: Vec<u8>) -> Result<Receipt> {
        let once = async || {
            let (subject, headers) = (subject.clone(), headers.clone());
            let payload = payload.clone().into();
            let sent = self
                .publisher
                .publish_with_headers(subject, headers, payload);
            sent.await?.await
        };
        let receipt = match once().await {
            Err(error) if error.kind() == PublishErrorKind::StreamNotFound => {
                self.make_streams_again().await?;
                once().await
            }
            other => other,
        };
        let receipt = receipt.map_err(failed("publish"))?;
        Ok(Receipt {
            sequence: receipt.sequence,
            duplicate: receipt.duplicate,
        })
    }
}
