//! What an operator says about an item, and what is wrong with it.
//!
//! Invariant: a draft without faults can be stored, shown, exported and imported again as it is.

use crate::ledger::ItemContent;
use kernel::catalogue::Attribute;
use kernel::ids::ItemId;
use kernel::money::Money;
use std::fmt;

/// Characters of a sku at most.
pub const SKU_LENGTH_MAX: usize = 64;
/// Characters of a title at most.
pub const TITLE_LENGTH_MAX: usize = 200;
/// Bytes of a description at most.
pub const DESCRIPTION_BYTES_MAX: usize = 20_000;
/// Attributes of an item at most.
pub const ATTRIBUTES_MAX: usize = 30;
/// Characters of an attribute's name at most.
pub const ATTRIBUTE_NAME_LENGTH_MAX: usize = 60;
/// Characters of an attribute's value at most.
pub const ATTRIBUTE_VALUE_LENGTH_MAX: usize = 300;
/// Characters of the address of a picture elsewhere at most.
pub const IMAGE_URL_LENGTH_MAX: usize = 500;
/// Characters that say what a picture shows, at most.
pub const ALT_LENGTH_MAX: usize = 250;

/// What an operator says about an item.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ItemDraft {
    /// The shop's own name of it; without one, its id is.
    pub sku: Option<String>,
    /// Its name.
    pub title: String,
    /// Plain text; blank lines part paragraphs.
    pub description: String,
    /// What else is to be known, in this order.
    pub attributes: Vec<Attribute>,
    /// A picture that lies elsewhere, or none.
    pub image_url: Option<String>,
    /// What it costs outside a sale.
    pub list_price: Money,
}

/// What is wrong with a field, and what to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The field's name.
    pub field: &'static str,
    /// What is right.
    pub message: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl ItemDraft {
    /// An item with this name and price, and nothing else said about it.
    pub fn new(title: &str, list_price: Money) -> Self {
        Self {
            sku: None,
            title: title.to_owned(),
            description: String::new(),
            attributes: Vec::new(),
            image_url: None,
            list_price,
        }
    }

    /// All that is wrong with it.
    pub fn faults(&self) -> Vec<Fault> {
        let checks = [
            ("sku", self.sku.as_deref().and_then(sku_fault)),
            ("title", self.title_fault()),
            ("description", self.description_fault()),
            ("attributes", attributes_fault(&self.attributes)),
            ("image_url", self.image_url.as_deref().and_then(url_fault)),
            ("list_price_minor", self.price_fault()),
        ];
        let fault = |(field, message): (_, Option<String>)| {
            Some(Fault {
                field,
                message: message?,
            })
        };
        checks.into_iter().filter_map(fault).collect()
    }

    /// As it is stored, for the item with this id.
    pub(super) fn into_content(self, id: ItemId) -> ItemContent {
        ItemContent {
            sku: self.sku.unwrap_or_else(|| id.to_string()),
            title: self.title,
            description: self.description.replace("\r\n", "\n"),
            attributes: self.attributes,
            image_url: self.image_url,
            list_price: self.list_price,
        }
    }

    fn title_fault(&self) -> Option<String> {
        let length = self.title.chars().count();
        let wrong = self.title.trim().is_empty() || length > TITLE_LENGTH_MAX;
        (wrong || has_control(&self.title, ""))
            .then(|| format!("the title has 1 to {TITLE_LENGTH_MAX} characters in one line"))
    }

    fn description_fault(&self) -> Option<String> {
        let wrong = self.description.len() > DESCRIPTION_BYTES_MAX;
        (wrong || has_control(&self.description, "\r\n\t"))
            .then(|| format!("the description is text of at most {DESCRIPTION_BYTES_MAX} bytes"))
    }

    fn price_fault(&self) -> Option<String> {
        (self.list_price.amount_minor < 0).then(|| "the list price is not negative".to_owned())
    }
}

impl From<ItemContent> for ItemDraft {
    fn from(content: ItemContent) -> Self {
        Self {
            sku: Some(content.sku),
            title: content.title,
            description: content.description,
            attributes: content.attributes,
            image_url: content.image_url,
            list_price: content.list_price,
        }
    }
}

/// What is wrong with the words for a picture.
pub(super) fn alt_fault(alt: &str) -> Option<Fault> {
    let wrong = alt.trim().is_empty() || alt.chars().count() > ALT_LENGTH_MAX;
    (wrong || has_control(alt, "")).then(|| Fault {
        field: "alt",
        message: format!(
            "say in 1 to {ALT_LENGTH_MAX} characters what the picture shows, for those who do not see it"
        ),
    })
}

fn has_control(text: &str, allowed: &str) -> bool {
    let mut letters = text.chars();
    letters.any(|letter| letter.is_control() && !allowed.contains(letter))
}

