//! Where an account can be reached: an e-mail address or a mobile number.
//!
//! Invariant: a contact has one way to be written, however it was typed; reading that again gives
//! the same.

use std::fmt;

/// Characters of an e-mail address at most (RFC 5321).
pub const CONTACT_LENGTH_MAX: usize = 254;
/// Characters before the `@` at most (RFC 5321).
const LOCAL_LENGTH_MAX: usize = 64;
/// Digits of a number with its country (E.164); shorter ones are not mobile numbers.
const PHONE_DIGITS: std::ops::RangeInclusive<usize> = 8..=15;
/// What people put between the digits of a number.
const BETWEEN_DIGITS: [char; 8] = [' ', '\u{a0}', '-', '–', '.', '/', '(', ')'];

/// A contact as it is stored and compared.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Contact {
    /// In lower case.
    Email(String),
    /// As E.164 has it: `+` and digits alone.
    Phone(String),
}

/// A text that is no contact; says what to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "Please give an e-mail address such as name@example.com, or a mobile number with its country, \
     such as +49 151 23456789."
)]
pub struct BadContact;

impl Contact {
    /// Reads what somebody typed.
    pub fn parse(text: &str) -> Result<Self, BadContact> {
        let text = text.trim();
        if text.chars().count() > CONTACT_LENGTH_MAX {
            Err(BadContact)
        } else if text.contains('@') {
            email(text).map(Self::Email).ok_or(BadContact)
        } else {
            phone(text).map(Self::Phone).ok_or(BadContact)
        }
    }

    /// Reads a contact that was stored.
    pub fn stored(text: &str) -> Self {
        let text = text.to_owned();
        if text.starts_with('+') && !text.contains('@') {
            Self::Phone(text)
        } else {
            Self::Email(text)
        }
    }

    /// As it is stored.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Email(text) | Self::Phone(text) => text,
        }
    }
}

impl fmt::Display for Contact {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

fn email(text: &str) -> Option<String> {
    let text = text.to_lowercase();
    let (local, domain) = text.rsplit_once('@')?;
    let is_atom = |c: char| c.is_alphanumeric() || "!#$%&'*+-/=?^_`{|}~".contains(c);
    let local_fits = local.len() <= LOCAL_LENGTH_MAX
        && local
            .split('.')
            .all(|atom| !atom.is_empty() && atom.chars().all(is_atom));
    let label_fits = |label: &str| {
        (1..=63).contains(&label.len())
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.chars().all(|c| c.is_alphanumeric() || c == '-')
    };
    let fits = text.len() <= CONTACT_LENGTH_MAX && local_fits && domain.split('.').all(label_fits);
    fits.then_some(text)
}

/// `+49 (151) 234-5678` and `0049 151 2345678` are `+491512345678`.
fn phone(text: &str) -> Option<String> {
    let bare: String = text
        .chars()
        .filter(|c| !BETWEEN_DIGITS.contains(c))
        .collect();
    let digits = bare.strip_prefix('+').or_else(|| bare.strip_prefix("00"))?;
    let fits = PHONE_DIGITS.contains(&digits.len())
        && digits.bytes().all(|byte| byte.is_ascii_digit())
        && !digits.starts_with('0');
    fits.then(|| format!("+{digits}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_contact_is_an_address_or_a_number() {
        let check = |text: &str, expected: Option<&str>| {
            let contact = Contact::parse(text).ok();
            assert_eq!(contact.as_ref().map(Contact::as_str), expected, "{text}");
        };
        check(" Ada@Example.COM ", Some("ada@example.com"));
        check("a+b.c@localhost", Some("a+b.c@localhost"));
        check("ü@müller.example", Some("ü@müller.example"));
        check("+49 (151) 234-56 78", Some("+491512345678"));
        check("0049 151/2345678", Some("+491512345678"));
        check("+4915123456789", Some("+4915123456789"));
        for text in [
            "",
            "@",
            "a@",
            "@b",
            "a@b@c",
            "a b@c",
            "a..b@c",
            ".a@c",
            "a@-b",
            "a@b..c",
            "a\n@c",
            "a@c\r\nbcc: d@e",
            "\"a\"@c",
            "+",
            "+1234567",
            "+1234567890123456",
            "0151 2345678",
            "+0151 2345678",
            "+49 151 x",
            "++4915123456789",
            "4915123456789",
            "+４９１５１２３４５６",
        ] {
            check(text, None);
        }
        check(&format!("{}@b.example", "a".repeat(65)), None);
        check(&format!("a@{}.example", "b".repeat(64)), None);
    }

    proptest! {
        #[test]
        fn whatever_is_read_is_read_the_same_again(text in "\\PC{0,80}|[a-zA-Z.+@-]{1,40}|[+0-9 ()./-]{1,24}") {
            if let Ok(contact) = Contact::parse(&text) {
                prop_assert_eq!(Contact::parse(contact.as_str()), Ok(contact.clone()));
                prop_assert_eq!(Contact::stored(contact.as_str()), contact.clone());
                prop_assert!(!contact.as_str().chars().any(|c| c.is_control() || c.is_whitespace()));
            }
        }

        #[test]
        fn a_number_is_the_same_however_it_is_grouped(
            digits in "[1-9][0-9]{7,14}",
            gaps in prop::collection::vec(0..9_usize, 15),
        ) {
            let mut typed = "+".to_owned();
            for (digit, gap) in digits.chars().zip(gaps) {
                typed.push(digit);
                typed.extend(BETWEEN_DIGITS.get(gap));
            }
            prop_assert_eq!(Contact::parse(&typed), Ok(Contact::Phone(format!("+{digits}"))));
        }
    }
}
