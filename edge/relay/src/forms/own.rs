//! `/api/account` and `/api/sessions` as pages: what an owner sees and changes.
//!
//! Invariant: a change is one form and leads back to the page of the account, which says what
//! happened; a mistake is told there, at its field.

pub(super) mod address;
mod view;

use super::{refused_to, request, told, with_session};
use crate::received::Received;
use crate::routes::{Pass, is_session};
use crate::settings::Relay;
use kernel::ids::AddressId;
use kernel::problem::Problem;
use kernel::wire::{AccountDetails, CodeTicket, SessionList};
use kit::answer::Answer;
use kit::form::Form;
use layout::finish::Finish;
use layout::page::{page, page_with, see_other};
use layout::refusal::Way;
use layout::told::Told;
use layout::way;
use spin_sdk::http::Method;
use view::{Shown, Step};

const ACCOUNT: &str = "/api/account";
/// Makes times local ones, and asks once more before what cannot be undone.
const SCRIPTS: [&str; 1] = ["js/account.js"];

/// One of the pages and forms.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Own {
    /// The page of the account.
    Show,
    /// Name and language.
    Words,
    Password,
    /// Have a code sent to a new contact.
    ContactCode,
    /// Where that code is typed.
    ContactStep,
    Contact,
    NewAddress,
    AddAddress,
    EditAddress(AddressId),
    ChangeAddress(AddressId),
    DeleteAddress(AddressId),
    EndSession(String),
    SignOut,
    SignOutEverywhere,
    Erase,
}

impl Own {
    /// What a method and the parts of a path below `/api/` are.
    pub(super) fn of(method: &str, parts: &[&str]) -> Option<Self> {
        let address = |text: &str| text.parse::<AddressId>().ok();
        match (method, parts) {
            ("GET", ["account"]) => Some(Self::Show),
            ("POST", ["account"]) => Some(Self::Words),
            ("POST", ["account", "password"]) => Some(Self::Password),
            ("POST", ["account", "contact-codes"]) => Some(Self::ContactCode),
            ("GET", ["account", "contact"]) => Some(Self::ContactStep),
            ("POST", ["account", "contact"]) => Some(Self::Contact),
            ("GET", ["account", "addresses", "new"]) => Some(Self::NewAddress),
            ("POST", ["account", "addresses"]) => Some(Self::AddAddress),
            ("GET", ["account", "addresses", id]) => address(id).map(Self::EditAddress),
            ("POST", ["account", "addresses", id]) => address(id).map(Self::ChangeAddress),
            ("POST", ["account", "addresses", id, "delete"]) => {
                address(id).map(Self::DeleteAddress)
            }
            ("POST", ["sessions", id, "end"]) if is_session(id) => {
                Some(Self::EndSession((*id).to_owned()))
            }
            ("POST", ["session", "end"]) => Some(Self::SignOut),
            ("POST", ["sessions", "end"]) => Some(Self::SignOutEverywhere),
            ("POST", ["account", "delete"]) => Some(Self::Erase),
            _ => None,
        }
    }
}

/// The answer to one of them.
pub(super) async fn answer(
    relay: &'static Relay,
    own: Own,
    mut received: Received,
) -> Result<Answer, Problem> {
    match own {
        Own::Show => {
            let query = Form::parse(received.uri.query().unwrap_or_default().as_bytes())?;
            let shown = Shown {
                done: view::done(query.get("done")),
                ..Shown::default()
            };
            account_page(relay, received, shown).await
        }
        Own::Words => {
            let change = Change::new("words", ["name", "language"]);
            change.send(relay, received, Method::POST, ACCOUNT).await
        }
        Own::Password => {
            let change = Change::new("password", []);
            let path = "/api/account/password";
            change.send(relay, received, Method::POST, path).await
        }
        Own::ContactCode => send_contact_code(relay, received).await,
        Own::ContactStep => {
            let query = Form::parse(received.uri.query().unwrap_or_default().as_bytes())?;
            let ticket = query.get("ticket").unwrap_or_default();
            Ok(contact_page(ticket, None, "").await)
        }
        Own::Contact => change_contact(relay, received).await,
        Own::NewAddress => address::new().await,
        Own::AddAddress => address::add(relay, received).await,
        Own::EditAddress(id) => address::edit(relay, id, received).await,
        Own::ChangeAddress(id) => address::change(relay, id, received).await,
        Own::DeleteAddress(id) => {
            let path = format!("/api/account/addresses/{id}");
            plain(relay, received, Method::DELETE, &path, "address-deleted").await
        }
        Own::EndSession(id) => {
            let path = format!("/api/sessions/{id}");
            plain(relay, received, Method::DELETE, &path, "session").await
        }
        Own::SignOut => leave(relay, &mut received, "/api/session", Step::SignedOut).await,
        Own::SignOutEverywhere => {
            let path = "/api/session?everywhere=true";
            leave(relay, &mut received, path, Step::SignedOutEverywhere).await
        }
        Own::Erase => erase(relay, received).await,
    }
}

