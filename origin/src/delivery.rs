//! The way of paid orders to their buyers: the warehouse's list, and its steps.
//!
//! Invariant: a step is taken by an operator who has a name, along the arrows of an order's life,
//! once; asked for again it changes nothing.

mod export;
mod import;

pub use export::{Format, export};
pub use import::{Line, import};

use crate::ledger::{Actor, Advanced, Ledger, LedgerError, Step};
use kernel::ids::OrderId;
use kernel::wire::Shipment;

/// Characters of a carrier's name at most.
pub const CARRIER_LENGTH_MAX: usize = 64;
/// Characters of a tracking number at most.
pub const TRACKING_LENGTH_MAX: usize = 100;

/// Why a step was not taken.
#[derive(Debug, thiserror::Error)]
pub enum DeliveryError {
    /// A field is wrong.
    #[error("{field} must have 1 to {most} characters, all of them printable")]
    Field {
        /// Which.
        field: &'static str,
        /// How long it may be.
        most: usize,
    },
    /// No such order.
    #[error("there is no order {0}")]
    Unknown(OrderId),
    /// It is in a state from which no such step leads.
    #[error("order {order} is {state}: it cannot become {wanted}")]
    Cannot {
        /// The order.
        order: OrderId,
        /// Its state.
        state: &'static str,
        /// What it should become.
        wanted: &'static str,
    },
    /// It was shipped otherwise.
    #[error("order {order} was shipped before, by {carrier} with the number {tracking}")]
    Differs {
        /// The order.
        order: OrderId,
        /// Who carries it.
        carrier: String,
        /// How to follow it.
        tracking: String,
    },
    /// MySQL.
    #[error("the ledger did not answer")]
    Ledger(#[from] LedgerError),
}

/// A parcel's carrier and number, if they can be.
pub fn shipment(carrier: &str, tracking: &str) -> Result<Shipment, DeliveryError> {
    let checked = |field, text: &str, most| {
        let text = text.trim();
        let fits = (1..=most).contains(&text.chars().count());
        if fits && !text.chars().any(char::is_control) {
            Ok(text.to_owned())
        } else {
            Err(DeliveryError::Field { field, most })
        }
    };
    Ok(Shipment {
        carrier: checked("carrier", carrier, CARRIER_LENGTH_MAX)?,
        tracking: checked("tracking", tracking, TRACKING_LENGTH_MAX)?,
    })
}

/// Takes a step; false if the order had taken it before.
pub async fn advance(
    ledger: &Ledger,
    order: OrderId,
    step: &Step,
    actor: &Actor,
) -> Result<bool, DeliveryError> {
    match ledger.advance(order, step, actor).await? {
        Advanced::Yes => Ok(true),
        Advanced::Already => Ok(false),
        Advanced::Unknown => Err(DeliveryError::Unknown(order)),
        Advanced::Cannot(state) => Err(DeliveryError::Cannot {
            order,
            state: state.as_str(),
            wanted: step.state().as_str(),
        }),
        Advanced::Differs(Shipment { carrier, tracking }) => Err(DeliveryError::Differs {
            order,
            carrier,
            tracking,
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_parcel_has_a_carrier_and_a_number() {
        let check = |carrier: &str, tracking: &str, good| {
            assert_eq!(
                shipment(carrier, tracking).is_ok(),
                good,
                "{carrier} {tracking}"
            );
        };
        check("DHL", "00340434", true);
        check(&"c".repeat(64), &"t".repeat(100), true);
        check("", "1", false);
        check(" ", "1", false);
        check("DHL", "", false);
        check(&"c".repeat(65), "1", false);
        check("DHL", &"t".repeat(101), false);
        check("D\nHL", "1", false);
    }
}
