//! Instants as people and standards write them, in UTC.
//!
//! Invariant: the proleptic Gregorian calendar, as RFC 3339 has it; no time zone but UTC.

use kernel::time::UnixMillis;

/// Seconds of a day.
const DAY: i64 = 86_400;

/// A date and a time of day in UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moment {
    /// The year.
    pub year: i64,
    /// 1 to 12.
    pub month: u8,
    /// 1 to 31.
    pub day: u8,
    /// 0 to 23.
    pub hour: u8,
    /// 0 to 59.
    pub minute: u8,
    /// 0 to 59.
    pub second: u8,
}

impl From<UnixMillis> for Moment {
    /// After Howard Hinnant's `civil_from_days`.
    fn from(instant: UnixMillis) -> Self {
        let seconds = instant.seconds();
        let of_day = seconds.rem_euclid(DAY);
        let days = seconds.div_euclid(DAY) + 719_468;
        let era = days.div_euclid(146_097);
        let of_era = days.rem_euclid(146_097);
        let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
        let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        // March is 0, so that a leap day is the last of its year.
        let march = (5 * of_year + 2) / 153;
        let day = of_year - (153 * march + 2) / 5 + 1;
        let month = if march < 10 { march + 3 } else { march - 9 };
        let year = year_of_era + era * 400 + i64::from(month <= 2);
        let small = |number: i64| u8::try_from(number).unwrap_or_default();
        Self {
            year,
            month: small(month),
            day: small(day),
            hour: small(of_day / 3_600),
            minute: small(of_day / 60 % 60),
            second: small(of_day % 60),
        }
    }
}

/// RFC 3339, to the second.
pub fn rfc3339(instant: UnixMillis) -> String {
    let Moment {
        year,
        month,
        day,
        hour,
        minute,
        second,
    } = instant.into();
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instants_read_as_rfc_3339_says() {
        let check = |seconds, expected: &str| {
            assert_eq!(rfc3339(UnixMillis::from_seconds(seconds)), expected);
        };
        check(0, "1970-01-01T00:00:00Z");
        check(-1, "1969-12-31T23:59:59Z");
        check(951_782_399, "2000-02-28T23:59:59Z");
        check(951_782_400, "2000-02-29T00:00:00Z");
        check(1_078_099_200, "2004-03-01T00:00:00Z");
        check(1_795_780_800, "2026-11-27T12:00:00Z");
        check(4_107_542_400, "2100-03-01T00:00:00Z");
    }
}
