//! Money as integer minor units and a currency.
//!
//! Invariant: amounts of different currencies never mix, and arithmetic never wraps.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// An ISO 4217 currency code: three upper-case letters.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Currency([u8; 3]);

/// A text that is no currency code.
#[derive(Debug, thiserror::Error)]
#[error("a currency is three upper-case letters, such as USD")]
pub struct BadCurrency;

impl FromStr for Currency {
    type Err = BadCurrency;

    fn from_str(text: &str) -> Result<Self, BadCurrency> {
        match text.as_bytes() {
            [a, b, c] if [a, b, c].iter().all(|letter| letter.is_ascii_uppercase()) => {
                Ok(Self([*a, *b, *c]))
            }
            _ => Err(BadCurrency),
        }
    }
}

impl TryFrom<String> for Currency {
    type Error = BadCurrency;

    fn try_from(text: String) -> Result<Self, BadCurrency> {
        text.parse()
    }
}

impl From<Currency> for String {
    fn from(currency: Currency) -> Self {
        currency.to_string()
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0
            .iter()
            .try_for_each(|letter| write!(f, "{}", char::from(*letter)))
    }
}

impl fmt::Debug for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

impl Currency {
    /// No currency, by ISO 4217.
    pub const NONE: Self = Self(*b"XXX");

    /// Digits after the decimal point, by ISO 4217; two where we know no better.
    pub fn minor_digits(self) -> u32 {
        match &self.0 {
            b"JPY" | b"KRW" | b"VND" | b"CLP" | b"ISK" | b"XAF" | b"XOF" | b"PYG" | b"UGX" => 0,
            b"BHD" | b"IQD" | b"JOD" | b"KWD" | b"LYD" | b"OMR" | b"TND" => 3,
            _ => 2,
        }
    }
}

/// An amount in the currency's minor unit (cents), tax and delivery included.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Money {
    /// Minor units: 1999 is 19.99 USD.
    pub amount_minor: i64,
    /// The currency.
    pub currency: Currency,
}

impl Money {
    /// The amount for `quantity` units, or `None` if it does not fit.
    pub fn times(self, quantity: u32) -> Option<Self> {
        let amount_minor = self.amount_minor.checked_mul(i64::from(quantity))?;
        Some(Self {
            amount_minor,
            ..self
        })
    }
}

impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = self.currency.minor_digits();
        let scale = 10_u64.pow(digits);
        let units = self.amount_minor.unsigned_abs();
        let sign = if self.amount_minor < 0 { "-" } else { "" };
        if digits == 0 {
            return write!(f, "{sign}{units} {}", self.currency);
        }
        let width = digits as usize;
        write!(
            f,
            "{sign}{}.{:0width$} {}",
            units / scale,
            units % scale,
            self.currency
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_read_as_people_write_them() {
        let check = |amount_minor, currency: &str, expected: &str| {
            let money = Money {
                amount_minor,
                currency: currency.parse().unwrap(),
            };
            assert_eq!(money.to_string(), expected);
        };
        check(1_999, "USD", "19.99 USD");
        check(5, "EUR", "0.05 EUR");
        check(-150, "EUR", "-1.50 EUR");
        check(500, "JPY", "500 JPY");
        check(1_234, "KWD", "1.234 KWD");
    }

    #[test]
    fn a_product_that_does_not_fit_is_refused() {
        let price = Money {
            amount_minor: i64::MAX / 2,
            currency: "USD".parse().unwrap(),
        };
        assert!(price.times(2).is_some());
        assert!(price.times(3).is_none());
    }

    #[test]
    fn a_currency_is_three_capitals() {
        for text in ["usd", "US", "USDD", "U$D", ""] {
            assert!(text.parse::<Currency>().is_err(), "{text}");
        }
    }
}
