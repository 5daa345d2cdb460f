//! What may differ between the provider's list and our books, for one payment.
//!
//! Invariant: a decision without I/O. Money that is on its way, either way, is no difference.

use super::super::provider::Listed;
use crate::ledger::{OurPayment, PaidHere};
use kernel::ids::OrderId;
use serde::Serialize;
use std::fmt;

/// In which way a payment differs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// The money came there, and we do not know of it.
    PaidThere,
    /// We have it as paid, and the provider has not.
    PaidHere,
    /// The provider asks for another amount than we.
    Amount,
    /// More or less went back there than we know of.
    Refunded,
    /// The money came for a payment that we do not know at all.
    UnknownHere,
}

/// A payment that differs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// In which way.
    pub kind: Kind,
    /// The provider's id of the payment.
    pub provider_ref: String,
    /// The order, if one is known on either side.
    pub order_id: Option<OrderId>,
    /// All of it in words.
    pub text: String,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let order = self.order_id.map(|order| format!(" of order {order}"));
        let order = order.unwrap_or_default();
        write!(f, "payment {}{order}: {}", self.provider_ref, self.text)
    }
}

impl Difference {
    /// Whether both tell of the same fault, though its numbers may have changed.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        self.kind == other.kind && self.provider_ref == other.provider_ref
    }

    pub(super) fn paid_here(here: &PaidHere) -> Self {
        Self {
            kind: Kind::PaidHere,
            provider_ref: here.provider_ref.clone(),
            order_id: Some(here.order),
            text: "paid here, and not at the provider".to_owned(),
        }
    }
}

/// How a payment that the provider lists differs from ours. That we have it as paid and the provider
/// has not is found from our side.
pub(super) fn compare(there: &Listed, here: Option<&OurPayment>) -> Vec<Difference> {
    let difference = |kind, order_id, text: String| Difference {
        kind,
        provider_ref: there.provider_ref.clone(),
        order_id,
        text,
    };
    let Some(here) = here else {
        // A checkout that nobody has paid is nobody's loss.
        if !there.paid {
            return Vec::new();
        }
        let text = format!("{} were paid there, and we do not know it", there.amount);
        return vec![difference(Kind::UnknownHere, there.order, text)];
    };
    let order = Some(here.order);
    let mut found = Vec::new();
    if there.paid && !here.is_paid {
        let text = format!("{} were paid there, and not here", there.amount);
        found.push(difference(Kind::PaidThere, order, text));
    }
    // Money that goes back because it is another amount is no difference.
    if there.amount != here.amount && !here.is_sent_back {
        let text = format!("{} there, {} here", there.amount, here.amount);
        found.push(difference(Kind::Amount, order, text));
    }
    if !(here.refunded_least..=here.refunded_most).contains(&there.refunded_minor) {
        let (least, most) = (here.refunded_least, here.refunded_most);
        let here = if least == most {
            least.to_string()
        } else {
            format!("{least} to {most}")
        };
        let text = format!(
            "{} minor units went back there, {here} here",
            there.refunded_minor
        );
        found.push(difference(Kind::Refunded, order, text));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use kernel::ids::PaymentId;
    use kernel::money::Money;
    use kernel::time::UnixMillis;

    fn usd(amount_minor: i64) -> Money {
        Money {
            amount_minor,
            currency: "USD".parse().unwrap(),
        }
    }

    fn there() -> Listed {
        Listed {
            provider_ref: "pay_1".into(),
            order: Some(OrderId(5)),
            amount: usd(100),
            paid: true,
            refunded_minor: 0,
            created_at: UnixMillis(1),
        }
    }

    fn here() -> OurPayment {
        OurPayment {
            payment: Some(PaymentId(1)),
            order: OrderId(5),
            amount: usd(100),
            is_paid: true,
            is_sent_back: false,
            refunded_least: 0,
            refunded_most: 0,
        }
    }

    #[track_caller]
    fn check(change: fn(&mut Listed, &mut OurPayment), expected: &[Kind]) {
        let (mut there, mut here) = (there(), here());
        change(&mut there, &mut here);
        let found = compare(&there, Some(&here));
        let kinds: Vec<Kind> = found.iter().map(|found| found.kind).collect();
        assert_eq!(kinds, expected, "{found:?}");
    }

    #[test]
    fn each_difference_is_told_by_its_kind() {
        check(|_, _| {}, &[]);
        check(|_, here| here.is_paid = false, &[Kind::PaidThere]);
        check(|there, _| there.amount = usd(99), &[Kind::Amount]);
        let other = |there: &mut Listed, _: &mut OurPayment| {
            there.amount.currency = "EUR".parse().unwrap();
        };
        check(other, &[Kind::Amount]);
        check(|there, _| there.refunded_minor = 1, &[Kind::Refunded]);
        check(
            |_, here| (here.refunded_least, here.refunded_most) = (1, 1),
            &[Kind::Refunded],
        );
        let both = |there: &mut Listed, here: &mut OurPayment| {
            (there.amount, here.is_paid) = (usd(1), false);
        };
        check(both, &[Kind::PaidThere, Kind::Amount]);
    }

    #[test]
    fn money_on_its_way_is_no_difference() {
        let back = |there: &mut Listed, here: &mut OurPayment| {
            (
                here.refunded_least,
                here.refunded_most,
                there.refunded_minor,
            ) = (40, 100, 100);
        };
        check(back, &[]);
        let sent_back = |there: &mut Listed, here: &mut OurPayment| {
            (here.is_sent_back, there.amount) = (true, usd(1));
            (here.refunded_most, there.refunded_minor) = (1, 1);
        };
        check(sent_back, &[]);
    }

    #[test]
    fn of_unknown_payments_those_that_are_paid_count() {
        let paid = compare(&there(), None);
        assert_eq!(paid[0].kind, Kind::UnknownHere);
        let open = Listed {
            paid: false,
            ..there()
        };
        assert_eq!(compare(&open, None), []);
    }
}
