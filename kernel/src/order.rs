//! The life of an order.
//!
//! Invariant: states change only along the arrows of [`OrderState::may_become`].

use serde::{Deserialize, Serialize};
use std::str::FromStr;

/// The most units one order can ask for, whatever the sale's limit.
pub const QUANTITY_MAX: u32 = 100;

/// Where an order stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OrderState {
    /// Admitted and in the queue; MySQL has not decided.
    Queued,
    /// Yours if you pay before it expires.
    PendingPayment,
    /// Paid; delivery begins.
    Paid,
    /// Packed in the warehouse.
    Packed,
    /// On its way.
    Shipped,
    /// Arrived.
    Delivered,
    /// MySQL said no.
    Refused,
    /// Cancelled by the buyer before it was paid.
    Cancelled,
    /// Not paid in time.
    Expired,
    /// The money went back.
    Refunded,
}

use OrderState::{
    Cancelled, Delivered, Expired, Packed, Paid, PendingPayment, Queued, Refunded, Refused, Shipped,
};

impl OrderState {
    /// All states, in the order of an order's life.
    pub const ALL: [Self; 10] = [
        Queued,
        PendingPayment,
        Paid,
        Packed,
        Shipped,
        Delivered,
        Refused,
        Cancelled,
        Expired,
        Refunded,
    ];

    /// Whether an order in this state may come to be in `next`.
    pub fn may_become(self, next: Self) -> bool {
        match self {
            Queued => matches!(next, PendingPayment | Refused),
            PendingPayment => matches!(next, Paid | Cancelled | Expired),
            Paid => matches!(next, Packed | Refunded),
            Packed => matches!(next, Shipped | Refunded),
            Shipped => matches!(next, Delivered | Refunded),
            Delivered => matches!(next, Refunded),
            Refused | Cancelled | Expired | Refunded => false,
        }
    }

    /// Whether it can change no more.
    pub fn is_final(self) -> bool {
        Self::ALL.into_iter().all(|next| !self.may_become(next))
    }

    /// Whether the order holds units: they are reserved or sold.
    pub fn is_live(self) -> bool {
        matches!(
            self,
            Queued | PendingPayment | Paid | Packed | Shipped | Delivered
        )
    }

    /// The word for it in JSON and SQL.
    pub fn as_str(self) -> &'static str {
        match self {
            Queued => "queued",
            PendingPayment => "pending_payment",
            Paid => "paid",
            Packed => "packed",
            Shipped => "shipped",
            Delivered => "delivered",
            Refused => "refused",
            Cancelled => "cancelled",
            Expired => "expired",
            Refunded => "refunded",
        }
    }
}

/// A word that is no state.
#[derive(Debug, thiserror::Error)]
#[error("`{0}` is no state of an order")]
pub struct BadState(String);

impl FromStr for OrderState {
    type Err = BadState;

    fn from_str(word: &str) -> Result<Self, BadState> {
        let state = Self::ALL.into_iter().find(|state| state.as_str() == word);
        state.ok_or_else(|| BadState(word.to_owned()))
    }
}

/// Why an order was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Refusal {
    /// The last unit went to somebody else.
    SoldOut,
    /// The account has as many units of this sale as one may have.
    OverLimit,
    /// Our fault: the stock was counted anew while the order waited. The buyer keeps the place.
    TryAgain,
}

impl Refusal {
    /// The word for it in JSON and SQL.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::SoldOut => "sold-out",
            Self::OverLimit => "over-limit",
            Self::TryAgain => "try-again",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_once_given_back_never_return() {
        for from in OrderState::ALL.into_iter().filter(|state| !state.is_live()) {
            for to in OrderState::ALL {
                assert!(!from.may_become(to), "{from:?} -> {to:?}");
            }
        }
    }

    #[test]
    fn every_state_is_reached_and_reads_back() {
        for state in OrderState::ALL {
            let reached = OrderState::ALL
                .into_iter()
                .any(|from| from.may_become(state));
            assert!(reached || state == Queued, "{state:?}");
            assert_eq!(state.as_str().parse::<OrderState>().unwrap(), state);
            assert_eq!(serde_json::to_value(state).unwrap(), state.as_str());
        }
        assert!("lost".parse::<OrderState>().is_err());
    }

    #[test]
    fn what_can_change_no_more_is_final() {
        let ends = [Refused, Cancelled, Expired, Refunded];
        for state in OrderState::ALL {
            assert_eq!(state.is_final(), ends.contains(&state), "{state:?}");
        }
    }

    #[test]
    fn only_a_pending_order_can_be_paid() {
        for from in OrderState::ALL {
            assert_eq!(from.may_become(Paid), from == PendingPayment);
        }
    }
}
