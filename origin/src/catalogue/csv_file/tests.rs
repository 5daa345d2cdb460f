//! The files that shops send, and those that they do not.

use super::*;
use proptest::prelude::*;

const HEADER: &str = "sku,title,description,list_price_minor,currency,attributes,image_url,state\n";

fn read(lines: &str) -> Result<Vec<CsvItem>, Vec<String>> {
    let items = read_csv(format!("{HEADER}{lines}").as_bytes());
    items.map_err(|faults| faults.iter().map(ToString::to_string).collect())
}

#[test]
fn a_file_of_a_spreadsheet_reads() {
    let file = "\u{feff}title,sku,list_price_minor,currency,state,attributes,image_url,description\r\n\
                \"A \"\"big\"\" console\",C-1,59900,USD,active,\"Colour: Black\r\nRatio: 16:9\",,\"One.\r\n\r\nTwo.\"\r\n\
                '=Chair,C-2,0,EUR,archived,,https://a.test/b.jpg,\r\n";
    let items = read_csv(file.as_bytes()).unwrap();
    let [console, chair] = items.as_slice() else {
        panic!("{items:?}")
    };
    assert_eq!(console.draft.title, "A \"big\" console");
    assert_eq!(console.draft.description, "One.\n\nTwo.");
    assert_eq!(console.draft.attributes[1].name, "Ratio");
    assert_eq!(console.draft.attributes[1].value, "16:9");
    assert_eq!(console.draft.list_price.to_string(), "599.00 USD");
    assert_eq!(chair.draft.title, "=Chair");
    assert_eq!(
        chair.draft.image_url.as_deref(),
        Some("https://a.test/b.jpg")
    );
    assert_eq!((console.archived, chair.archived), (false, true));
}

#[test]
fn each_fault_has_its_line_and_column() {
    let check = |lines: &str, expected: &[&str]| {
        let faults = read(lines).unwrap_err();
        let matches = faults
            .iter()
            .zip(expected)
            .all(|(fault, begin)| fault.starts_with(begin));
        assert!(
            faults.len() == expected.len() && matches,
            "{lines}: {faults:#?}"
        );
    };
    check(
        "a,,,1,USD,,,active\n",
        &["line 2, column title: the title has"],
    );
    check(
        "a,A,,1.5,usd,nothing,ftp://a,gone\n",
        &[
            "line 2, column list_price_minor: this is no whole number",
            "line 2, column currency: a currency is three",
            "line 2, column attributes: `nothing` is not of the form",
            "line 2, column state: the state is active or archived",
            "line 2, column image_url: image_url is",
        ],
    );
    check(
        "a,A,\"one\ntwo\",1,USD,,,active\n,B,,1,USD,,,active\nb,B,,-1,USD,,,active\n",
        &[
            "line 4, column sku: a sku has",
            "line 5, column list_price_minor: the list price is not negative",
        ],
    );
    check(
        "a-1,A,,1,USD,,,active\nA-1,A,,1,USD,,,active\n",
        &["line 3, column sku: the sku `A-1` is in line 2 too"],
    );
    check(
        "a,A,,1,USD,,active\n",
        &["line 2: there are 7 cells instead of 8"],
    );
    // A quote that is not closed swallows the rest.
    check(
        "a,\"A,,1,USD,,,active\nb,B,,1,USD,,,active\n",
        &["line 2: there are 2 cells instead of 8"],
    );
    let many = "a,A,,1,USD,,active\n".repeat(1_000);
    assert_eq!(read(&many).unwrap_err().len(), FAULTS_MAX);
}

#[test]
fn a_header_names_all_columns_and_no_others() {
    let check = |file: &[u8], expected: &str| {
        let faults = read_csv(file).unwrap_err();
        assert!(faults[0].message.contains(expected), "{faults:?}");
        assert_eq!(faults[0].line, 1);
    };
    check(b"", "column sku is missing");
    check(b"sku,title\n", "column description is missing");
    check(
        format!("sku,{HEADER}").as_bytes(),
        "column sku is there twice",
    );
    check(
        format!("colour,{HEADER}").as_bytes(),
        "there are other columns",
    );
    assert_eq!(read_csv(HEADER.as_bytes()), Ok(Vec::new()));
    let latin = [HEADER.as_bytes(), b"a,\xe9lan,,1,USD,,,active\n"].concat();
    let faults = read_csv(&latin).unwrap_err();
    assert_eq!(faults[0].column.as_deref(), Some("title"));
}

#[test]
fn no_cell_is_a_formula() {
    let check = |cell: &str, written: &str| {
        assert_eq!(defused(cell.to_owned()), written);
        assert_eq!(plain(written), cell);
    };
    check("=1+1", "'=1+1");
    check("'=1+1", "''=1+1");
    check("＝1", "'＝1");
    check("-", "'-");
    check("'til tomorrow", "'til tomorrow");
    check("a=b", "a=b");
    check("", "");
}

fn text(most: usize) -> impl Strategy<Value = String> {
    // What hurts: quotes, separators, formulas, blanks, letters of more bytes.
    let letters = prop::sample::select("ab'\"=+-@,;:. é漢＝".chars().collect::<Vec<_>>());
    prop::collection::vec(letters, 1..most).prop_map(String::from_iter)
}

fn item_strategy() -> impl Strategy<Value = CsvItem> {
    let attribute = (text(9), text(9)).prop_map(|(name, value)| Attribute {
        name: format!("n{}n", name.replace(':', "")),
        value: format!("v{value}v"),
    });
    let description = prop::collection::vec(text(20), 0..4);
    let attributes = prop::collection::vec(attribute, 0..4);
    let parts = (
        text(20),
        description,
        attributes,
        any::<bool>(),
        0..i64::MAX,
    );
    parts.prop_map(|(title, description, attributes, archived, amount_minor)| {
        let currency = "USD".parse().unwrap();
        let title = format!("{title}.");
        let price = Money {
            amount_minor,
            currency,
        };
        let draft = ItemDraft {
            description: description.join("\n"),
            attributes,
            image_url: archived.then(|| "/a,\"b".to_owned()),
            ..ItemDraft::new(&title, price)
        };
        CsvItem {
            line: 0,
            draft,
            archived,
        }
    })
}

proptest! {
    #[test]
    fn what_was_written_reads_the_same(mut items in prop::collection::vec(item_strategy(), 0..5)) {
        for (n, item) in items.iter_mut().enumerate() {
            item.draft.sku = Some(format!("-{n}"));
        }
        let file = write_csv(&items).unwrap();
        let read = read_csv(&file).unwrap().into_iter();
        let read: Vec<_> = read.map(|item| CsvItem { line: 0, ..item }).collect();
        prop_assert_eq!(read, items);
    }

    #[test]
    fn whatever_comes_is_read_or_refused(
        bytes in prop::collection::vec(any::<u8>(), 0..300),
        cells in prop::collection::vec("[a0=\",\r\n']{0,9}", 0..40),
    ) {
        drop(read_csv(&bytes));
        let file = [HEADER.as_bytes(), cells.join(",").as_bytes(), &bytes].concat();
        if let Err(faults) = read_csv(&file) {
            prop_assert!(!faults.is_empty() && faults.len() <= FAULTS_MAX + COLUMNS.len());
        }
    }
}
