//! Amounts and instants as each language writes them.
//!
//! Invariant: digits and currency are exact; an instant says that it is UTC.

use crate::calendar::Moment;
use kernel::language::Language;
use kernel::money::Money;
use kernel::time::UnixMillis;

/// An amount: `€1,234.50` or `1.234,50 €`.
pub fn amount(money: Money, language: Language) -> String {
    let digits = money.currency.minor_digits();
    let scale = 10_u64.pow(digits);
    let minor = money.amount_minor.unsigned_abs();
    let (group, point) = match language {
        Language::En => (',', '.'),
        Language::De => ('.', ','),
    };
    let mut number = grouped(minor / scale, group);
    if digits > 0 {
        let width = digits as usize;
        number = format!("{number}{point}{:0width$}", minor % scale);
    }
    let sign = if money.amount_minor < 0 { "-" } else { "" };
    let code = money.currency.to_string();
    match (language, symbol(&code)) {
        (Language::En, Some(symbol)) => format!("{sign}{symbol}{number}"),
        (Language::En, None) => format!("{sign}{code}\u{a0}{number}"),
        (Language::De, symbol) => format!("{sign}{number}\u{a0}{}", symbol.unwrap_or(&code)),
    }
}

fn symbol(code: &str) -> Option<&'static str> {
    match code {
        "EUR" => Some("€"),
        "USD" => Some("$"),
        "GBP" => Some("£"),
        "JPY" => Some("¥"),
        _ => None,
    }
}

fn grouped(number: u64, group: char) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(group);
        }
        text.push(digit);
    }
    text
}

/// An instant to the minute: `27 November 2026, 12:00 UTC` or `27. November 2026, 12:00 Uhr (UTC)`.
pub fn moment(instant: UnixMillis, language: Language) -> String {
    let at = Moment::from(instant);
    let (day, year) = (at.day, at.year);
    let time = format!("{:02}:{:02}", at.hour, at.minute);
    let index = usize::from(at.month).saturating_sub(1);
    match language {
        Language::En => format!("{day} {} {year}, {time} UTC", ENGLISH[index]),
        Language::De => format!("{day}. {} {year}, {time} Uhr (UTC)", GERMAN[index]),
    }
}

const ENGLISH: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

const GERMAN: [&str; 12] = [
    "Januar",
    "Februar",
    "März",
    "April",
    "Mai",
    "Juni",
    "Juli",
    "August",
    "September",
    "Oktober",
    "November",
    "Dezember",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_read_as_each_language_writes_them() {
        let check = |amount_minor, currency: &str, english: &str, german: &str| {
            let money = Money {
                amount_minor,
                currency: currency.parse().unwrap(),
            };
            assert_eq!(amount(money, Language::En), english);
            assert_eq!(amount(money, Language::De), german);
        };
        check(39_900, "USD", "$399.00", "399,00\u{a0}$");
        check(5, "EUR", "€0.05", "0,05\u{a0}€");
        check(123_456_789, "EUR", "€1,234,567.89", "1.234.567,89\u{a0}€");
        check(-150, "GBP", "-£1.50", "-1,50\u{a0}£");
        check(1_500, "JPY", "¥1,500", "1.500\u{a0}¥");
        check(1_234, "KWD", "KWD\u{a0}1.234", "1,234\u{a0}KWD");
    }

    #[test]
    fn instants_read_as_each_language_writes_them() {
        let noon = UnixMillis(1_795_780_800_000);
        assert_eq!(moment(noon, Language::En), "27 November 2026, 12:00 UTC");
        let march = UnixMillis(1_772_323_260_000);
        let german = "1. März 2026, 00:01 Uhr (UTC)";
        assert_eq!(moment(march, Language::De), german);
    }
}
