//! The queue: JetStream, which carries admitted orders to the decider.
//!
//! Invariant: what was acknowledged to the publisher is delivered until it is acknowledged by the
//! decider. This room alone speaks NATS.

mod progress;

use crate::guard::{BreakerState, Guard, Limits, Shed};
use crate::ledger::Admitted;
use async_nats::HeaderMap;
use async_nats::jetstream::consumer::{AckPolicy, PullConsumer, pull};
use async_nats::jetstream::context::{PublishError, PublishErrorKind};
use async_nats::jetstream::stream::{DiscardPolicy, RetentionPolicy, StorageType};
use async_nats::jetstream::{self, Context};
use futures::StreamExt;
use std::time::Duration;

/// Beside our own log: the client tells of every connection it makes.
pub const LOG_FILTER: &str = "async_nats=warn";

/// Messages the decider may hold unacknowledged, over all its processes.
const ACK_PENDING_MAX: i64 = 20_000;
/// Messages decided in one transaction at most.
pub const BATCH_MAX: usize = 256;
/// After this a message that was not acknowledged comes again.
const ACK_WAIT: Duration = Duration::from_secs(30);
/// How long the stream remembers message ids.
const DUPLICATE_WINDOW: Duration = Duration::from_mins(10);
/// How long the stream keeps messages.
const MAX_AGE: Duration = Duration::from_hours(24);
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

/// JetStream's receipt.
#[derive(Clone, Copy, Debug)]
pub struct Receipt {
    /// Where in the stream the message is.
    pub sequence: u64,
    /// Whether the stream had a message of this id already.
    pub duplicate: bool,
}

/// Connections to the queue: one to publish, one to consume.
#[derive(Clone, Debug)]
pub struct Queue {
    publisher: Context,
    consumer: Context,
    prefix: String,
    bytes_max: i64,
    guard: Guard,
}

/// A message to be decided and then acknowledged.
#[derive(Debug)]
pub struct Delivery {
    /// The order.
    pub admitted: Admitted,
    message: jetstream::Message,
}

impl Delivery {
    /// Tells the queue that the ledger has it.
    pub async fn acknowledge(&self) -> Result<(), QueueError> {
        self.message.ack().await.map_err(failed("acknowledge"))
    }

    /// Tells the queue that it is being worked on, so that it does not come again meanwhile.
    pub async fn keep(&self) -> Result<(), QueueError> {
        let progress = self.message.ack_with(jetstream::AckKind::Progress);
        progress.await.map_err(failed("keep"))
    }
}

impl Queue {
    /// Connects and makes sure that the stream is there, with room for `bytes_max`.
    pub async fn connect(url: &str, prefix: &str, bytes_max: u64) -> Result<Self, QueueError> {
        let context = async || {
            let client = async_nats::ConnectOptions::new()
                .connection_timeout(Duration::from_secs(2))
                .reconnect_delay_callback(|attempts| match attempts {
                    0 | 1 => Duration::ZERO,
                    _ => RECONNECT_MAX,
                })
                .connect(url)
                .await
                .map_err(failed("connect"))?;
            let context = jetstream::context::ContextBuilder::new().ack_timeout(ACK_TIMEOUT);
            Ok::<_, QueueError>(context.build(client))
        };
        let queue = Self {
            publisher: context().await?,
            consumer: context().await?,
            prefix: prefix.to_owned(),
            bytes_max: i64::try_from(bytes_max).unwrap_or(i64::MAX),
            guard: Guard::new("nats", LIMITS),
        };
        queue.stream().await?;
        Ok(queue)
    }

    fn stream_name(&self) -> String {
        format!("{}-orders", self.prefix)
    }

    async fn stream(&self) -> Result<jetstream::stream::Stream, QueueError> {
        let config = jetstream::stream::Config {
            name: self.stream_name(),
            subjects: vec![format!("{}.orders.*", self.prefix)],
            storage: StorageType::File,
            retention: RetentionPolicy::Limits,
            discard: DiscardPolicy::New,
            max_age: MAX_AGE,
            max_bytes: self.bytes_max,
            duplicate_window: DUPLICATE_WINDOW,
            ..Default::default()
        };
        self.consumer
            .get_or_create_stream(config)
            .await
            .map_err(failed("make the stream"))
    }

    async fn decider(&self) -> Result<PullConsumer, QueueError> {
        let config = pull::Config {
            durable_name: Some("decider".to_owned()),
            ack_policy: AckPolicy::Explicit,
            ack_wait: ACK_WAIT,
            max_deliver: -1,
            max_ack_pending: ACK_PENDING_MAX,
            ..Default::default()
        };
        let stream = self.stream().await?;
        stream
            .get_or_create_consumer("decider", config)
            .await
            .map_err(failed("make the consumer"))
    }

    /// Publishes an admitted order and waits for the receipt. The stream keeps one message an id.
    pub async fn publish(&self, admitted: &Admitted, id: &str) -> Result<Receipt, QueueError> {
        let mut headers = HeaderMap::new();
        headers.insert("Nats-Msg-Id", id);
        let subject = format!("{}.orders.{}", self.prefix, admitted.sale_id);
        let payload = serde_json::to_vec(admitted).map_err(failed("write a message"))?;
        let published = async {
            let publisher = &self.publisher;
            let sent = publisher.publish_with_headers(subject, headers, payload.into());
            let receipt = sent.await.map_err(failed("publish"))?;
            receipt.await.map_err(failed("publish"))
        };
        let receipt = self.guard.call(QueueError::is_away, published).await?;
        Ok(Receipt {
            sequence: receipt.sequence,
            duplicate: receipt.duplicate,
        })
    }

    /// What the breaker does with calls to publish at this moment.
    pub fn breaker(&self) -> BreakerState {
        self.guard.state()
    }

    /// Whether the queue answers.
    pub async fn ping(&self) -> Result<(), QueueError> {
        let stream = self.publisher.get_stream(self.stream_name());
        stream.await.map(drop).map_err(failed("find the stream"))
    }

    /// Hands batches of messages to `decide`, one after the other, for ever. `decide` acknowledges
    /// what it has done; what it leaves comes again. Ends with an error when the queue is away.
    pub async fn consume<F: Future<Output = ()>>(
        &self,
        mut decide: impl FnMut(Vec<Delivery>) -> F,
    ) -> Result<(), QueueError> {
        let consumer = self.decider().await?;
        let messages = consumer
            .stream()
            .max_messages_per_batch(BATCH_MAX)
            .expires(Duration::from_secs(10))
            .heartbeat(Duration::from_secs(2))
            .messages()
            .await
            .map_err(failed("consume"))?;
        let mut batches = messages.ready_chunks(BATCH_MAX);
        while let Some(batch) = batches.next().await {
            let mut deliveries = Vec::with_capacity(batch.len());
            for message in batch {
                let message = message.map_err(failed("consume"))?;
                match serde_json::from_slice(&message.payload) {
                    Ok(admitted) => deliveries.push(Delivery { admitted, message }),
                    Err(error) => {
                        // Nothing of ours writes such a message; it can never be decided.
                        tracing::error!(%error, "A message in the queue cannot be read; dropped");
                        message.ack().await.map_err(failed("acknowledge"))?;
                    }
                }
            }
            decide(deliveries).await;
        }
        Ok(())
    }
}
