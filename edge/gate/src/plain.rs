//! The gate for browsers without scripts: the same paths, as forms and pages.
//!
//! Invariant: a page only says what the JSON of the same path says; nothing is decided here.

mod challenge;
mod place;
mod turn;

use crate::settings::Gate;
use kernel::problem::{Problem, ProblemKind};
use kernel::snapshot::SnapshotSale;
use kit::answer::{self, Answer};
use kit::body::Whole;
use kit::form::{self, Form};
use kit::snapshot;
use layout::page::see_other;
use layout::refusal::{Again, Refusal, Way};
use layout::told::Told;
use layout::way;
use spin_sdk::http::{HeaderMap, Method, Uri, box_body};

/// Which page a path has.
#[derive(Debug, PartialEq, Eq)]
enum Page<'a> {
    Challenge,
    Tokens(&'a str),
    Places(&'a str),
}

impl<'a> Page<'a> {
    fn of(path: &'a str) -> Option<Self> {
        let parts = path.strip_prefix("/gate/")?.split('/').collect::<Vec<_>>();
        match parts.as_slice() {
            ["challenges"] => Some(Self::Challenge),
            ["sales", sale, "tokens"] => Some(Self::Tokens(sale)),
            ["sales", sale, "places"] => Some(Self::Places(sale)),
            _ => None,
        }
    }
}

/// Whether a path has a page.
pub(crate) fn is_page(path: &str) -> bool {
    Page::of(path).is_some()
}

/// The page.
pub(crate) async fn answer(request: Whole) -> Answer {
    let path = request.uri().path().to_owned();
    let method = request.method().clone();
    let result = match (Page::of(&path), request.method()) {
        (Some(Page::Challenge), &Method::GET | &Method::HEAD) => challenge::show(&request).await,
        (Some(Page::Tokens(sale)), &Method::GET | &Method::HEAD) => {
            turn::show(&request, sale).await
        }
        (Some(Page::Tokens(sale)), _) => turn::take(request, sale).await,
        (Some(Page::Places(sale)), &Method::GET | &Method::HEAD) => {
            place::show(&request, sale).await
        }
        (Some(Page::Places(sale)), _) => place::join(request, sale).await,
        (Some(Page::Challenge), _) => Err(ProblemKind::MethodNotAllowed.into()),
        (None, _) => Err(ProblemKind::UnknownPath.into()),
    };
    match result {
        Ok(page) => page,
        Err(problem) => Refusal::of(&problem, &method).await.answer().await,
    }
}

/// What the gate answers to a program that asks the same.
async fn asked(request: Whole) -> Result<Told, Problem> {
    let answer = answer::from(crate::route(request).await);
    Told::read(answer.map(box_body)).await
}

/// What the gate answers to a form with a code, sent as a script would send it.
async fn sent(headers: &HeaderMap, path: &str, form: &mut Form) -> Result<Told, Problem> {
    if let Err(problem) = form.join_challenge() {
        return Ok(Told::problem(&problem).await);
    }
    let body = serde_json::Value::from(form.to_object(&[])).to_string();
    asked(script(headers, Method::POST, path, body)?).await
}

/// The request that a script would make, with the headers of this one.
fn script(
    headers: &HeaderMap,
    method: Method,
    address: &str,
    body: String,
) -> Result<Whole, Problem> {
    let mut request = Whole::new(body.into());
    *request.uri_mut() = address
        .parse::<Uri>()
        .map_err(|_| Problem::from(ProblemKind::Malformed))?;
    *request.method_mut() = method;
    *request.headers_mut() = headers.clone();
    form::as_json(request.headers_mut());
    Ok(request)
}

/// The query of a request as fields.
fn query(request: &Whole) -> Result<Form, Problem> {
    Form::parse(request.uri().query().unwrap_or_default().as_bytes())
}

/// The path and query of a request, to come back to.
fn here(request: &Whole) -> &str {
    let address = request.uri().path_and_query();
    address.map_or("/", |address| address.as_str())
}

/// Where a session that has run out is renewed, and `next` is gone on to; whoever has none signs
/// in there.
fn renewal(next: &str) -> Answer {
    see_other(&way::address("/api/session", &[("next", Some(next))]))
}

/// Where to get a code for a sale.
fn challenge_address(purpose: &str, sale: &str, quantity: Option<u32>) -> String {
    let quantity = quantity.map(|quantity| quantity.to_string());
    let query = [
        ("purpose", Some(purpose)),
        ("kind", Some("image")),
        ("sale_id", Some(sale)),
        ("quantity", quantity.as_deref()),
    ];
    way::address("/gate/challenges", &query)
}

/// The sale with this id.
async fn sale(gate: &'static Gate, id: &str) -> Result<SnapshotSale, Problem> {
    let view = snapshot::current(&gate.edge).await?;
    let mut sales = view.snapshot().sales.iter();
    let entry = sales.find(|entry| entry.sale.id.to_string() == id);
    entry
        .cloned()
        .ok_or_else(|| ProblemKind::UnknownSale.into())
}

/// What a page of a sale shows of it.
fn about(entry: &SnapshotSale) -> layout::render::Value {
    layout::render::context! {
        title => entry.sale.item.title,
        address => format!("/sales/{}", entry.sale.slug),
    }
}

/// Why a form with a code did not work, and what to do: send it once more where the code still
/// counts, else get another one.
async fn refuse(told: &Told, again: Again, challenge: String, sale: &str) -> Answer {
    let problem = told.words();
    let back = Way::new("Back to the sale", format!("/sales/{sale}"));
    let another = Way::new("Get another code", challenge);
    match problem.kind.as_str() {
        "challenge-wrong" | "challenge-spent" | "challenge-expired" | "invalid-field" => {
            Refusal::new(problem, vec![another, back]).answer().await
        }
        "sold-out" => Refusal::new(problem, vec![back]).answer().await,
        "over-limit" => {
            let orders = Way::new("See your orders", "/api/orders");
            Refusal::new(problem, vec![orders, back]).answer().await
        }
        _ if problem.retry_seconds.is_some() => {
            let again = Some(again);
            let refusal = Refusal::new(problem, vec![another, back]);
            Refusal { again, ..refusal }.answer().await
        }
        _ => Refusal::new(problem, vec![back]).answer().await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_a_page_is_known() {
        let check = |path, expected| assert_eq!(Page::of(path), expected, "{path}");
        check("/gate/challenges", Some(Page::Challenge));
        check("/gate/sales/5/tokens", Some(Page::Tokens("5")));
        check("/gate/sales/5/places", Some(Page::Places("5")));
        check("/gate/challenges/abc/image", None);
        check("/gate/sales/5/slots", None);
        check("/gate/sales/5/tokens/", None);
    }

    #[test]
    fn a_sale_leads_to_its_code() {
        let expected = "/gate/challenges?purpose=token&kind=image&sale_id=5&quantity=2";
        assert_eq!(challenge_address("token", "5", Some(2)), expected);
        let expected = "/gate/challenges?purpose=place&kind=image&sale_id=5%26";
        assert_eq!(challenge_address("place", "5&", None), expected);
    }
}
