//! An account as the templates read it.

use kernel::language::Language;
use kernel::wire::{AccountDetails, Address, SavedAddress, SessionView};
use layout::country;
use layout::render::{Value, context};
use layout::told::Words;
use layout::{way, words};
use std::collections::BTreeMap;

/// What the page shows besides the account.
#[derive(Debug, Default)]
pub(super) struct Shown {
    /// What was done before.
    pub(super) done: Option<&'static str>,
    /// The form that something was wrong with.
    pub(super) wrong_form: Option<&'static str>,
    /// What.
    pub(super) problem: Option<Words>,
    /// What was typed in it.
    pub(super) typed: BTreeMap<&'static str, String>,
}

/// How somebody left.
#[derive(Clone, Copy, Debug)]
pub(super) enum Step {
    SignedOut,
    SignedOutEverywhere,
    Erased,
}

/// What was done, by the form that did it.
const DONE: [(&str, &str); 7] = [
    ("words", "Name and language are saved."),
    (
        "password",
        "The new password is saved. All other devices are signed out.",
    ),
    ("contact", "Your account has the new contact."),
    ("address", "The address is saved."),
    ("address-deleted", "The address is deleted."),
    ("session", "That device is signed out."),
    ("everywhere", "You are signed out everywhere."),
];

/// The words for what was done.
pub(super) fn done(form: Option<&str>) -> Option<&'static str> {
    let mut done = DONE.into_iter();
    done.find(|(name, _)| Some(*name) == form)
        .map(|(_, text)| text)
}

/// The account's page, which says that this was done.
pub(super) fn done_address(form: &str) -> String {
    way::address("/api/account", &[("done", Some(form))])
}

/// The page of the account.
pub(super) fn account(account: &AccountDetails, sessions: &[SessionView], shown: &Shown) -> Value {
    let Shown {
        done,
        wrong_form,
        problem,
        typed,
    } = shown;
    let typed_or = |name: &str, kept: &str| typed.get(name).map_or(kept, String::as_str).to_owned();
    let addresses: Vec<_> = account.addresses.iter().map(saved).collect();
    let sessions = sessions.iter().map(|session| {
        context! {
            id => session.session_id,
            device => session.device,
            opened_at => words::utc(session.opened_at_ms),
            opened_at_iso => words::iso(session.opened_at_ms),
            renewed_at => words::utc(session.renewed_at_ms),
            renewed_at_iso => words::iso(session.renewed_at_ms),
            is_this => session.is_this,
        }
    });
    let sessions: Vec<_> = sessions.collect();
    let export = "/api/account/export";
    context! {
        account => context! {
            name => typed_or("name", &account.name),
            contact => account.contact,
            language => typed_or("language", account.language.code()),
        },
        languages => languages(),
        addresses_full => addresses.len() >= kernel::wire::ADDRESSES_MAX,
        // A session whose five minutes are over is renewed on the way.
        export_address => way::address("/api/session", &[("next", Some(export))]),
        new_contact => typed_or("contact", ""),
        errors => errors(problem.as_ref()),
        signed_in => true,
        here => "account",
        addresses, sessions, done, wrong_form, problem,
    }
}

fn languages() -> Vec<(&'static str, &'static str)> {
    let name = |language| match language {
        Language::En => "English",
        Language::De => "Deutsch",
    };
    Language::ALL
        .map(|language| (language.code(), name(language)))
        .to_vec()
}

fn saved(kept: &SavedAddress) -> Value {
    let Address {
        name,
        lines,
        postcode,
        city,
        country,
    } = &kept.address;
    let land = country::name(country).unwrap_or(country);
    context! {
        id => kept.address_id.to_string(),
        is_default => kept.is_default,
        name, lines,
        place => format!("{postcode} {city}").trim(),
        // A name of ours, which the template has escaped; or two letters.
        country => Value::from_safe_string(land.to_owned()),
    }
}

/// The page of one address.
pub(super) fn address(
    action: &str,
    typed: &BTreeMap<&'static str, String>,
    problem: Option<&Words>,
) -> Value {
    let name = typed.get("country").and_then(|code| country::name(code));
    let country_name = name.map(|name| Value::from_safe_string(name.to_owned()));
    context! {
        action, country_name,
        is_new => action.ends_with("/addresses"),
        values => typed,
        errors => errors(problem),
        problem,
        signed_in => true,
        here => "account",
    }
}

