//! A sale as the templates read it.

use crate::picture_view::{PictureView, elsewhere, pictures};
use crate::shown::shown;
use kernel::catalogue::Attribute;
use kernel::money::Money;
use kernel::order::QUANTITY_MAX;
use kernel::time::UnixMillis;
use kernel::wire::Sale;
use layout::words;
use serde::Serialize;

/// How many drawings there are for items without a picture (`css/art.css`).
const ARTS: u64 = 6;

/// An instant for the eye and for scripts.
#[derive(Serialize)]
pub struct Instant {
    ms: i64,
    iso: String,
    text: String,
}

/// Everything that a card or a page shows of a sale.
#[derive(Serialize)]
pub struct SaleView {
    id: String,
    slug: String,
    item_id: String,
    title: String,
    paragraphs: Vec<String>,
    /// The picture that stands for it, and the others.
    image: Option<PictureView>,
    more_images: Vec<PictureView>,
    image_url: Option<String>,
    attributes: Vec<Attribute>,
    art: u64,
    letter: String,
    price: String,
    list_price: String,
    saving: Option<String>,
    saving_percent: i64,
    units_total: u32,
    limit: u32,
    quantities: Vec<u32>,
    opens_at: Instant,
    closes_at: Instant,
    shown: &'static str,
}

impl SaleView {
    /// The sale at `now`.
    pub fn new(sale: &Sale, now: UnixMillis) -> Self {
        let item = &sale.item;
        let saving = saving(sale.price, item.list_price);
        let mut images = pictures(item).into_iter();
        Self {
            id: sale.id.to_string(),
            slug: sale.slug.clone(),
            item_id: item.id.to_string(),
            title: item.title.clone(),
            paragraphs: paragraphs(&item.description),
            image: images.next(),
            more_images: images.collect(),
            image_url: elsewhere(item).map(str::to_owned),
            attributes: item.attributes.clone(),
            art: item.id.0 % ARTS,
            letter: first_letter(&item.title),
            price: words::money(sale.price),
            list_price: words::money(item.list_price),
            saving: saving.map(|(saving, _)| words::money(saving)),
            saving_percent: saving.map_or(0, |(_, percent)| percent),
            units_total: sale.units_total,
            limit: sale.limit_per_account,
            quantities: (1..=sale.limit_per_account.clamp(1, QUANTITY_MAX)).collect(),
            opens_at: instant(sale.opens_at_ms),
            closes_at: instant(sale.closes_at_ms),
            shown: shown(sale, now),
        }
    }
}

/// The instant in all its shapes.
pub fn instant(at: UnixMillis) -> Instant {
    Instant {
        ms: at.0,
        iso: words::iso(at),
        text: words::utc(at),
    }
}

/// What the sale saves, and in whole per cent; nothing if it is not even one.
fn saving(price: Money, list_price: Money) -> Option<(Money, i64)> {
    if price.currency != list_price.currency {
        return None;
    }
    let amount_minor = list_price.amount_minor.checked_sub(price.amount_minor)?;
    let percent = amount_minor
        .checked_mul(100)?
        .checked_div(list_price.amount_minor)?;
    let saving = Money {
        amount_minor,
        ..price
    };
    (percent >= 1).then_some((saving, percent))
}

fn paragraphs(text: &str) -> Vec<String> {
    let lines: Vec<_> = text.lines().map(str::trim).collect();
    let parts = lines.split(|line| line.is_empty());
    parts
        .filter(|part| !part.is_empty())
        .map(|part| part.join(" "))
        .collect()
}

fn first_letter(title: &str) -> String {
    let letter = title.chars().find(|letter| letter.is_alphanumeric());
    letter.map_or_else(String::new, |letter| letter.to_uppercase().collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn usd(amount_minor: i64) -> Money {
        Money {
            amount_minor,
            currency: "USD".parse().unwrap(),
        }
    }

    #[test]
    fn a_saving_is_never_made_to_look_larger() {
        let check = |price, list_price, percent: Option<i64>| {
            let saving = saving(usd(price), usd(list_price));
            assert_eq!(
                saving.map(|(_, percent)| percent),
                percent,
                "{price} of {list_price}"
            );
        };
        check(5_000, 10_000, Some(50));
        check(6_667, 10_000, Some(33));
        check(9_999, 10_000, None);
        check(10_000, 10_000, None);
        check(12_000, 10_000, None);
        check(0, 0, None);
    }

    #[test]
    fn blank_lines_part_paragraphs() {
        let check = |text, expected: &[&str]| assert_eq!(paragraphs(text), expected);
        check("One\ntwo.\n\n  \nThree.", &["One two.", "Three."]);
        check("\r\nOne.\r\n\r\nTwo.\r\n", &["One.", "Two."]);
        check("", &[]);
    }

    #[test]
    fn a_letter_stands_for_the_item() {
        assert_eq!(first_letter("“élan” chair"), "É");
        assert_eq!(first_letter("…"), "");
    }
}
