//! Unguessable ids and the wall clock, as a payment provider has them.

use std::io;
use std::time::{SystemTime, UNIX_EPOCH};

/// `<prefix>_` and 24 random hexadecimal digits.
pub fn fresh(prefix: &str) -> io::Result<String> {
    let mut bytes = [0_u8; 12];
    getrandom::fill(&mut bytes).map_err(|error| io::Error::other(error.to_string()))?;
    Ok(format!("{prefix}_{}", hex::encode(bytes)))
}

/// Milliseconds since 1970, UTC.
pub fn now_ms() -> i64 {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}
