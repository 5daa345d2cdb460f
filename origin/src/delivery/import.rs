//! Steps from a file of the warehouse: `order_id,action,carrier,tracking`.
//!
//! Invariant: each line stands for itself: one that is wrong is named and skipped, and the file can
//! be taken in again, as steps taken before change nothing.

use super::{DeliveryError, advance, shipment};
use crate::ledger::{Actor, Ledger, Step};
use kernel::ids::OrderId;
use std::io::Read;

const HEADER: [&str; 4] = ["order_id", "action", "carrier", "tracking"];
/// A line with more cells or bytes is refused, so that a file that is none takes no memory.
const LINE_BYTES_MAX: usize = 4_096;

/// What became of a line.
#[derive(Debug)]
pub struct Line {
    /// Its number in the file; the header is the first.
    pub number: u64,
    /// What it says, as far as it can be read.
    pub order: String,
    /// The state that the order has now, and whether this line brought it there; or what is wrong.
    pub result: Result<(&'static str, bool), String>,
}

/// Why nothing was taken in.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// The first line.
    #[error("the first line must be `order_id,action,carrier,tracking`")]
    Header,
    /// The file cannot be read any further.
    #[error("the file cannot be read")]
    Read(#[from] csv::Error),
    /// MySQL.
    #[error("the ledger did not answer; take the file in again")]
    Ledger(#[source] DeliveryError),
}

/// Takes the steps of a file, telling `each` what became of it. Says how many lines were wrong.
pub async fn import(
    ledger: &Ledger,
    actor: &Actor,
    file: impl Read,
    mut each: impl FnMut(&Line),
) -> Result<u64, ImportError> {
    let mut reader = csv::ReaderBuilder::new();
    let mut reader = reader.flexible(true).trim(csv::Trim::All).from_reader(file);
    if reader.headers()?.iter().ne(HEADER) {
        return Err(ImportError::Header);
    }
    let mut wrong = 0;
    let mut record = csv::ByteRecord::new();
    while reader.read_byte_record(&mut record)? {
        let number = record.position().map_or(0, csv::Position::line);
        let cell = |index: usize| String::from_utf8_lossy(record.get(index).unwrap_or_default());
        let step = if record.len() > HEADER.len() || record.as_slice().len() > LINE_BYTES_MAX {
            Err("the line has more than four cells, or is too long".to_owned())
        } else {
            read(&cell(0), &cell(1), &cell(2), &cell(3))
        };
        let result = match step {
            Err(fault) => Err(fault),
            Ok((order, step)) => match advance(ledger, order, &step, actor).await {
                Ok(now) => Ok((step.state().as_str(), now)),
                Err(error @ DeliveryError::Ledger(_)) => return Err(ImportError::Ledger(error)),
                Err(error) => Err(error.to_string()),
            },
        };
        wrong += u64::from(result.is_err());
        each(&Line {
            number,
            order: cell(0).chars().take(20).collect(),
            result,
        });
    }
    Ok(wrong)
}

fn read(
    order: &str,
    action: &str,
    carrier: &str,
    tracking: &str,
) -> Result<(OrderId, Step), String> {
    let order = order
        .parse()
        .map_err(|error| format!("order_id: {error}"))?;
    let step = match action {
        "pack" => Step::Pack,
        "deliver" => Step::Deliver,
        "ship" => {
            let shipment = shipment(carrier, tracking);
            Step::Ship(shipment.map_err(|error| error.to_string())?)
        }
        other => {
            let other: String = other.chars().take(20).collect();
            return Err(format!(
                "action is `{other}` instead of pack, ship or deliver"
            ));
        }
    };
    let names_a_parcel = !carrier.is_empty() || !tracking.is_empty();
    if names_a_parcel && !matches!(step, Step::Ship(_)) {
        return Err("carrier and tracking are for `ship` alone".to_owned());
    }
    Ok((order, step))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_says_what_is_wrong_with_it() {
        let check = |cells: [&str; 4], expected: Result<&str, &str>| {
            let read = read(cells[0], cells[1], cells[2], cells[3]);
            let read = read.map(|(_, step)| step.state().as_str());
            match (&read, expected) {
                (Ok(state), Ok(expected)) => assert_eq!(*state, expected),
                (Err(fault), Err(part)) => assert!(fault.contains(part), "{fault}"),
                _ => panic!("{cells:?}: {read:?}"),
            }
        };
        check(["7", "pack", "", ""], Ok("packed"));
        check(["7", "ship", "DHL", "1"], Ok("shipped"));
        check(["7", "deliver", "", ""], Ok("delivered"));
        check(["x", "pack", "", ""], Err("order_id"));
        check(["7", "eat", "", ""], Err("action is `eat`"));
        check(["7", "ship", "", "1"], Err("carrier"));
        check(["7", "ship", "DHL", ""], Err("tracking"));
        check(["7", "pack", "DHL", ""], Err("for `ship` alone"));
    }
}
