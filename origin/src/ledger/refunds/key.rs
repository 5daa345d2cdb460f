//! The idempotency key of a refund.
//!
//! Invariant: two tries of a refund never share a key, nor do two refunds.

use kernel::ids::{BadId, RefundId};
use std::fmt;
use std::str::FromStr;

/// A refund and which try it is: `123`, then `123-2`. A provider that has said that a refund failed
/// says so for ever under the same key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct RefundKey {
    /// The refund.
    pub refund: RefundId,
    /// 1, and one more each time that an operator tries it anew.
    pub try_number: u32,
}

impl fmt::Display for RefundKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.try_number {
            1 => write!(f, "{}", self.refund),
            again => write!(f, "{}-{again}", self.refund),
        }
    }
}

impl FromStr for RefundKey {
    type Err = BadId;

    fn from_str(text: &str) -> Result<Self, BadId> {
        let (refund, try_number) = match text.split_once('-') {
            None => (text, 1),
            Some((refund, again)) => (refund, again.parse().map_err(|_| BadId)?),
        };
        let key = Self {
            refund: refund.parse()?,
            try_number,
        };
        // `1-1` and `1-02` would be other texts for the same key.
        let is_one = key.try_number > 0 && key.to_string() == text;
        is_one.then_some(key).ok_or(BadId)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_reads_back_and_has_one_text() {
        let check = |text: &str, expected: Option<(u64, u32)>| {
            let key = text.parse::<RefundKey>().ok();
            let parts = key.map(|key| (key.refund.0, key.try_number));
            assert_eq!(parts, expected, "{text}");
        };
        check("7", Some((7, 1)));
        check("7-2", Some((7, 2)));
        for wrong in ["", "x", "7-", "7-1", "7-0", "7-02", "-2", "7-2-3", "7-+2"] {
            check(wrong, None);
        }
    }
}
