//! The page of one address, a new one or one to be changed.

use super::super::request::{self, ADDRESS};
use super::super::{refused_to, told};
use super::{ACCOUNT, view};
use crate::received::Received;
use crate::routes::Pass;
use crate::settings::Relay;
use kernel::ids::AddressId;
use kernel::problem::{Problem, ProblemKind};
use kernel::wire::{Address, AddressList};
use kit::answer::Answer;
use kit::form::Form;
use layout::page::{page, see_other};
use layout::refusal::Way;
use layout::told::Words;
use serde_json::{Map, Value};
use spin_sdk::http::Method;
use std::collections::BTreeMap;

const ADDRESSES: &str = "/api/account/addresses";

/// What stands in the fields.
pub(in super::super) type Typed = BTreeMap<&'static str, String>;

/// The empty form.
pub(super) async fn new() -> Result<Answer, Problem> {
    Ok(show(ADDRESSES, &Typed::new(), None).await)
}

/// The form with an address as it is kept.
pub(super) async fn edit(
    relay: &'static Relay,
    id: AddressId,
    mut received: Received,
) -> Result<Answer, Problem> {
    request::ask(&mut received, Method::GET, ADDRESSES)?;
    let told = told(relay, Pass::Session, &received).await;
    if !told.is_good() {
        return Ok(refused_to(&told, ACCOUNT, back()).await);
    }
    let list: AddressList = told.body()?;
    let mut kept = list.addresses.into_iter();
    let kept = kept.find(|kept| kept.address_id == id);
    let kept = kept.ok_or_else(|| Problem::from(ProblemKind::UnknownAddress))?;
    let mut typed = fields(kept.address);
    if kept.is_default {
        typed.insert("is_default", "yes".to_owned());
    }
    Ok(show(&format!("{ADDRESSES}/{id}"), &typed, None).await)
}

/// The fields of the address that the visitor's account offers first; empty if it has none, or if
/// that cannot be told.
pub(in super::super) async fn kept(
    relay: &'static Relay,
    mut received: Received,
) -> Result<Typed, Problem> {
    request::ask(&mut received, Method::GET, ADDRESSES)?;
    let told = told(relay, Pass::Session, &received).await;
    let list = told.body::<AddressList>().ok().filter(|_| told.is_good());
    let mut kept = list.into_iter().flat_map(|list| list.addresses);
    let first = kept.find(|kept| kept.is_default);
    Ok(first.map(|kept| fields(kept.address)).unwrap_or_default())
}

/// An address as the fields of a page.
fn fields(address: Address) -> Typed {
    let mut lines = address.lines.into_iter();
    let first = lines.next().unwrap_or_default();
    // A page has two lines; what a program wrote into a third is not lost.
    let rest = lines.collect::<Vec<_>>().join(", ");
    Typed::from([
        ("name", address.name),
        ("line-1", first),
        ("line-2", rest),
        ("postcode", address.postcode),
        ("city", address.city),
        ("country", address.country),
    ])
}

/// Keeps another address and goes back to the account.
pub(super) async fn add(relay: &'static Relay, received: Received) -> Result<Answer, Problem> {
    save(relay, ADDRESSES, received).await
}

/// Changes an address and goes back to the account.
pub(super) async fn change(
    relay: &'static Relay,
    id: AddressId,
    received: Received,
) -> Result<Answer, Problem> {
    save(relay, &format!("{ADDRESSES}/{id}"), received).await
}

async fn save(
    relay: &'static Relay,
    path: &str,
    mut received: Received,
) -> Result<Answer, Problem> {
    let (form, _) = request::fields(&received)?;
    let typed: Typed = ADDRESS
        .into_iter()
        .chain(["is_default"])
        .map(|name| (name, form.get(name).unwrap_or_default().to_owned()))
        .collect();
    request::send_to(&mut received, Method::POST, path, body(form))?;
    let told = told(relay, Pass::Session, &received).await;
    if told.is_good() {
        return Ok(see_other(&view::done_address("address")));
    }
    if told.kind() == "signed-out" {
        return Ok(refused_to(&told, ACCOUNT, back()).await);
    }
    Ok(show(path, &typed, Some(told.words())).await)
}

/// What a script would send: a box that is ticked is sent, another not.
fn body(mut form: Form) -> Map<String, Value> {
    let is_default = form.take("is_default").is_some();
    let mut object = request::with_address(form, "address");
    object.insert("is_default".to_owned(), Value::from(is_default));
    object
}

async fn show(action: &str, typed: &Typed, problem: Option<Words>) -> Answer {
    let status = problem.as_ref().map_or(200, |problem| problem.status);
    let view = view::address(action, typed, problem.as_ref());
    page(status, "account-address.html", view).await
}

fn back() -> Vec<Way> {
    vec![Way::new("Back to your account", ACCOUNT)]
}

#[cfg(test)]
mod tests {
    use super::*;
    use kernel::wire::AddressRequest;

    #[test]
    fn a_form_becomes_what_a_script_would_send() {
        let check = |text: &str, is_default| {
            let form = Form::parse(text.as_bytes()).unwrap();
            let json = Value::from(body(form)).to_string();
            let read: AddressRequest = kernel::json::parse(json.as_bytes()).unwrap();
            assert_eq!(read.is_default, is_default, "{text}");
            assert_eq!(read.address.lines, ["12 Street"], "{text}");
        };
        let address = "name=Ada&line-1=12+Street&line-2=&postcode=&city=B&country=DE";
        check(address, false);
        check(&format!("{address}&is_default=yes"), true);
    }
}
