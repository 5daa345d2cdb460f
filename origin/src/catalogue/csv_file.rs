//! Items as lines of a CSV file (RFC 4180); `docs/catalogue.md` describes it.
//!
//! Invariant: what was written reads the same, and no cell of it is a formula to a spreadsheet: a cell
//! that could be one begins with `'`, and reading takes that away again.

use super::{Fault, ItemDraft};
use csv::{ByteRecord, ReaderBuilder, Terminator, WriterBuilder};
use kernel::catalogue::Attribute;
use kernel::money::{Currency, Money};
use std::collections::HashMap;
use std::fmt;

/// The largest file.
pub const CSV_BYTES_MAX: usize = 16 * 1_024 * 1_024;
/// The most items of a file.
pub const CSV_ROWS_MAX: usize = 20_000;
/// What is told of a file that has more faults.
const FAULTS_MAX: usize = 100;

/// The header; a file has all of them, in any order.
pub const COLUMNS: [&str; 8] = [
    "sku",
    "title",
    "description",
    "list_price_minor",
    "currency",
    "attributes",
    "image_url",
    "state",
];
const ACTIVE: &str = "active";
const ARCHIVED: &str = "archived";

/// An item of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CsvItem {
    /// The line at which it begins, counted from 1; writing does not look at it.
    pub line: u64,
    /// What is said about it; it has a sku.
    pub draft: ItemDraft,
    /// Whether it is put away.
    pub archived: bool,
}

/// What is wrong in a file, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CsvFault {
    /// The line at which the item begins, counted from 1.
    pub line: u64,
    /// The column, if it is one's fault.
    pub column: Option<String>,
    /// What is wrong, or what is right.
    pub message: String,
}

impl fmt::Display for CsvFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}", self.line)?;
        if let Some(column) = &self.column {
            write!(f, ", column {column}")?;
        }
        write!(f, ": {}", self.message)
    }
}

/// The items of a file, or all that is wrong with it, a hundred faults at most.
pub fn read_csv(file: &[u8]) -> Result<Vec<CsvItem>, Vec<CsvFault>> {
    // Spreadsheets begin a file with a mark of its encoding.
    let file = file.strip_prefix(b"\xef\xbb\xbf").unwrap_or(file);
    if file.len() > CSV_BYTES_MAX {
        let message = format!("the file has more than {CSV_BYTES_MAX} bytes; part it");
        return Err(vec![fault(1, None, message)]);
    }
    let mut reader = ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .from_reader(file);
    let mut records = reader.byte_records();
    let header = match records.next() {
        Some(Ok(header)) => header,
        _ => ByteRecord::new(),
    };
    let places = places(&header).map_err(|message| vec![fault(1, None, message)])?;
    let mut file = File::default();
    for record in records {
        // Out of memory no record can fail to be read.
        let record = record.map_err(|error| vec![fault(1, None, error.to_string())])?;
        if file.items.len() == CSV_ROWS_MAX {
            let line = record.position().map_or(0, csv::Position::line);
            let message = format!("the file has more than {CSV_ROWS_MAX} items; part it here");
            file.faults.push(fault(line, None, message));
            break;
        }
        file.take(&record, header.len(), &places);
        if file.faults.len() >= FAULTS_MAX {
            break;
        }
    }
    if file.faults.is_empty() {
        Ok(file.items)
    } else {
        Err(file.faults)
    }
}

/// The file with these items.
pub fn write_csv(items: &[CsvItem]) -> Result<Vec<u8>, csv::Error> {
    let mut writer = WriterBuilder::new()
        .terminator(Terminator::CRLF)
        .from_writer(Vec::new());
    writer.write_record(COLUMNS)?;
    for CsvItem {
        draft, archived, ..
    } in items
    {
        let price = draft.list_price;
        let cells = [
            draft.sku.clone().unwrap_or_default(),
            draft.title.clone(),
            draft.description.clone(),
            price.amount_minor.to_string(),
            price.currency.to_string(),
            lines(&draft.attributes),
            draft.image_url.clone().unwrap_or_default(),
            if *archived { ARCHIVED } else { ACTIVE }.to_owned(),
        ];
        writer.write_record(cells.map(defused))?;
    }
    writer
        .into_inner()
        .map_err(|error| error.into_error().into())
}

/// Where each of [`COLUMNS`] stands.
fn places(header: &ByteRecord) -> Result<[usize; COLUMNS.len()], String> {
    let names: Vec<&[u8]> = header.iter().map(<[u8]>::trim_ascii).collect();
    let all = COLUMNS.join(",");
    let mut places = [0; COLUMNS.len()];
    for (place, column) in places.iter_mut().zip(COLUMNS) {
        let mut found = (0..names.len()).filter(|place| names[*place] == column.as_bytes());
        *place = found
            .next()
            .ok_or_else(|| format!("the column {column} is missing; the header is {all}"))?;
        if found.next().is_some() {
            return Err(format!("the column {column} is there twice"));
        }
    }
    if names.len() > COLUMNS.len() {
        return Err(format!("there are other columns; the header is {all}"));
    }
    Ok(places)
}

