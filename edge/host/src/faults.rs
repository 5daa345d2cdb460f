//! Faults of a configuration, gathered so that all are reported together and none hides another.

use std::fmt;

/// A list of faults; an empty one is no error.
#[derive(Debug, Default)]
pub struct Faults(Vec<String>);

impl Faults {
    /// Notes one fault.
    pub fn add(&mut self, fault: impl Into<String>) {
        self.0.push(fault.into());
    }

    /// The value of `result`, or nothing and a noted fault.
    pub fn take<T, E: fmt::Display>(&mut self, result: Result<T, E>) -> Option<T> {
        result.map_err(|error| self.add(error.to_string())).ok()
    }

    /// An error about `what` if anything was noted.
    pub fn or_stop(self, what: &impl fmt::Display) -> anyhow::Result<Self> {
        if self.0.is_empty() {
            Ok(self)
        } else {
            Err(anyhow::anyhow!("{what}: {self}"))
        }
    }

    /// `Ok` if nothing was noted.
    pub fn into_result(self) -> Result<(), Self> {
        if self.0.is_empty() { Ok(()) } else { Err(self) }
    }
}

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join("; "))
    }
}

impl std::error::Error for Faults {}
