//! Dead letters: messages that can never be decided, kept for an operator in a stream of their own.
//!
//! Invariant: a letter carries the message as it was, byte for byte, and says why it is here.

use super::{Delivery, Queue, Result, failed};
use async_nats::HeaderMap;
use async_nats::jetstream::message::StreamMessage;
use async_nats::jetstream::stream::{LastRawMessageErrorKind, Stream};
use kernel::time::UnixMillis;

const REASON: &str = "Doorbuster-Reason";
const DELIVERIES: &str = "Doorbuster-Deliveries";
const BURIED_AT_MS: &str = "Doorbuster-At-Ms";
/// Of a reason, as many characters are kept.
const REASON_CHARS_MAX: usize = 500;

/// A message that could not be decided.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeadLetter {
    /// By which an operator names it: its place in the stream.
    pub number: u64,
    /// When it was given up.
    pub at: UnixMillis,
    /// Why.
    pub reason: String,
    /// How often it had been delivered.
    pub deliveries: u64,
    /// The message.
    pub payload: Vec<u8>,
}

impl Queue {
    /// Puts a message among the dead letters. The stream keeps one letter an id.
    pub async fn bury(
        &self,
        delivery: &Delivery,
        id: &str,
        reason: &str,
        at: UnixMillis,
    ) -> Result<()> {
        let mut headers = HeaderMap::new();
        headers.insert("Nats-Msg-Id", id);
        headers.insert(REASON, one_line(reason));
        headers.insert(DELIVERIES, delivery.count().to_string());
        headers.insert(BURIED_AT_MS, at.0.to_string());
        let payload = delivery.payload().to_vec();
        let sent = self.send(self.dead_letters_subject(), headers, payload);
        sent.await.map(drop)
    }

    /// The dead letters from `number` on, in their order, at most `at_most`.
    pub async fn dead_letters(&self, number: u64, at_most: usize) -> Result<Vec<DeadLetter>> {
        let stream = self.stream(&self.dead_letters_stream()).await?;
        let subject = self.dead_letters_subject();
        let mut letters: Vec<DeadLetter> = Vec::new();
        while letters.len() < at_most {
            let from = letters.last().map_or(number, |letter| letter.number + 1);
            let next = stream.get_first_raw_message_by_subject(&subject, from.max(1));
            match found(next.await)? {
                Some(message) => letters.push(letter(&message)),
                None => break,
            }
        }
        Ok(letters)
    }

    /// One dead letter.
    pub async fn dead_letter(&self, number: u64) -> Result<Option<DeadLetter>> {
        let letters = self.dead_letters(number, 1).await?;
        Ok(letters.into_iter().find(|letter| letter.number == number))
    }

    /// Deletes a dead letter; false if there is none.
    pub async fn drop_dead_letter(&self, number: u64) -> Result<bool> {
        let stream: Stream = self.stream(&self.dead_letters_stream()).await?;
        if self.dead_letter(number).await?.is_none() {
            return Ok(false);
        }
        let deleted = stream.delete_message(number).await;
        deleted.map_err(failed("delete a dead letter"))
    }
}

type Found = std::result::Result<StreamMessage, async_nats::error::Error<LastRawMessageErrorKind>>;

fn found(message: Found) -> Result<Option<StreamMessage>> {
    match message {
        Ok(message) => Ok(Some(message)),
        Err(error) if error.kind() == LastRawMessageErrorKind::NoMessageFound => Ok(None),
        Err(error) => Err(failed("read a dead letter")(error)),
    }
}

fn letter(message: &StreamMessage) -> DeadLetter {
    let header = |name| {
        let value = message.headers.get(name);
        value.map_or("", |value| value.as_str())
    };
    DeadLetter {
        number: message.sequence,
        at: UnixMillis(header(BURIED_AT_MS).parse().unwrap_or_default()),
        reason: header(REASON).to_owned(),
        deliveries: header(DELIVERIES).parse().unwrap_or_default(),
        payload: message.payload.to_vec(),
    }
}

/// A header holds one line.
fn one_line(reason: &str) -> String {
    let printable = |c: char| if c.is_control() { ' ' } else { c };
    reason
        .chars()
        .map(printable)
        .take(REASON_CHARS_MAX)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_becomes_one_line() {
        assert_eq!(one_line("no\r\nroom"), "no  room");
        assert_eq!(one_line(&"é".repeat(900)).chars().count(), REASON_CHARS_MAX);
    }
}
