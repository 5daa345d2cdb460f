//! Postal addresses: what one must say.
//!
//! Invariant: an address that has passed [`tidied`] has no blank at an edge, no control character
//! and nothing longer than its limit, so that it fits its row and a label.

use crate::problem::{FieldError, Problem, ProblemKind};
use crate::wire::Address;

/// Characters of a name, a line and a city at most.
pub const TEXT_LENGTH_MAX: usize = 100;
/// Lines of street and house at most.
pub const LINES_MAX: usize = 3;
/// Characters of a postcode at most.
pub const POSTCODE_LENGTH_MAX: usize = 20;

/// The address without blanks around its texts; or what is wrong with it, as fields of `parent`.
pub fn tidied(address: Address, parent: &str) -> Result<Address, Problem> {
    let trim = |text: String| text.trim().to_owned();
    let address = Address {
        name: trim(address.name),
        lines: address.lines.into_iter().map(trim).collect(),
        postcode: trim(address.postcode),
        city: trim(address.city),
        country: trim(address.country),
    };
    let errors = faults(&address, parent);
    if errors.is_empty() {
        return Ok(address);
    }
    let problem = Problem::new(ProblemKind::InvalidField, "Please check the address.");
    Err(Problem { errors, ..problem })
}

fn faults(address: &Address, parent: &str) -> Vec<FieldError> {
    let text = |value: &str, least: usize, most: usize| {
        let length = value.chars().count();
        (least..=most).contains(&length) && !value.chars().any(char::is_control)
    };
    let lines_fit = (1..=LINES_MAX).contains(&address.lines.len())
        && address
            .lines
            .iter()
            .all(|line| text(line, 1, TEXT_LENGTH_MAX));
    let country_fits =
        address.country.len() == 2 && address.country.bytes().all(|b| b.is_ascii_uppercase());
    let checks = [
        (
            "name",
            text(&address.name, 1, TEXT_LENGTH_MAX),
            "Please give 1 to 100 characters.",
        ),
        (
            "lines",
            lines_fit,
            "Please give 1 to 3 lines of 1 to 100 characters.",
        ),
        (
            "postcode",
            text(&address.postcode, 0, POSTCODE_LENGTH_MAX),
            "Please give up to 20 characters.",
        ),
        (
            "city",
            text(&address.city, 1, TEXT_LENGTH_MAX),
            "Please give 1 to 100 characters.",
        ),
        (
            "country",
            country_fits,
            "Please give two capital letters, such as DE.",
        ),
    ];
    let faults = checks.into_iter().filter(|(_, fits, _)| !fits);
    let error = |(field, _, message): (&str, bool, &str)| FieldError {
        field: format!("{parent}.{field}"),
        message: message.to_owned(),
    };
    faults.map(error).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn address(name: &str, lines: &[&str], postcode: &str, city: &str, country: &str) -> Address {
        Address {
            name: name.to_owned(),
            lines: lines.iter().map(|line| (*line).to_owned()).collect(),
            postcode: postcode.to_owned(),
            city: city.to_owned(),
            country: country.to_owned(),
        }
    }

    #[test]
    fn each_fault_of_an_address_is_named() {
        let check = |address, expected: &[&str]| {
            let errors = tidied(address, "ship_to").map_or_else(|p| p.errors, |_| Vec::new());
            let fields: Vec<_> = errors.iter().map(|error| error.field.as_str()).collect();
            assert_eq!(fields, expected);
        };
        check(address("Ada", &["12 Street"], "", "Berlin", "DE"), &[]);
        check(
            address(" Ada ", &[" a ", "b", "c"], " 1 ", " B ", " DE "),
            &[],
        );
        let all = ["name", "lines", "postcode", "city", "country"];
        let all = all.map(|field| format!("ship_to.{field}"));
        let all: Vec<_> = all.iter().map(String::as_str).collect();
        check(address(" ", &[], &"1".repeat(21), "", "de"), &all);
        check(
            address("A\nB", &["a", "b", "c", "d"], "", "B", "DEU"),
            &["ship_to.name", "ship_to.lines", "ship_to.country"],
        );
    }

    proptest! {
        #[test]
        fn what_is_tidy_stays_as_it_is_and_within_its_limits(
            name in "\\PC{0,120}|[ a-z\\n]{0,10}",
            lines in prop::collection::vec("[ \\PC]{0,110}", 0..5),
            postcode in "[ 0-9A-Z]{0,24}",
            country in "[ A-Za-z]{0,3}",
        ) {
            let typed = Address { name, lines, postcode, city: "Berlin".into(), country };
            if let Ok(tidy) = tidied(typed, "address") {
                prop_assert_eq!(tidied(tidy.clone(), "address").unwrap(), tidy.clone());
                prop_assert!(tidy.name.chars().count() <= TEXT_LENGTH_MAX);
                prop_assert!(tidy.lines.len() <= LINES_MAX);
                let texts = tidy.lines.iter().chain([&tidy.name, &tidy.city, &tidy.postcode]);
                for text in texts {
                    prop_assert_eq!(text.trim(), text.as_str());
                    prop_assert!(!text.chars().any(char::is_control));
                }
            }
        }
    }
}
