//! Amounts as Stripe counts them.
//!
//! Stripe's smallest units are ISO 4217's but for a few currencies; nothing is rounded on the way.
//! <https://docs.stripe.com/currencies#zero-decimal>

use super::super::provider::ProviderError;
use kernel::money::{Currency, Money};

/// Currencies that Stripe counts in whole units.
const ZERO_DECIMAL: &[&str] = &[
    "BIF", "CLP", "DJF", "GNF", "JPY", "KMF", "KRW", "MGA", "PYG", "RWF", "VND", "VUV", "XAF",
    "XOF", "XPF",
];
/// Currencies that Stripe counts in thousandths.
const THREE_DECIMAL: &[&str] = &["BHD", "JOD", "KWD", "OMR", "TND"];

/// An amount in Stripe's units.
pub(super) fn to_stripe(money: Money) -> Result<i64, ProviderError> {
    let (ours, theirs) = (money.currency.minor_digits(), digits(money.currency));
    scaled(money.amount_minor, ours, theirs).ok_or_else(|| {
        let (amount, currency) = (money.amount_minor, money.currency);
        ProviderError::Refused(format!(
            "Stripe cannot take {amount} minor units of {currency}"
        ))
    })
}

/// An amount of Stripe's; its currency is in small letters.
pub(super) fn from_stripe(amount: i64, currency: &str) -> Result<Money, String> {
    let fault = || format!("{amount} {currency} is no amount of ours");
    let currency: Currency = currency.to_uppercase().parse().map_err(|_| fault())?;
    let amount_minor = scaled(amount, digits(currency), currency.minor_digits());
    Ok(Money {
        amount_minor: amount_minor.ok_or_else(fault)?,
        currency,
    })
}

/// Digits after the point at Stripe. The Icelandic króna and the Ugandan shilling have two there,
/// though they have none.
fn digits(currency: Currency) -> u32 {
    let code = currency.to_string();
    if ZERO_DECIMAL.contains(&code.as_str()) {
        0
    } else if THREE_DECIMAL.contains(&code.as_str()) {
        3
    } else {
        2
    }
}

fn scaled(amount: i64, from: u32, to: u32) -> Option<i64> {
    let factor = 10_i64.checked_pow(from.abs_diff(to))?;
    if to >= from {
        amount.checked_mul(factor)
    } else {
        (amount % factor == 0).then_some(amount / factor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_go_there_and_back_unchanged() {
        let check = |amount_minor: i64, currency: &str, theirs: Option<i64>| {
            let money = Money {
                amount_minor,
                currency: currency.parse().unwrap(),
            };
            let sent = to_stripe(money).ok();
            assert_eq!(sent, theirs, "{amount_minor} {currency}");
            if let Some(sent) = sent {
                let back = from_stripe(sent, &currency.to_lowercase());
                assert_eq!(back, Ok(money), "{sent} {currency}");
            }
        };
        check(1_999, "USD", Some(1_999));
        check(500, "JPY", Some(500));
        check(500, "ISK", Some(50_000));
        check(500, "UGX", Some(50_000));
        check(12_340, "KWD", Some(12_340));
        check(i64::MAX, "ISK", None);
        // Two digits with us, none at Stripe.
        check(1_000, "MGA", Some(10));
        check(1_001, "MGA", None);
        assert!(from_stripe(50_001, "isk").is_err());
        assert!(from_stripe(1, "dollars").is_err());
    }
}
