//! The public randomness beacon: which round a sale waits for, and what the source says of it.
//!
//! Invariant: a round is fixed before it is out, and due after every lobby has had the time to
//! close; so neither whoever closes a lobby nor whoever knows the seed knows its value.

use super::publish::PublishError;
use crate::ledger::NewSale;
use kernel::lobby::{BEACON_AFTER_MS, Beacon};
use kernel::time::UnixMillis;
use serde::Deserialize;
use std::fs::File;
use std::io::Read;
use std::path::PathBuf;
use std::time::Duration;

/// How long one look at the source may take.
const TIMEOUT: Duration = Duration::from_secs(3);
/// What a source may send, in bytes.
const ANSWER_BYTES_MAX: usize = 16 * 1_024;
/// Bytes a value has.
const VALUE_BYTES: std::ops::RangeInclusive<usize> = 16..=64;
/// What stands in the source's address for the number of the round.
const ROUND: &str = "{round}";

/// When the rounds of a beacon are published: the first at `genesis`, then one each `period_ms`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rounds {
    /// When round 1 is published.
    pub genesis: UnixMillis,
    /// Between two rounds, in milliseconds.
    pub period_ms: i64,
}

impl Rounds {
    /// The first round that is due at `time` or later.
    fn from(self, time: UnixMillis) -> Beacon {
        let after = time.since(self.genesis).max(0);
        let number = (after + self.period_ms - 1) / self.period_ms;
        Beacon {
            round: number.unsigned_abs() + 1,
            due_at_ms: self.genesis.plus_ms(number * self.period_ms),
            value: None,
        }
    }

    /// The round of a sale that becomes public at `now`, if it names one.
    pub(super) fn of_sale(
        rounds: Option<Self>,
        sale: &NewSale,
        now: UnixMillis,
    ) -> Result<Option<Beacon>, PublishError> {
        if !sale.with_beacon {
            return Ok(None);
        }
        let rounds = rounds.ok_or(PublishError::NoBeacon(sale.id))?;
        let opens_at = sale.opens_at.max(now);
        Ok(Some(rounds.from(opens_at.plus_ms(BEACON_AFTER_MS))))
    }
}

/// Where a beacon's rounds are read.
#[derive(Clone, Debug)]
pub struct Source {
    url: String,
    http: reqwest::Client,
}

/// Why there is no value.
#[derive(Debug, thiserror::Error)]
pub enum BeaconError {
    /// The source did not answer, or with an error.
    #[error("the source did not answer")]
    Http(#[from] reqwest::Error),
    /// The file cannot be read.
    #[error("the file cannot be read")]
    File(#[from] std::io::Error),
    /// It took too long.
    #[error("the source did not answer in {} s", TIMEOUT.as_secs())]
    Slow,
    /// It sent something else.
    #[error("the source sent no value: {0}")]
    Answer(&'static str),
}

/// A round as drand's HTTP API answers it; other fields are of no interest here.
#[derive(Deserialize)]
struct Answer {
    round: Option<u64>,
    randomness: String,
}

impl Source {
    /// A source at this address, in which `{round}` stands for the round.
    pub fn new(url: &str) -> Result<Self, BeaconError> {
        let http = reqwest::Client::builder().timeout(TIMEOUT).build()?;
        Ok(Self {
            url: url.to_owned(),
            http,
        })
    }

    /// Whether an address can be a source's.
    pub fn accepts(url: &str) -> bool {
        let schemes = ["http://", "https://", "file:///"];
        url.contains(ROUND) && schemes.iter().any(|scheme| url.starts_with(scheme))
    }

    /// The value of a round.
    pub async fn value(&self, round: u64) -> Result<Vec<u8>, BeaconError> {
        let address = self.url.replace(ROUND, &round.to_string());
        let read = async {
            match address.strip_prefix("file://") {
                Some(path) => read_file(PathBuf::from(path)).await,
                None => self.ask(&address, round).await,
            }
        };
        let value = tokio::time::timeout(TIMEOUT, read).await;
        value.unwrap_or(Err(BeaconError::Slow))
    }

    async fn ask(&self, address: &str, round: u64) -> Result<Vec<u8>, BeaconError> {
        let mut answer = self.http.get(address).send().await?.error_for_status()?;
        let mut body = Vec::new();
        while let Some(chunk) = answer.chunk().await? {
            if body.len() + chunk.len() > ANSWER_BYTES_MAX {
                return Err(BeaconError::Answer("it is too long"));
            }
            body.extend_from_slice(&chunk);
        }
        let answer: Answer =
            serde_json::from_slice(&body).map_err(|_| BeaconError::Answer("it is not drand's"))?;
        if answer.round.is_some_and(|answered| answered != round) {
            return Err(BeaconError::Answer("it is of another round"));
        }
        parse(&answer.randomness)
    }
}

async fn read_file(path: PathBuf) -> Result<Vec<u8>, BeaconError> {
    let read = tokio::task::spawn_blocking(move || -> std::io::Result<String> {
        let mut text = String::new();
        let limit = ANSWER_BYTES_MAX as u64;
        File::open(path)?.take(limit).read_to_string(&mut text)?;
        Ok(text)
    });
    let text = read.await.map_err(std::io::Error::other)??;
    parse(text.trim())
}

fn parse(text: &str) -> Result<Vec<u8>, BeaconError> {
    let value = hex::decode(text).map_err(|_| BeaconError::Answer("it is not hexadecimal"))?;
    if VALUE_BYTES.contains(&value.len()) {
        Ok(value)
    } else {
        Err(BeaconError::Answer("it has not 16 to 64 bytes"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_round_is_the_first_that_is_due_then_or_later() {
        let rounds = Rounds {
            genesis: UnixMillis(1_000),
            period_ms: 3_000,
        };
        let check = |time, round, due| {
            let beacon = rounds.from(UnixMillis(time));
            assert_eq!((beacon.round, beacon.due_at_ms.0), (round, due), "{time}");
        };
        check(0, 1, 1_000);
        check(1_000, 1, 1_000);
        check(1_001, 2, 4_000);
        check(4_000, 2, 4_000);
        check(4_001, 3, 7_000);
    }

    #[test]
    fn a_value_is_hexadecimal_and_neither_short_nor_long() {
        assert_eq!(parse(&"ab".repeat(32)).unwrap(), [0xab; 32]);
        for text in ["", "xy", "abc", &"ab".repeat(15), &"ab".repeat(65)] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
