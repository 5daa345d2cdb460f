//! Amounts: whole minor units of a currency, and how people read them.

use serde::{Deserialize, Serialize};

/// The largest amount one payment may have.
const AMOUNT_MINOR_MAX: i64 = 1_000_000_000_000;

/// ISO 4217 currencies whose minor unit is not a hundredth: the exponent, then the codes.
const EXPONENTS: [(u32, &[&str]); 2] = [
    (
        0,
        &[
            "BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG", "RWF", "UGX", "VND",
            "VUV", "XAF", "XOF", "XPF",
        ],
    ),
    (3, &["BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"]),
];

/// Money in minor units.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Amount {
    pub amount_minor: i64,
    pub currency: String,
}

impl Amount {
    /// Says what is wrong with an amount, if anything.
    pub fn fault(&self) -> Option<&'static str> {
        if !(1..=AMOUNT_MINOR_MAX).contains(&self.amount_minor) {
            return Some("amount.amount_minor must be positive and at most 10^12");
        }
        let code = self.currency.as_bytes();
        (code.len() != 3 || !code.iter().all(u8::is_ascii_uppercase))
            .then_some("amount.currency must be three capital letters")
    }

    /// `USD 1,234.50`
    pub fn text(&self) -> String {
        let code = self.currency.as_str();
        let exponent = EXPONENTS
            .iter()
            .find(|(_, codes)| codes.contains(&code))
            .map_or(2, |(exponent, _)| *exponent);
        let unit = 10_i64.pow(exponent);
        let whole = grouped(self.amount_minor / unit);
        let width = exponent as usize;
        match self.amount_minor % unit {
            _ if width == 0 => format!("{code} {whole}"),
            part => format!("{code} {whole}.{part:0width$}"),
        }
    }
}

fn grouped(number: i64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::Amount;

    #[test]
    fn amounts_read_as_people_write_them() {
        let cases = [
            (1, "USD", "USD 0.01"),
            (59_900, "USD", "USD 599.00"),
            (123_456_789, "EUR", "EUR 1,234,567.89"),
            (50_000, "JPY", "JPY 50,000"),
            (1_234_005, "KWD", "KWD 1,234.005"),
        ];
        for (amount_minor, currency, expected) in cases {
            let amount = Amount {
                amount_minor,
                currency: currency.to_owned(),
            };
            assert_eq!(amount.text(), expected);
        }
    }
}