/// Where the code to a new contact is typed.
pub(super) fn contact(ticket: &str, problem: Option<&Words>, code: &str) -> Value {
    context! {
        fields => [("ticket", ticket)],
        code,
        errors => errors(problem),
        problem,
        signed_in => true,
        here => "account",
    }
}

/// The page for whoever has left.
pub(super) fn left(step: Step) -> Value {
    let (heading, text) = match step {
        Step::SignedOut => ("You are signed out", "See you at the next sale."),
        Step::SignedOutEverywhere => (
            "You are signed out everywhere",
            "Every device has to sign in again.",
        ),
        Step::Erased => (
            "Your account is deleted",
            "Your name, contact and addresses are gone. What the law makes us keep of your orders \
             no longer says who you are.",
        ),
    };
    context! { heading, text }
}

fn errors(problem: Option<&Words>) -> BTreeMap<String, String> {
    let errors = problem.into_iter().flat_map(|problem| &problem.errors);
    errors
        .map(|error| (error.field.clone(), error.message.clone()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use kernel::ids::{AccountId, AddressId};
    use kernel::problem::FieldError;
    use kernel::time::UnixMillis;
    use layout::render::render;

    fn details() -> AccountDetails {
        AccountDetails {
            id: AccountId(7),
            name: "Ada <b>".to_owned(),
            contact: "ada@example.test".to_owned(),
            language: Language::De,
            created_at_ms: UnixMillis(1),
            addresses: vec![SavedAddress {
                address_id: AddressId(5),
                is_default: true,
                address: Address {
                    name: "Ada".to_owned(),
                    lines: vec!["<12 Street>".to_owned()],
                    postcode: String::new(),
                    city: "Berlin".to_owned(),
                    country: "DE".to_owned(),
                },
            }],
        }
    }

    fn session(id: &str, is_this: bool) -> SessionView {
        SessionView {
            session_id: id.to_owned(),
            device: "Firefox on Linux".to_owned(),
            opened_at_ms: UnixMillis(1_800_000_000_000),
            renewed_at_ms: UnixMillis(1_800_000_000_000),
            is_this,
        }
    }

    #[test]
    fn the_page_shows_the_account_and_offers_each_change() {
        let shown = Shown {
            done: done(Some("words")),
            ..Shown::default()
        };
        let sessions = [session("here", true), session("there", false)];
        let html = render("account.html", &[], account(&details(), &sessions, &shown)).unwrap();
        for text in [
            "Ada &lt;b&gt;",
            "ada@example.test",
            "&lt;12 Street&gt;",
            "Germany",
            r#"<option value="de" selected>Deutsch</option>"#,
            "Name and language are saved.",
            "/api/sessions/there/end",
            "/api/account/addresses/5/delete",
            "next=%2Fapi%2Faccount%2Fexport",
        ] {
            assert!(html.contains(text), "{text} in {html}");
        }
        assert!(!html.contains("/api/sessions/here/end"), "{html}");
        assert!(!html.contains("aria-invalid"), "{html}");
        assert_eq!(done(Some("<script>")), None);
    }

    #[test]
    fn a_mistake_stands_at_the_form_it_is_about() {
        let error = FieldError {
            field: "current_password".to_owned(),
            message: "Not <yours>.".to_owned(),
        };
        let problem = Words {
            kind: "invalid-field".to_owned(),
            status: 422,
            heading: "Not right".to_owned(),
            text: String::new(),
            errors: vec![error],
            retry_seconds: None,
        };
        for (form, field) in [
            ("password", "password-current"),
            ("contact", "contact-password"),
            ("delete", "delete-password"),
        ] {
            let shown = Shown {
                wrong_form: Some(form),
                problem: Some(problem.clone()),
                typed: [("contact", "new \"one\"".to_owned())].into(),
                ..Shown::default()
            };
            let html = render("account.html", &[], account(&details(), &[], &shown)).unwrap();
            let described = format!("id=\"{field}-error\">Not &lt;yours&gt;.</p>");
            assert!(html.contains(&described), "{described} in {html}");
            assert_eq!(html.matches("aria-invalid").count(), 1, "{html}");
            assert!(html.contains(&format!("<a href=\"#{field}\">")), "{html}");
            assert!(html.contains("new &quot;one&quot;"), "{html}");
        }
    }
}