/// A form of the account's page.
struct Change<const N: usize> {
    /// Its name in the page.
    form: &'static str,
    /// What of it is shown again when something was wrong.
    kept: [&'static str; N],
}

impl<const N: usize> Change<N> {
    fn new(form: &'static str, kept: [&'static str; N]) -> Self {
        Self { form, kept }
    }

    /// Sends the form as a script would, and goes back to the page.
    async fn send(
        self,
        relay: &'static Relay,
        mut received: Received,
        method: Method,
        path: &str,
    ) -> Result<Answer, Problem> {
        let (form, _) = request::fields(&received)?;
        request::send_to(&mut received, method, path, form.to_object(&[]))?;
        let told = told(relay, Pass::Session, &received).await;
        if told.is_good() {
            return Ok(with_session(
                see_other(&view::done_address(self.form)),
                &told,
            ));
        }
        self.again(relay, received, &told, &form).await
    }

    /// The page again, with what went wrong.
    async fn again(
        self,
        relay: &'static Relay,
        received: Received,
        told: &Told,
        form: &Form,
    ) -> Result<Answer, Problem> {
        if told.kind() == "signed-out" {
            return Ok(refused_to(told, ACCOUNT, Vec::new()).await);
        }
        let typed = self
            .kept
            .map(|name| (name, form.get(name).unwrap_or_default().to_owned()));
        let shown = Shown {
            wrong_form: Some(self.form),
            problem: Some(told.words()),
            typed: typed.into(),
            ..Shown::default()
        };
        account_page(relay, received, shown).await
    }
}

/// A form without fields; what goes wrong is told on top of the account's page.
async fn plain(
    relay: &'static Relay,
    received: Received,
    method: Method,
    path: &str,
    form: &'static str,
) -> Result<Answer, Problem> {
    let mut received = received;
    let (fields, _) = request::fields(&received)?;
    request::ask(&mut received, method, path)?;
    let told = told(relay, Pass::Session, &received).await;
    if told.is_good() {
        return Ok(with_session(see_other(&view::done_address(form)), &told));
    }
    let change = Change::new(form, []);
    change.again(relay, received, &told, &fields).await
}

/// The page of the account, as it is now.
async fn account_page(
    relay: &'static Relay,
    mut received: Received,
    shown: Shown,
) -> Result<Answer, Problem> {
    request::ask(&mut received, Method::GET, ACCOUNT)?;
    let account = told(relay, Pass::Session, &received).await;
    if !account.is_good() {
        return Ok(refused_to(&account, ACCOUNT, vec![Way::new("Try again", ACCOUNT)]).await);
    }
    let account: AccountDetails = account.body()?;
    request::ask(&mut received, Method::GET, "/api/sessions")?;
    let sessions = told(relay, Pass::Session, &received).await;
    // Without them the rest of the page is worth having.
    let sessions = if sessions.is_good() {
        sessions.body::<SessionList>()?.sessions
    } else {
        Vec::new()
    };
    let status = shown.problem.as_ref().map_or(200, |problem| problem.status);
    let view = view::account(&account, &sessions, &shown);
    Ok(page_with(status, "account.html", &SCRIPTS, view).await)
}

