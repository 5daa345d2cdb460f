//! Lanes: one a payment time, of messages that each close an order at its deadline.
//!
//! Invariant: on a lane every message waits equally long, so the order of the lane is the order of
//! the deadlines, and who waits for the head waits for all. Nothing is delivered while we wait: the
//! head is only looked at, so a reader that ends takes nothing with it.

use super::pull::pull;
use super::{Queue, Result, failed};
use crate::ledger::Deadline;
use async_nats::HeaderMap;
use async_nats::jetstream::consumer::{AckPolicy, PullConsumer, pull as pull_consumer};
use async_nats::jetstream::context::{PublishAckFuture, PublishError, PublishErrorKind};
use async_nats::jetstream::stream::LastRawMessageErrorKind;
use async_nats::jetstream::{AckKind, Message};
use futures::TryStreamExt;
use kernel::ids::OrderId;
use kernel::time::UnixMillis;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// Messages of a lane that are delivered and not acknowledged, over all readers.
const ACK_PENDING_MAX: i64 = 1_024;
/// After this a message comes again that a reader took and left.
const ACK_WAIT: Duration = Duration::from_secs(10);
/// A lane nobody reads for so long is empty: its consumer goes.
const CONSUMER_MAX_AGE: Duration = Duration::from_hours(25);
/// How long a pull waits. Its messages are there already, or with another reader.
const PULL_WAIT: Duration = Duration::from_millis(100);

#[derive(Serialize, Deserialize)]
struct Entry {
    order_id: OrderId,
    expires_at_ms: UnixMillis,
}

/// A message of a lane, to be acknowledged once its order is closed.
#[derive(Debug)]
pub struct LaneMessage {
    /// The order.
    pub order: OrderId,
    /// When it expires if it is not paid.
    pub expires_at: UnixMillis,
    message: Message,
}

impl LaneMessage {
    /// The order has ended, one way or another.
    pub async fn acknowledge(&self) -> Result<()> {
        let sent = self.message.ack().await;
        sent.map_err(failed("acknowledge a deadline"))
    }

    /// It comes again after `delay`.
    pub async fn put_off(&self, delay: Duration) -> Result<()> {
        let sent = self.message.ack_with(AckKind::Nak(Some(delay))).await;
        sent.map_err(failed("put off a deadline"))
    }
}

impl Queue {
    /// Puts deadlines on their lanes, all at once, and waits for the receipts. The stream keeps one
    /// message an order while that is pending.
    pub async fn put_on_lanes(&self, deadlines: &[Deadline]) -> Result<()> {
        let missing = self.put_all(deadlines).await?;
        if !missing.is_empty() {
            self.make_streams_again().await?;
            if !self.put_all(&missing).await?.is_empty() {
                return Err(failed("publish deadlines")("there is no stream for them"));
            }
        }
        Ok(())
    }

    /// Gives back those that no stream took.
    async fn put_all(&self, deadlines: &[Deadline]) -> Result<Vec<Deadline>> {
        let mut sent = Vec::with_capacity(deadlines.len());
        for deadline in deadlines {
            sent.push((deadline, self.put(deadline).await));
        }
        let mut missing = Vec::new();
        for (deadline, sent) in sent {
            let receipt = match sent {
                Ok(receipt) => receipt.await.map(drop),
                Err(error) => Err(error),
            };
            match receipt {
                Ok(()) => {}
                Err(error) if error.kind() == PublishErrorKind::StreamNotFound => {
                    missing.push(*deadline);
                }
                Err(error) => return Err(failed("publish deadlines")(error)),
            }
        }
        Ok(missing)
    }

    async fn put(&self, deadline: &Deadline) -> Result<PublishAckFuture, PublishError> {
        let mut headers = HeaderMap::new();
        headers.insert("Nats-Msg-Id", deadline.order.to_string());
        let entry = Entry {
            order_id: deadline.order,
            expires_at_ms: deadline.expires_at,
        };
        let payload = serde_json::to_vec(&entry)
            .map_err(|error| PublishError::with_source(PublishErrorKind::Other, error))?;
        let subject = self.lane_subject(deadline.payment_seconds);
        self.publisher
            .publish_with_headers(subject, headers, payload.into())
            .await
    }

    /// The lanes that have messages, by their payment times in seconds.
    pub async fn lanes(&self) -> Result<Vec<u32>> {
        let stream = self.stream(&self.lanes_stream()).await?;
        let subjects = stream.info_with_subjects(self.lane_subject("*")).await;
        let subjects = subjects.map_err(failed("list the lanes"))?;
        let subjects: Vec<(String, usize)> = subjects
            .try_collect()
            .await
            .map_err(failed("list the lanes"))?;
        let seconds = |(subject, _): &(String, usize)| subject.rsplit('.').next()?.parse().ok();
        Ok(subjects.iter().filter_map(seconds).collect())
    }

    /// The next deadline of a lane; `None` if it is empty.
    pub async fn lane_head(&self, lane: u32) -> Result<Option<UnixMillis>> {
        let stream = self.consumer.get_stream_no_info(self.lanes_stream().name);
        let stream = stream.await.map_err(failed("find the lanes"))?;
        let head = stream.get_first_raw_message_by_subject(self.lane_subject(lane), 1);
        match head.await {
            // What cannot be read is taken off the lane at once.
            Ok(message) => Ok(Some(
                serde_json::from_slice(&message.payload)
                    .map_or(UnixMillis(0), |entry: Entry| entry.expires_at_ms),
            )),
            Err(error) if error.kind() == LastRawMessageErrorKind::NoMessageFound => Ok(None),
            Err(error) => Err(failed("look at a lane")(error)),
        }
    }

    /// Takes the first messages of a lane, at most `at_most`.
    pub async fn take_from_lane(&self, lane: u32, at_most: usize) -> Result<Vec<LaneMessage>> {
        let consumer = self.lane_reader(lane).await?;
        let mut taken = Vec::new();
        for message in pull(&consumer, at_most, PULL_WAIT).await? {
            match serde_json::from_slice(&message.payload) {
                Ok(Entry {
                    order_id,
                    expires_at_ms,
                }) => taken.push(LaneMessage {
                    order: order_id,
                    expires_at: expires_at_ms,
                    message,
                }),
                Err(error) => {
                    // The sweeper closes its order.
                    tracing::error!(lane, %error, "A deadline cannot be read; dropped");
                    let dropped = message.ack().await;
                    dropped.map_err(failed("acknowledge a deadline"))?;
                }
            }
        }
        Ok(taken)
    }

    async fn lane_reader(&self, lane: u32) -> Result<PullConsumer> {
        let config = pull_consumer::Config {
            durable_name: Some(format!("lane-{lane}")),
            filter_subject: self.lane_subject(lane),
            ack_policy: AckPolicy::Explicit,
            ack_wait: ACK_WAIT,
            max_deliver: -1,
            max_ack_pending: ACK_PENDING_MAX,
            inactive_threshold: CONSUMER_MAX_AGE,
            ..Default::default()
        };
        let stream = self.consumer.get_stream_no_info(self.lanes_stream().name);
        let stream = stream.await.map_err(failed("find the lanes"))?;
        let consumer = stream.create_consumer(config).await;
        consumer.map_err(failed("make a lane's consumer"))
    }
}
