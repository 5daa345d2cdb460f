//! The streams: what each keeps, how long and how much.
//!
//! Invariant: a stream that is there has this configuration, or the process says why not and does
//! not start. Making one again when it is gone needs nobody.

use super::{Queue, QueueError, Result, failed};
use async_nats::jetstream::context::GetStreamErrorKind;
use async_nats::jetstream::stream::{Config, DiscardPolicy, RetentionPolicy, StorageType, Stream};
use async_nats::jetstream::{Context, ErrorCode};
use std::time::Duration;

/// How long the order stream remembers message ids.
const DUPLICATE_WINDOW: Duration = Duration::from_mins(10);
/// How long the order stream keeps messages.
const ORDERS_MAX_AGE: Duration = Duration::from_hours(24);
/// How long a dead letter is kept.
const DEAD_LETTERS_MAX_AGE: Duration = Duration::from_hours(30 * 24);
/// How long a deadline is kept: longer than any payment time, which is a day at most.
const LANES_MAX_AGE: Duration = Duration::from_hours(25);
/// What dead letters may take on NATS' disk, which reserves it; an order's takes about 500 bytes.
const DEAD_LETTERS_BYTES_MAX: i64 = 16 << 20;
/// How long a stream has been gone before it is made again: the server forgets a stream before it has
/// removed its files, and would remove those of a new one of the same name.
const MAKE_AGAIN_AFTER: Duration = Duration::from_secs(1);

impl Queue {
    /// Admitted orders. Limits and not a work queue, because a work queue forgets the ids of what
    /// was acknowledged; and a full stream refuses, because what it took it must not drop.
    pub(super) fn orders_stream(&self) -> Config {
        Config {
            name: format!("{}-orders", self.prefix),
            subjects: vec![self.order_subject("*")],
            discard: DiscardPolicy::New,
            max_age: ORDERS_MAX_AGE,
            max_bytes: self.bytes_max,
            duplicate_window: DUPLICATE_WINDOW,
            ..self.file_stream()
        }
    }

    /// What could not be decided. A full stream drops the oldest letter: the decider must not stand
    /// still for want of room here.
    pub(super) fn dead_letters_stream(&self) -> Config {
        Config {
            name: format!("{}-dead-letters", self.prefix),
            subjects: vec![self.dead_letters_subject()],
            discard: DiscardPolicy::Old,
            max_age: DEAD_LETTERS_MAX_AGE,
            max_bytes: DEAD_LETTERS_BYTES_MAX.min(self.bytes_max),
            duplicate_window: DUPLICATE_WINDOW,
            ..self.file_stream()
        }
    }

    /// Deadlines of pending orders. A work queue, because what is closed need not be kept: it holds
    /// those that wait and no others, and that it forgets the ids of the closed is harmless, as
    /// closing twice does nothing. A full stream refuses; the sweeper closes what it did not take.
    pub(super) fn lanes_stream(&self) -> Config {
        Config {
            name: format!("{}-deadlines", self.prefix),
            subjects: vec![self.lane_subject("*")],
            retention: RetentionPolicy::WorkQueue,
            discard: DiscardPolicy::New,
            max_age: LANES_MAX_AGE,
            // A deadline is about half as long as an order.
            max_bytes: self.bytes_max / 2,
            duplicate_window: DUPLICATE_WINDOW,
            ..self.file_stream()
        }
    }

    /// By the sale.
    pub(super) fn order_subject(&self, sale: impl std::fmt::Display) -> String {
        format!("{}.orders.{sale}", self.prefix)
    }

    /// By the payment time, in seconds.
    pub(super) fn lane_subject(&self, lane: impl std::fmt::Display) -> String {
        format!("{}.deadlines.{lane}", self.prefix)
    }

    pub(super) fn dead_letters_subject(&self) -> String {
        format!("{}.dead-letters", self.prefix)
    }

    fn file_stream(&self) -> Config {
        Config {
            storage: StorageType::File,
            retention: RetentionPolicy::Limits,
            num_replicas: self.replicas,
            ..Config::default()
        }
    }

    /// Makes the streams that are missing and brings the others up to their configuration: for a
    /// start.
    pub(super) async fn make_streams(&self) -> Result<()> {
        for config in self.streams() {
            let stream = match self.find(&config).await? {
                Some(stream) => stream,
                None => self.make(&config).await?,
            };
            update(&self.consumer, &config, &stream.cached_info().config).await?;
        }
        Ok(())
    }

    /// Makes the streams again that have gone since the start.
    pub(super) async fn make_streams_again(&self) -> Result<()> {
        for config in self.streams() {
            self.stream(&config).await?;
        }
        Ok(())
    }

    fn streams(&self) -> [Config; 3] {
        [
            self.orders_stream(),
            self.dead_letters_stream(),
            self.lanes_stream(),
        ]
    }

    /// A stream that is there now, whether or not it was.
    pub(super) async fn stream(&self, wanted: &Config) -> Result<Stream> {
        if let Some(stream) = self.find(wanted).await? {
            return Ok(stream);
        }
        tokio::time::sleep(MAKE_AGAIN_AFTER).await;
        self.make(wanted).await
    }

    async fn find(&self, wanted: &Config) -> Result<Option<Stream>> {
        match self.consumer.get_stream(&wanted.name).await {
            Ok(stream) => Ok(Some(stream)),
            Err(error) if is_missing(&error.kind()) => Ok(None),
            Err(error) => Err(failed("find a stream")(error)),
        }
    }

    async fn make(&self, wanted: &Config) -> Result<Stream> {
        let made = self.consumer.create_stream(wanted.clone()).await;
        made.map_err(failed("make a stream"))
    }
}

async fn update(context: &Context, wanted: &Config, has: &Config) -> Result<()> {
    // What the server adds by itself is kept as it is.
    let updated = Config {
        subjects: wanted.subjects.clone(),
        discard: wanted.discard,
        max_age: wanted.max_age,
        max_bytes: wanted.max_bytes,
        duplicate_window: wanted.duplicate_window,
        storage: wanted.storage,
        retention: wanted.retention,
        num_replicas: wanted.num_replicas,
        ..has.clone()
    };
    if updated != *has {
        let update = context.update_stream(&updated).await;
        update.map_err(|error| cannot_update(&wanted.name, &error))?;
        tracing::info!(stream = wanted.name, "A stream's configuration was changed");
    }
    Ok(())
}

pub(super) fn is_missing(kind: &GetStreamErrorKind) -> bool {
    let GetStreamErrorKind::JetStream(error) = kind else {
        return false;
    };
    error.error_code() == ErrorCode::STREAM_NOT_FOUND
}

fn cannot_update(name: &str, error: &dyn std::error::Error) -> QueueError {
    let why = format!(
        "stream {name} is there with another configuration, which cannot become ours: {error}"
    );
    failed("change a stream")(why)
}
