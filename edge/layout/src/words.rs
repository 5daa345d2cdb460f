//! Money and instants as people read them, in English and UTC; scripts turn times into local ones.

use kernel::money::Money;
use kernel::time::UnixMillis;

const MONTHS: [&str; 12] = [
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
];
const DAY_MS: i64 = 86_400_000;

/// `$1,299.00`; a currency whose sign is not unmistakable goes by its code: `CHF 1,299.00`.
pub fn money(money: Money) -> String {
    let code = money.currency.to_string();
    let sign = match code.as_str() {
        "USD" => "$",
        "EUR" => "€",
        "GBP" => "£",
        "JPY" => "¥",
        "INR" => "₹",
        "KRW" => "₩",
        _ => "",
    };
    let prefix = if sign.is_empty() {
        format!("{code}\u{a0}")
    } else {
        sign.to_owned()
    };
    let minus = if money.amount_minor < 0 { "-" } else { "" };
    let (units, rest) = parts(money);
    format!("{minus}{prefix}{}{rest}", grouped(units))
}

/// `1299.00`: an amount for programs, without its currency.
pub fn amount(money: Money) -> String {
    let minus = if money.amount_minor < 0 { "-" } else { "" };
    let (units, rest) = parts(money);
    format!("{minus}{units}{rest}")
}

/// Whole units, and what follows them with its point; nothing in a currency without minor units.
fn parts(money: Money) -> (u64, String) {
    let digits = money.currency.minor_digits();
    let scale = 10_u64.pow(digits);
    let amount = money.amount_minor.unsigned_abs();
    let width = digits as usize;
    let rest = match digits {
        0 => String::new(),
        _ => format!(".{:0width$}", amount % scale),
    };
    (amount / scale, rest)
}

/// `12,345`.
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() * 4 / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// An instant for `<time datetime>`: `2026-11-21T12:00:00Z`.
pub fn iso(instant: UnixMillis) -> String {
    let (year, month, day) = date(instant);
    let (hour, minute, second) = time_of_day(instant);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

/// An instant in words: `21 Nov 2026, 12:00 UTC`.
pub fn utc(instant: UnixMillis) -> String {
    let (year, month, day) = date(instant);
    let (hour, minute, _) = time_of_day(instant);
    let name = MONTHS[month - 1];
    format!("{day} {name} {year}, {hour:02}:{minute:02} UTC")
}

/// The time of an instant of today: `12:00:05 UTC`.
pub fn clock(instant: UnixMillis) -> String {
    let (hour, minute, second) = time_of_day(instant);
    format!("{hour:02}:{minute:02}:{second:02} UTC")
}

/// A time to wait, rounded up: `1 second`, `59 seconds`, `2 minutes`.
pub fn span(ms: i64) -> String {
    let seconds = ms.max(1).saturating_add(999) / 1_000;
    let (number, unit) = match seconds {
        0..120 => (seconds, "second"),
        120..7_200 => ((seconds + 59) / 60, "minute"),
        _ => ((seconds + 3_599) / 3_600, "hour"),
    };
    let plural = if number == 1 { "" } else { "s" };
    format!("{number} {unit}{plural}")
}

fn time_of_day(instant: UnixMillis) -> (i64, i64, i64) {
    let seconds = instant.0.rem_euclid(DAY_MS) / 1_000;
    (seconds / 3_600, seconds / 60 % 60, seconds % 60)
}

/// Year, month from 1 and day of an instant: Howard Hinnant's `civil_from_days`.
fn date(instant: UnixMillis) -> (i64, usize, i64) {
    let days = instant.0.div_euclid(DAY_MS) + 719_468;
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 {
        shifted_month + 3
    } else {
        shifted_month - 9
    };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (year, usize::try_from(month).unwrap_or(1).clamp(1, 12), day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn money_reads_as_in_a_shop() {
        let check = |amount_minor, currency: &str, expected: &str| {
            let currency = currency.parse().unwrap();
            let value = Money {
                amount_minor,
                currency,
            };
            assert_eq!(money(value), expected);
            // The same digits, and nothing else.
            let digits =
                expected.replace(|c: char| !c.is_ascii_digit() && c != '.' && c != '-', "");
            assert_eq!(amount(value), digits);
        };
        check(1_999, "USD", "$19.99");
        check(129_900, "EUR", "€1,299.00");
        check(5, "GBP", "£0.05");
        check(1_234_567, "JPY", "¥1,234,567");
        check(100_000, "CHF", "CHF\u{a0}1,000.00");
        check(-150, "USD", "-$1.50");
        check(1_234, "KWD", "KWD\u{a0}1.234");
    }

    #[test]
    fn a_wait_is_never_said_to_be_shorter_than_it_is() {
        let check = |ms, expected| assert_eq!(span(ms), expected, "{ms}");
        check(-5, "1 second");
        check(1_000, "1 second");
        check(1_001, "2 seconds");
        check(119_000, "119 seconds");
        check(120_001, "3 minutes");
        check(7_200_001, "3 hours");
    }

    #[test]
    fn instants_read_as_in_a_calendar() {
        let check = |ms, expected_iso: &str, expected_words: &str| {
            assert_eq!(iso(UnixMillis(ms)), expected_iso);
            assert_eq!(utc(UnixMillis(ms)), expected_words);
            let time = &expected_iso[11..19];
            assert_eq!(clock(UnixMillis(ms)), format!("{time} UTC"));
        };
        check(0, "1970-01-01T00:00:00Z", "1 Jan 1970, 00:00 UTC");
        let leap_day = 1_709_208_061_000;
        check(leap_day, "2024-02-29T12:01:01Z", "29 Feb 2024, 12:01 UTC");
        let last = 1_798_761_599_999;
        check(last, "2026-12-31T23:59:59Z", "31 Dec 2026, 23:59 UTC");
        check(-1, "1969-12-31T23:59:59Z", "31 Dec 1969, 23:59 UTC");
    }
}