/// What was read.
#[derive(Default)]
struct File {
    items: Vec<CsvItem>,
    faults: Vec<CsvFault>,
    /// The line of each sku, in lower case.
    skus: HashMap<String, u64>,
}

impl File {
    fn take(&mut self, record: &ByteRecord, columns: usize, places: &[usize; COLUMNS.len()]) {
        let line = record.position().map_or(0, csv::Position::line);
        if record.len() != columns {
            let message = format!("there are {} cells instead of {columns}", record.len());
            return self.faults.push(fault(line, None, message));
        }
        let mut cells = [const { String::new() }; COLUMNS.len()];
        for (n, (cell, place)) in cells.iter_mut().zip(places).enumerate() {
            if let Ok(text) = std::str::from_utf8(record.get(*place).unwrap_or_default()) {
                *cell = plain(text);
            } else {
                let message = "this is not UTF-8; save the file as CSV UTF-8".to_owned();
                return self.faults.push(fault(line, Some(COLUMNS[n]), message));
            }
        }
        let item = match item(line, cells) {
            Ok(item) => item,
            Err(faults) => {
                let faults = faults.into_iter();
                self.faults.extend(
                    faults.map(|Fault { field, message }| fault(line, Some(field), message)),
                );
                return;
            }
        };
        let sku = item.draft.sku.as_deref().unwrap_or_default();
        if let Some(before) = self.skus.insert(sku.to_ascii_lowercase(), line) {
            let message = format!("the sku `{sku}` is in line {before} too");
            return self.faults.push(fault(line, Some("sku"), message));
        }
        self.items.push(item);
    }
}

fn item(line: u64, cells: [String; COLUMNS.len()]) -> Result<CsvItem, Vec<Fault>> {
    let [
        sku,
        title,
        description,
        price,
        currency,
        attributes,
        image_url,
        state,
    ] = cells;
    let mut faults = Vec::new();
    let mut wrong = |field, message: &str| {
        let message = message.to_owned();
        faults.push(Fault { field, message });
    };
    let amount_minor = price.trim().parse::<i64>().unwrap_or_else(|_| {
        wrong(
            "list_price_minor",
            "this is no whole number of minor units: 59900 is 599.00 USD",
        );
        0
    });
    let currency = currency.trim().parse::<Currency>().ok();
    if currency.is_none() {
        wrong(
            "currency",
            "a currency is three upper-case letters, such as USD",
        );
    }
    let attributes = read_lines(&attributes).unwrap_or_else(|line| {
        wrong(
            "attributes",
            &format!("`{line}` is not of the form `name: value`"),
        );
        Vec::new()
    });
    let archived = state.trim() == ARCHIVED;
    if !archived && state.trim() != ACTIVE {
        wrong("state", "the state is active or archived");
    }
    let draft = ItemDraft {
        sku: Some(sku.trim().to_owned()),
        title,
        description: description.replace("\r\n", "\n"),
        attributes,
        image_url: Some(image_url.trim().to_owned()).filter(|url| !url.is_empty()),
        list_price: Money {
            amount_minor,
            currency: currency.unwrap_or(Currency::NONE),
        },
    };
    faults.extend(draft.faults());
    if faults.is_empty() {
        Ok(CsvItem {
            line,
            draft,
            archived,
        })
    } else {
        Err(faults)
    }
}

fn lines(attributes: &[Attribute]) -> String {
    let lines: Vec<String> = attributes
        .iter()
        .map(|Attribute { name, value }| format!("{name}: {value}"))
        .collect();
    lines.join("\n")
}

/// The attributes, or the line that is none.
fn read_lines(text: &str) -> Result<Vec<Attribute>, String> {
    let lines = text.lines().filter(|line| !line.trim().is_empty());
    lines
        .map(|line| {
            let (name, value) = line.split_once(':').ok_or_else(|| line.to_owned())?;
            Ok(Attribute {
                name: name.trim().to_owned(),
                value: value.trim().to_owned(),
            })
        })
        .collect()
}

/// Whether a spreadsheet could take a cell for a formula, once the quotes before it are gone
/// (OWASP, CSV Injection).
fn is_formula(cell: &str) -> bool {
    const BEGINNINGS: &str = "=+-@\t\r\n＝＋－＠";
    let bare = cell.trim_start_matches('\'');
    bare.starts_with(|letter| BEGINNINGS.contains(letter))
}

fn defused(cell: String) -> String {
    if is_formula(&cell) {
        format!("'{cell}")
    } else {
        cell
    }
}

fn plain(cell: &str) -> String {
    let bare = cell.strip_prefix('\'').filter(|_| is_formula(cell));
    bare.unwrap_or(cell).to_owned()
}

fn fault(line: u64, column: Option<&str>, message: String) -> CsvFault {
    CsvFault {
        line,
        column: column.map(str::to_owned),
        message,
    }
}

#[cfg(test)]
mod tests;