/// Has a code sent to the new contact, and goes on to where it is typed.
async fn send_contact_code(
    relay: &'static Relay,
    mut received: Received,
) -> Result<Answer, Problem> {
    let (form, _) = request::fields(&received)?;
    let path = "/api/account/contact-codes";
    request::send_to(&mut received, Method::POST, path, form.to_object(&[]))?;
    let told = told(relay, Pass::Session, &received).await;
    if told.is_good() {
        let CodeTicket { ticket, .. } = told.body()?;
        let query = [("ticket", Some(ticket.as_str()))];
        return Ok(see_other(&way::address("/api/account/contact", &query)));
    }
    let change = Change::new("contact", ["contact"]);
    change.again(relay, received, &told, &form).await
}

async fn contact_page(ticket: &str, problem: Option<&Told>, code: &str) -> Answer {
    // A ticket looks alike, whatever its code is for.
    let is_one = Finish::new(kernel::wire::CodePurpose::Reset, ticket, None).is_some();
    if !is_one {
        return see_other(ACCOUNT);
    }
    let status = problem.map_or(200, |told| told.status);
    let view = view::contact(ticket, problem.map(Told::words).as_ref(), code);
    page(status, "account-contact.html", view).await
}

/// Makes the contact the account's; a mistake leads back to the form.
async fn change_contact(relay: &'static Relay, mut received: Received) -> Result<Answer, Problem> {
    let (form, _) = request::fields(&received)?;
    request::send(&mut received, form.to_object(&[]));
    let told = told(relay, Pass::Session, &received).await;
    if told.is_good() {
        return Ok(see_other(&view::done_address("contact")));
    }
    if told.kind() == "signed-out" {
        return Ok(refused_to(&told, ACCOUNT, Vec::new()).await);
    }
    let text = |name| form.get(name).unwrap_or_default();
    Ok(contact_page(text("ticket"), Some(&told), text("code")).await)
}

/// Ends the session, here or everywhere, and says so.
async fn leave(
    relay: &'static Relay,
    received: &mut Received,
    path: &str,
    step: Step,
) -> Result<Answer, Problem> {
    request::ask(received, Method::DELETE, path)?;
    let told = told(relay, Pass::Session, received).await;
    // Whoever is signed out already wanted nothing else.
    if told.is_good() || told.kind() == "signed-out" {
        return Ok(with_session(left_page(step).await, &told));
    }
    Ok(refused_to(
        &told,
        ACCOUNT,
        vec![Way::new("Back to your account", ACCOUNT)],
    )
    .await)
}

/// Erases the account of whoever typed its password.
async fn erase(relay: &'static Relay, mut received: Received) -> Result<Answer, Problem> {
    let (form, _) = request::fields(&received)?;
    request::send_to(&mut received, Method::DELETE, ACCOUNT, form.to_object(&[]))?;
    let told = told(relay, Pass::Session, &received).await;
    if told.is_good() {
        return Ok(with_session(left_page(Step::Erased).await, &told));
    }
    let change = Change::new("delete", []);
    change.again(relay, received, &told, &form).await
}

/// The page for whoever has no session any more, as its script also notes.
async fn left_page(step: Step) -> Answer {
    let scripts = ["js/signed-out.js"];
    page_with(200, "account-left.html", &scripts, view::left(step)).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_form_of_the_page_is_known() {
        let check = |method, path: &str, expected| {
            let parts: Vec<_> = path.split('/').collect();
            assert_eq!(Own::of(method, &parts), expected, "{method} {path}");
        };
        let id = AddressId(5);
        let session = "0a".repeat(16);
        check("GET", "account", Some(Own::Show));
        check("POST", "account", Some(Own::Words));
        check("GET", "account/contact", Some(Own::ContactStep));
        check("GET", "account/addresses/new", Some(Own::NewAddress));
        check("GET", "account/addresses/5", Some(Own::EditAddress(id)));
        check("POST", "account/addresses/5", Some(Own::ChangeAddress(id)));
        check("POST", "account/addresses/05", None);
        let end = format!("sessions/{session}/end");
        check("POST", &end, Some(Own::EndSession(session)));
        check("POST", "sessions/x/end", None);
        check("POST", "sessions/end", Some(Own::SignOutEverywhere));
        check("POST", "session/end", Some(Own::SignOut));
        check("GET", "account/delete", None);
        check("GET", "account/export", None);
    }
}
