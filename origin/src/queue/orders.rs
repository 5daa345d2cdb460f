//! Admitted orders: published once an id, pulled in batches by the decider.
//!
//! Invariant: a delivery is acknowledged, put off, or comes again; while it is kept it does not
//! come again, and how often it was delivered is JetStream's own count.

use super::pull::pull;
use super::{Queue, QueueError, Result, failed};
use crate::ledger::Admitted;
use async_nats::HeaderMap;
use async_nats::jetstream::consumer::{AckPolicy, PullConsumer, pull as pull_consumer};
use async_nats::jetstream::{AckKind, Message};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// Messages decided in one transaction at most.
pub const BATCH_MAX: usize = 256;
/// Messages the decider may hold unacknowledged, over all its processes.
const ACK_PENDING_MAX: i64 = 20_000;
/// After this a message that was neither acknowledged nor kept comes again: so long its order waits
/// when a decider dies.
const ACK_WAIT: Duration = Duration::from_secs(6);
/// How often a delivery that is being worked on is kept from coming again.
const KEEP_EVERY: Duration = Duration::from_secs(1);
/// How long a pull waits; afterwards the consumer is asked whether it is still there.
const PULL_WAIT: Duration = Duration::from_secs(1);

/// JetStream's receipt.
#[derive(Clone, Copy, Debug)]
pub struct Receipt {
    /// Where in the stream the message is.
    pub sequence: u64,
    /// Whether the stream had a message of this id already.
    pub duplicate: bool,
}

/// A message to be decided and then acknowledged.
#[derive(Debug)]
pub struct Delivery {
    message: Message,
    settled: AtomicBool,
}

impl Delivery {
    /// The order it carries.
    pub fn read(&self) -> serde_json::Result<Admitted> {
        serde_json::from_slice(&self.message.payload)
    }

    /// As it was published.
    pub(super) fn payload(&self) -> &[u8] {
        &self.message.payload
    }

    /// Where in the stream it is; 0 if JetStream did not say.
    pub fn sequence(&self) -> u64 {
        let info = self.message.info();
        info.map(|info| info.stream_sequence).unwrap_or_default()
    }

    /// How often it was delivered, this time included.
    pub fn count(&self) -> u64 {
        let info = self.message.info();
        let count = info.map(|info| info.delivered).unwrap_or_default();
        u64::try_from(count).unwrap_or_default()
    }

    /// Tells the queue that the ledger has it.
    pub async fn acknowledge(&self) -> Result<()> {
        self.settle(AckKind::Ack).await
    }

    /// Gives it back: it comes again after `delay`.
    pub async fn put_off(&self, delay: Duration) -> Result<()> {
        self.settle(AckKind::Nak(Some(delay))).await
    }

    async fn settle(&self, kind: AckKind) -> Result<()> {
        self.settled.store(true, Ordering::Relaxed);
        let sent = self.message.ack_with(kind).await;
        sent.map_err(failed("acknowledge"))
    }

    async fn keep(&self) {
        if !self.settled.load(Ordering::Relaxed) {
            // If it cannot be told, the message may come again, and meets its row.
            drop(self.message.ack_with(AckKind::Progress).await);
        }
    }
}

/// Runs `work`, and as long as it takes keeps those deliveries from coming again that it has
/// neither acknowledged nor put off.
pub async fn keeping<T>(deliveries: &[Delivery], work: impl Future<Output = T>) -> T {
    let mut work = std::pin::pin!(work);
    loop {
        match tokio::time::timeout(KEEP_EVERY, &mut work).await {
            Ok(done) => return done,
            Err(_) => {
                for delivery in deliveries {
                    delivery.keep().await;
                }
            }
        }
    }
}

impl Queue {
    /// Publishes an admitted order and waits for the receipt. The stream keeps one message an id.
    pub async fn publish(&self, admitted: &Admitted, id: &str) -> Result<Receipt> {
        let mut headers = HeaderMap::new();
        headers.insert("Nats-Msg-Id", id);
        let subject = self.order_subject(admitted.sale_id);
        let payload = serde_json::to_vec(admitted).map_err(failed("write a message"))?;
        let sent = self.send(subject, headers, payload);
        self.guard.call(QueueError::is_away, sent).await
    }

    pub(super) async fn decider(&self) -> Result<PullConsumer> {
        let config = pull_consumer::Config {
            durable_name: Some("decider".to_owned()),
            ack_policy: AckPolicy::Explicit,
            ack_wait: ACK_WAIT,
            // Without an end: after the last delivery a message would never return, and the queue
            // would look drained.
            max_deliver: -1,
            max_ack_pending: ACK_PENDING_MAX,
            ..Default::default()
        };
        let stream = self.stream(&self.orders_stream()).await?;
        let consumer = stream.create_consumer(config).await;
        consumer.map_err(failed("make the consumer"))
    }

    /// Hands batches of messages to `decide`, one after the other, for ever; nothing is fetched
    /// before `decide` is done. What it leaves comes again. Ends with an error when the queue is
    /// away, or stream or consumer are gone: the next call makes them again.
    pub async fn consume<F: Future<Output = ()>>(
        &self,
        mut decide: impl FnMut(Vec<Delivery>) -> F,
    ) -> Result<(), QueueError> {
        let mut consumer = self.decider().await?;
        loop {
            let messages = pull(&consumer, BATCH_MAX, PULL_WAIT).await?;
            if messages.is_empty() {
                consumer.info().await.map_err(failed("ask the consumer"))?;
                continue;
            }
            let delivery = |message| Delivery {
                message,
                settled: AtomicBool::new(false),
            };
            decide(messages.into_iter().map(delivery).collect()).await;
        }
    }
}
