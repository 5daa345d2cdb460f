//! What a PoP counts and tells the origin with each request for the snapshot.
//!
//! Invariant: a report holds counts and nothing of one shopper; every word in it is one of a few, so
//! that it can be a metric's label.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// Header of the origin's answer: when what it answers with was read from the stores, by its clock,
/// Unix milliseconds. A `304` has it too: then the document that the PoP has was true at that time.
pub const MADE_HEADER: &str = "doorbuster-made";
/// The most that one report adds to a count; a PoP tells the rest the next time.
pub const COUNT_MAX: u64 = 10_000_000;

/// A component of the edge app.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Component {
    /// The site.
    Pages,
    /// Challenges and tokens.
    Gate,
    /// The way to the origin.
    Relay,
}

impl Component {
    /// All, in the order of a report.
    pub const ALL: [Self; 3] = [Self::Pages, Self::Gate, Self::Relay];

    /// Its name in `spin.toml`.
    pub fn word(self) -> &'static str {
        match self {
            Self::Pages => "pages",
            Self::Gate => "gate",
            Self::Relay => "relay",
        }
    }
}

/// Where a read of the catalogue found it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// In the instance, within the promised age.
    Instance,
    /// In the instance, older than promised, as nothing newer was to be had.
    Stale,
    /// In the PoP's key-value store, after a wait.
    KeyValue,
    /// At the origin, after a wait.
    Origin,
    /// Nowhere: the shopper was told to come again.
    None,
}

impl Level {
    /// All, in the order of a tally.
    pub const ALL: [Self; 5] = [
        Self::Instance,
        Self::Stale,
        Self::KeyValue,
        Self::Origin,
        Self::None,
    ];

    /// The word in metrics.
    pub fn word(self) -> &'static str {
        match self {
            Self::Instance => "instance",
            Self::Stale => "stale",
            Self::KeyValue => "key_value",
            Self::Origin => "origin",
            Self::None => "none",
        }
    }
}

/// How a call of the PoP store ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StoreCall {
    /// With a reply.
    Answered,
    /// Without one in time.
    Slow,
    /// With an error, or without a connection.
    Broken,
    /// Before it began: the breaker was open.
    Refused,
}

impl StoreCall {
    /// All, in the order of a tally.
    pub const ALL: [Self; 4] = [Self::Answered, Self::Slow, Self::Broken, Self::Refused];

    /// The word in metrics.
    pub fn word(self) -> &'static str {
        match self {
            Self::Answered => "answered",
            Self::Slow => "slow",
            Self::Broken => "broken",
            Self::Refused => "refused",
        }
    }
}

const COUNTS: usize = Level::ALL.len() + StoreCall::ALL.len();

/// The counts of one component; as text nine numbers with dots between: first the levels, then the
/// calls.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Tally([u64; COUNTS]);

/// A text that is no tally.
#[derive(Debug, thiserror::Error)]
#[error("is not {COUNTS} numbers with dots between")]
pub struct BadTally;

impl Tally {
    /// Counts a read.
    pub fn count_read(&mut self, level: Level) {
        self.add(level as usize);
    }

    /// Counts a call.
    pub fn count_call(&mut self, call: StoreCall) {
        self.add(Level::ALL.len() + call as usize);
    }

    /// Reads that ended at this level.
    pub fn reads(&self, level: Level) -> u64 {
        self.at(level as usize)
    }

    /// Calls that ended so.
    pub fn calls(&self, call: StoreCall) -> u64 {
        self.at(Level::ALL.len() + call as usize)
    }

    /// Both together.
    #[must_use]
    pub fn plus(&self, other: &Self) -> Self {
        self.with(other, u64::saturating_add)
    }

    /// What was counted after `earlier`, at most [`COUNT_MAX`] of each.
    #[must_use]
    pub fn since(&self, earlier: &Self) -> Self {
        self.with(earlier, u64::saturating_sub).capped()
    }

    /// At most [`COUNT_MAX`] of each.
    #[must_use]
    pub fn capped(&self) -> Self {
        Self(self.0.map(|count| count.min(COUNT_MAX)))
    }

    /// Whether nothing was counted.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    fn add(&mut self, index: usize) {
        if let Some(count) = self.0.get_mut(index) {
            *count = count.saturating_add(1);
        }
    }

    fn at(&self, index: usize) -> u64 {
        self.0.get(index).copied().unwrap_or_default()
    }

    fn with(&self, other: &Self, combine: fn(u64, u64) -> u64) -> Self {
        Self(std::array::from_fn(|index| {
            combine(self.at(index), other.at(index))
        }))
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0.map(|count| count.to_string()).join("."))
    }
}

