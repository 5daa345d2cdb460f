//! How far the decider is.
//!
//! Invariant: what is said here may lag behind, and never runs ahead: a message counts as waiting
//! until its acknowledgement has arrived.

use super::{Queue, Result, failed};
use async_nats::jetstream::stream::LastRawMessageErrorKind;
use std::time::Duration;

impl Queue {
    /// Up to which place in the stream all messages are acknowledged.
    pub async fn decided_up_to(&self) -> Result<u64> {
        let consumer = self.decider().await?;
        Ok(consumer.cached_info().ack_floor.stream_sequence)
    }

    /// The place of the last message in the stream.
    pub async fn last_place(&self) -> Result<u64> {
        let stream = self.stream(&self.orders_stream()).await?;
        Ok(stream.cached_info().state.last_sequence)
    }

    /// How long the oldest message waits that is not acknowledged; `None` if there is none.
    pub async fn oldest_waiting(&self) -> Result<Option<Duration>> {
        let consumer = self.decider().await?;
        let info = consumer.cached_info();
        if info.num_pending == 0 && info.num_ack_pending == 0 {
            return Ok(None);
        }
        let after = info.ack_floor.stream_sequence + 1;
        let stream = self.stream(&self.orders_stream()).await?;
        // The first that is still there: a message can be gone, by its age or by a fault.
        let oldest = stream.get_first_raw_message_by_subject(self.order_subject("*"), after);
        let message = match oldest.await {
            Ok(message) => message,
            Err(error) if error.kind() == LastRawMessageErrorKind::NoMessageFound => {
                return Ok(None);
            }
            Err(error) => return Err(failed("look at the oldest message")(error)),
        };
        let waits_ms = crate::now().0 - message.time.unix_timestamp() * 1_000;
        Ok(Some(Duration::from_millis(waits_ms.max(0).unsigned_abs())))
    }
}