fn sku_fault(sku: &str) -> Option<String> {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"-_./".contains(&byte);
    let right = (1..=SKU_LENGTH_MAX).contains(&sku.len()) && sku.bytes().all(fits);
    (!right).then(|| {
        format!("a sku has 1 to {SKU_LENGTH_MAX} letters and digits of ASCII, and any of - _ . /")
    })
}

fn url_fault(url: &str) -> Option<String> {
    let own = url.starts_with('/') && !url.starts_with("//");
    let web = own || url.starts_with("https://") || url.starts_with("http://");
    let right = web && url.chars().count() <= IMAGE_URL_LENGTH_MAX && !has_control(url, "");
    (!right).then(|| {
        format!("image_url is an http(s) address or a path of the site, of at most {IMAGE_URL_LENGTH_MAX} characters")
    })
}

fn attributes_fault(attributes: &[Attribute]) -> Option<String> {
    if attributes.len() > ATTRIBUTES_MAX {
        return Some(format!("an item has at most {ATTRIBUTES_MAX} attributes"));
    }
    let fits = |text: &str, most: usize| {
        let length = text.chars().count();
        (1..=most).contains(&length) && text.trim() == text && !has_control(text, "")
    };
    for Attribute { name, value } in attributes {
        if !fits(name, ATTRIBUTE_NAME_LENGTH_MAX) || name.contains(':') {
            return Some(format!(
                "the name of an attribute has 1 to {ATTRIBUTE_NAME_LENGTH_MAX} characters in one line and no colon"
            ));
        }
        if !fits(value, ATTRIBUTE_VALUE_LENGTH_MAX) {
            return Some(format!(
                "the attribute `{name}` has 1 to {ATTRIBUTE_VALUE_LENGTH_MAX} characters in one line"
            ));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn draft() -> ItemDraft {
        let currency = "USD".parse().unwrap();
        ItemDraft::new(
            "Console",
            Money {
                amount_minor: 1,
                currency,
            },
        )
    }

    #[test]
    fn each_field_has_its_limits() {
        let check = |change: &dyn Fn(&mut ItemDraft), expected: &[&str]| {
            let mut draft = draft();
            change(&mut draft);
            let faults = draft.faults();
            let fields: Vec<_> = faults.iter().map(|fault| fault.field).collect();
            assert_eq!(fields, expected, "{draft:?}");
        };
        let attribute = |name: &str, value: &str| Attribute {
            name: name.to_owned(),
            value: value.to_owned(),
        };
        check(&|_| (), &[]);
        check(&|draft| draft.sku = Some("a-1_B.2/c".into()), &[]);
        for sku in ["", "a b", "é", "=1", &"a".repeat(65)] {
            check(&|draft| draft.sku = Some(sku.to_owned()), &["sku"]);
        }
        check(&|draft| draft.title = "é".repeat(200), &[]);
        for title in [" ", "a\nb", &"é".repeat(201)] {
            check(&|draft| draft.title = title.to_owned(), &["title"]);
        }
        check(
            &|draft| draft.description = "One.\r\n\r\nTwo.\t".into(),
            &[],
        );
        check(&|draft| draft.description = "\0".into(), &["description"]);
        check(
            &|draft| draft.description = "a".repeat(20_001),
            &["description"],
        );
        check(
            &|draft| draft.attributes = vec![attribute("Colour", "Black: matt"); 30],
            &[],
        );
        for wrong in [
            vec![attribute("a", "b"); 31],
            vec![attribute("", "b")],
            vec![attribute("a:", "b")],
            vec![attribute(" a", "b")],
            vec![attribute("a", "")],
            vec![attribute("a", "b\nc")],
            vec![attribute(&"a".repeat(61), "b")],
            vec![attribute("a", &"b".repeat(301))],
        ] {
            check(
                &|draft| draft.attributes.clone_from(&wrong),
                &["attributes"],
            );
        }
        check(
            &|draft| draft.image_url = Some("https://a.test/a.jpg".into()),
            &[],
        );
        for url in ["javascript:alert(1)", "//a.test/a.jpg", "a.jpg", ""] {
            check(
                &|draft| draft.image_url = Some(url.to_owned()),
                &["image_url"],
            );
        }
        check(
            &|draft| draft.list_price.amount_minor = -1,
            &["list_price_minor"],
        );
        let all_wrong = |draft: &mut ItemDraft| {
            draft.title.clear();
            draft.list_price.amount_minor = -1;
        };
        check(&all_wrong, &["title", "list_price_minor"]);
    }

    #[test]
    fn a_picture_is_described() {
        assert_eq!(alt_fault("A console on a table"), None);
        for alt in ["", "  ", "a\nb", &"a".repeat(251)] {
            assert!(alt_fault(alt).is_some(), "{alt}");
        }
    }
}