impl FromStr for Tally {
    type Err = BadTally;

    fn from_str(text: &str) -> Result<Self, BadTally> {
        let counts: Result<Vec<u64>, _> = text.split('.').map(str::parse).collect();
        let counts = counts.map_err(|_| BadTally)?;
        counts.try_into().map(Self).map_err(|_| BadTally)
    }
}

impl From<Tally> for String {
    fn from(tally: Tally) -> Self {
        tally.to_string()
    }
}

impl TryFrom<String> for Tally {
    type Error = BadTally;

    fn try_from(text: String) -> Result<Self, BadTally> {
        text.parse()
    }
}

/// The query of `GET /internal/snapshot`: what each component counted since the last report.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct EdgeReport {
    /// By the site.
    pub pages: Tally,
    /// By the gate.
    pub gate: Tally,
    /// By the relay.
    pub relay: Tally,
    /// Where other PoPs reach this one, `http(s)://host[:port]`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
}

impl EdgeReport {
    /// A report of these counts, in the order of [`Component::ALL`].
    pub fn new([pages, gate, relay]: [Tally; Component::ALL.len()]) -> Self {
        Self {
            pages,
            gate,
            relay,
            url: None,
        }
    }

    /// What a component counted.
    pub fn of(&self, component: Component) -> &Tally {
        match component {
            Component::Pages => &self.pages,
            Component::Gate => &self.gate,
            Component::Relay => &self.relay,
        }
    }

    /// The query's text, without what is empty.
    pub fn to_query(&self) -> String {
        let told = Component::ALL
            .into_iter()
            .filter(|component| !self.of(*component).is_empty());
        let pairs = told.map(|component| format!("{}={}", component.word(), self.of(component)));
        let url = self.url.as_ref().map(|url| format!("url={}", escaped(url)));
        pairs.chain(url).collect::<Vec<_>>().join("&")
    }
}

/// Percent-encoded, save letters, digits, `-` and `.`.
fn escaped(text: &str) -> String {
    let escape = |byte: u8| match byte {
        b'-' | b'.' | b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z' => char::from(byte).to_string(),
        _ => format!("%{byte:02X}"),
    };
    text.bytes().map(escape).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tally_reads_as_it_was_written() {
        let mut tally = Tally::default();
        tally.count_read(Level::Instance);
        tally.count_read(Level::None);
        tally.count_call(StoreCall::Answered);
        tally.count_call(StoreCall::Refused);
        tally.count_call(StoreCall::Refused);
        assert_eq!(tally.to_string(), "1.0.0.0.1.1.0.0.2");
        assert_eq!(tally.to_string().parse::<Tally>().ok(), Some(tally));
        assert_eq!(tally.reads(Level::None), 1);
        assert_eq!(tally.calls(StoreCall::Refused), 2);
        for text in [
            "",
            "1",
            "1.2.3.4.5.6.7.8",
            "1.2.3.4.5.6.7.8.9.10",
            "1.2.3.4.5.6.7.8.-9",
        ] {
            assert!(text.parse::<Tally>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_report_tells_what_came_since_the_last_one_and_not_too_much_at_once() {
        let tally = |text: &str| text.parse::<Tally>().unwrap();
        let before = tally("1.0.0.0.0.5.0.0.0");
        let now = tally("99000001.0.0.0.2.4.0.0.0");
        assert_eq!(now.since(&before).to_string(), "10000000.0.0.0.2.0.0.0.0");
        let told = before.plus(&now.since(&before));
        assert_eq!(now.since(&told).reads(Level::Instance), COUNT_MAX);
    }

    #[test]
    fn a_query_names_those_who_counted() {
        let mut relay = Tally::default();
        assert_eq!(EdgeReport::default().to_query(), "");
        relay.count_read(Level::Origin);
        let report = EdgeReport::new([Tally::default(), relay, relay]);
        assert_eq!(
            report.to_query(),
            "gate=0.0.0.1.0.0.0.0.0&relay=0.0.0.1.0.0.0.0.0"
        );
        let report = EdgeReport {
            url: Some("http://[::1]:8080".to_owned()),
            ..EdgeReport::default()
        };
        assert_eq!(report.to_query(), "url=http%3A%2F%2F%5B%3A%3A1%5D%3A8080");
    }
}
