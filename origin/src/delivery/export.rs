//! The warehouse's list: what is to be packed, and where it goes.
//!
//! Invariant: it is read page by page and written as it is read, so that a million rows take no more
//! memory than one page; no cell begins as a formula does.

use crate::ledger::{Ledger, LedgerError, ParcelRow};
use kernel::ids::{OrderId, SaleId};
use kernel::order::OrderState;
use std::io::{self, Write};

/// Orders read at once.
const PAGE: u32 = 500;
const HEADER: [&str; 16] = [
    "order_id", "sale_id", "state", "units", "item_id", "item", "amount", "currency", "name",
    "line_1", "line_2", "line_3", "postcode", "city", "country", "tracking",
];

/// How it is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// RFC 4180, with a header.
    Csv,
    /// A JSON object a line.
    Json,
}

/// Why the list was not written.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// MySQL.
    #[error("the ledger did not answer")]
    Ledger(#[from] LedgerError),
    /// The CSV.
    #[error("the list could not be written")]
    Csv(#[from] csv::Error),
    /// The JSON.
    #[error("the list could not be written")]
    Json(#[from] serde_json::Error),
    /// What it is written to.
    #[error("the list could not be written")]
    Output(#[from] io::Error),
}

enum List<W: Write> {
    Csv(Box<csv::Writer<W>>),
    Json(W),
}

/// Writes the orders of a sale, or of all, that are in `state`. Says how many.
pub async fn export(
    ledger: &Ledger,
    sale: Option<SaleId>,
    state: OrderState,
    format: Format,
    output: impl Write,
) -> Result<u64, ExportError> {
    let mut written = List::new(format, output)?;
    let sales = if let Some(sale) = sale {
        vec![sale]
    } else {
        let rows = ledger.sales().await?;
        rows.into_iter().map(|row| row.sale.id).collect()
    };
    let mut count = 0;
    for sale in sales {
        let mut after = OrderId(0);
        loop {
            let page = ledger.parcels(sale, state, after, PAGE).await?;
            for parcel in &page {
                written.write(parcel)?;
            }
            count += page.len() as u64;
            written.flush()?;
            match page.last() {
                Some(last) if page.len() == PAGE as usize => after = last.order_id,
                _ => break,
            }
        }
    }
    Ok(count)
}

impl<W: Write> List<W> {
    fn new(format: Format, output: W) -> Result<Self, ExportError> {
        Ok(match format {
            Format::Json => Self::Json(output),
            Format::Csv => {
                let mut writer = csv::Writer::from_writer(output);
                writer.write_record(HEADER)?;
                writer.flush()?;
                Self::Csv(Box::new(writer))
            }
        })
    }

    fn write(&mut self, parcel: &ParcelRow) -> Result<(), ExportError> {
        match self {
            Self::Csv(writer) => writer.write_record(cells(parcel))?,
            Self::Json(output) => {
                serde_json::to_writer(&mut *output, parcel)?;
                output.write_all(b"\n")?;
            }
        }
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Csv(writer) => writer.flush(),
            Self::Json(output) => output.flush(),
        }
    }
}

fn cells(parcel: &ParcelRow) -> [String; 16] {
    let to = &parcel.ship_to;
    let line = |index: usize| defused(to.lines.get(index).map_or("", String::as_str));
    let amount = parcel.amount.to_string();
    let (amount, currency) = amount.split_once(' ').unwrap_or((&amount, ""));
    let shipment = parcel.shipment.as_ref();
    [
        parcel.order_id.to_string(),
        parcel.sale_id.to_string(),
        parcel.state.as_str().to_owned(),
        parcel.units.to_string(),
        parcel.item_id.to_string(),
        defused(&parcel.item),
        amount.to_owned(),
        currency.to_owned(),
        defused(&to.name),
        line(0),
        line(1),
        line(2),
        defused(&to.postcode),
        defused(&to.city),
        defused(&to.country),
        shipment.map_or_else(String::new, |shipment| {
            defused(&format!("{} {}", shipment.carrier, shipment.tracking))
        }),
    ]
}

/// A text that no spreadsheet takes for a formula: OWASP's list of what begins one, and an
/// apostrophe before it.
fn defused(text: &str) -> String {
    if text.starts_with(['=', '+', '-', '@', '\t', '\r', '\n']) {
        format!("'{text}")
    } else {
        text.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use kernel::ids::ItemId;
    use kernel::wire::Address;

    #[test]
    fn no_cell_begins_as_a_formula() {
        let parcel = ParcelRow {
            order_id: OrderId(1),
            sale_id: SaleId(2),
            state: OrderState::Paid,
            units: 3,
            amount: kernel::money::Money {
                amount_minor: 39_900,
                currency: "EUR".parse().unwrap(),
            },
            item_id: ItemId(4),
            item: "@SUM(1)".to_owned(),
            ship_to: Address {
                name: "=cmd|' /C calc'!A0".to_owned(),
                lines: vec!["+1".to_owned(), "Main Street, \"B\"".to_owned()],
                postcode: "-1".to_owned(),
                city: "\tTown".to_owned(),
                country: "DE".to_owned(),
            },
            shipment: None,
        };
        let mut list = List::new(Format::Csv, Vec::new()).unwrap();
        list.write(&parcel).unwrap();
        let List::Csv(writer) = list else {
            unreachable!("it is CSV")
        };
        let text = String::from_utf8(writer.into_inner().unwrap()).unwrap();
        let expected = "1,2,paid,3,4,'@SUM(1),399.00,EUR,'=cmd|' /C calc'!A0,'+1,\
                        \"Main Street, \"\"B\"\"\",,'-1,'\tTown,DE,\n";
        assert_eq!(
            text.lines().nth(1).map(|line| format!("{line}\n")),
            Some(expected.to_owned())
        );
    }
}
