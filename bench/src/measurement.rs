//! What was measured: a name, a value and its unit.
//!
//! Invariant: a line holds one measurement as JSON, and nothing else.

use serde_json::json;
use std::time::Duration;

/// One measurement.
#[derive(Clone, Debug, PartialEq)]
pub struct Measurement {
    name: String,
    value: f64,
    unit: &'static str,
}

impl Measurement {
    /// Of a name that is unique among those of one command.
    pub fn new(name: impl Into<String>, value: f64, unit: &'static str) -> Self {
        Self {
            name: name.into(),
            value,
            unit,
        }
    }

    /// As a line of JSON.
    pub fn line(&self) -> String {
        json!({ "name": self.name, "value": self.value, "unit": self.unit }).to_string()
    }
}

/// So many in so long, a second.
pub fn per_second(count: u32, time: Duration) -> f64 {
    f64::from(count) / time.as_secs_f64()
}
