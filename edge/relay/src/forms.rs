//! The relay for browsers without scripts: the same paths, as forms and pages.
//!
//! Invariant: a form is made the JSON that a script would have sent, and goes through the same
//! checks; a page says what came back. Nobody renews a session of five minutes here but we: it is
//! done before anything else, and the cookie goes out with whatever is answered.

mod account;
mod order;
mod own;
mod renewal;
mod request;

use crate::elsewhere;
use crate::forward;
use crate::passes;
use crate::received::Received;
use crate::routes::{Pass, Route};
use crate::settings::Relay;
use kernel::ids::OrderId;
use kernel::problem::{Problem, ProblemKind};
use kernel::wire::CodePurpose;
use kit::answer::Answer;
use kit::visitor;
use layout::finish::sign_in_address;
use layout::page::see_other;
use layout::refusal::{Refusal, Way};
use layout::told::Told;
use own::Own;
use spin_sdk::http::{HeaderValue, Request, box_body};

/// What a method and a path are to a browser.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Page {
    /// Renew the session and go on.
    Session,
    SignIn,
    /// Have a code sent.
    Code,
    /// Use the code.
    Finish(CodePurpose),
    Orders,
    Order(OrderId),
    Place,
    Pay(OrderId),
    Cancel(OrderId),
    /// What an owner sees and changes.
    Own(Own),
}

impl Page {
    fn of(method: &str, path: &str) -> Option<Self> {
        let parts = path.strip_prefix("/api/")?.split('/').collect::<Vec<_>>();
        let id = |text: &str| text.parse::<OrderId>().ok();
        match (method, parts.as_slice()) {
            ("GET", ["session"]) => Some(Self::Session),
            ("POST", ["session"]) => Some(Self::SignIn),
            ("POST", ["accounts", "codes"]) => Some(Self::Code),
            ("POST", ["accounts"]) => Some(Self::Finish(CodePurpose::Register)),
            ("POST", ["accounts", "password"]) => Some(Self::Finish(CodePurpose::Reset)),
            ("GET", ["orders"]) => Some(Self::Orders),
            ("GET", ["orders", order]) => id(order).map(Self::Order),
            ("POST", ["orders"]) => Some(Self::Place),
            ("POST", ["orders", order, "payment"]) => id(order).map(Self::Pay),
            ("POST", ["orders", order, "cancel"]) => id(order).map(Self::Cancel),
            _ => Own::of(method, &parts).map(Self::Own),
        }
    }
}

/// Whether this method and path have a page.
pub(crate) fn is_page(method: &str, path: &str) -> bool {
    Page::of(method, path).is_some()
}

/// The page.
pub(crate) async fn answer(request: Request) -> Answer {
    let method = request.method().clone();
    let result = match Relay::get().await {
        Ok(relay) => match Received::read(relay, request).await {
            Ok(received) => page(relay, received).await,
            Err(problem) => Err(problem),
        },
        Err(problem) => Err(problem),
    };
    match result {
        Ok(page) => page,
        Err(problem) => Refusal::of(&problem, &method).await.answer().await,
    }
}

async fn page(relay: &'static Relay, mut received: Received) -> Result<Answer, Problem> {
    visitor::check_site(&relay.edge, &received.method, &received.headers)?;
    let (method, path) = (received.method.as_str(), received.uri.path());
    let page = Page::of(method, path).ok_or(ProblemKind::UnknownPath)?;
    let pass = match (&page, Route::of(method, path)) {
        (_, Route::Forward(pass)) => pass,
        // A form has GET and POST alone, so some of its addresses are no program's.
        (Page::Own(_), _) => Pass::Session,
        _ => return Err(ProblemKind::UnknownPath.into()),
    };
    let renewed = match pass {
        Pass::Session | Pass::Token => renewal::renew(relay, &mut received).await?,
        Pass::Challenge(_) | Pass::Ticket | Pass::Renewable => None,
    };
    let mut answer = show(relay, page, pass, received).await?;
    if let Some(cookie) = renewed {
        answer.headers_mut().append("set-cookie", cookie);
    }
    Ok(answer)
}

async fn show(
    relay: &'static Relay,
    page: Page,
    pass: Pass,
    received: Received,
) -> Result<Answer, Problem> {
    let here = here(&received).to_owned();
    match page {
        Page::Session => account::renewed(relay, received).await,
        Page::SignIn => account::sign_in(relay, received).await,
        Page::Code => account::send_code(relay, received).await,
        Page::Finish(purpose) => account::finish(relay, purpose, received).await,
        Page::Orders => order::list(relay, received).await,
        Page::Order(id) => {
            let told = told(relay, pass, &received).await;
            order::show(relay, id, &told, &here, received).await
        }
        Page::Place => order::place(relay, received).await,
        Page::Pay(id) => order::pay(relay, id, received).await,
        Page::Cancel(id) => order::cancel(relay, id, received).await,
        Page::Own(own) => own::answer(relay, own, received).await,
    }
}

/// What a program is told that sends this.
async fn told(relay: &'static Relay, pass: Pass, received: &Received) -> Told {
    match answered(relay, pass, received).await {
        Ok(told) => told,
        Err(problem) => Told::problem(&problem).await,
    }
}

async fn answered(relay: &'static Relay, pass: Pass, received: &Received) -> Result<Told, Problem> {
    if let Some(answer) = elsewhere::order(relay, pass, received).await? {
        return Told::read(answer.map(box_body)).await;
    }
    passes::check(relay, pass, received).await?;
    let response = forward::fetch(relay, pass, received).await?;
    Told::read(response.map(box_body)).await
}

/// Path and query, to come back to.
fn here(received: &Received) -> &str {
    let address = received.uri.path_and_query();
    address.map_or("/", |address| address.as_str())
}

/// The page of a problem; whoever is signed out signs in and goes on to `next`.
async fn refused_to(told: &Told, next: &str, ways: Vec<Way>) -> Answer {
    if told.kind() == "signed-out" {
        return see_other(&sign_in_address(Some(next)));
    }
    refused(told, ways).await
}

async fn refused(told: &Told, ways: Vec<Way>) -> Answer {
    Refusal::new(told.words(), ways).answer().await
}

/// The answer with the session that came with `told`.
fn with_session(mut answer: Answer, told: &Told) -> Answer {
    let cookies = told.headers.get_all("set-cookie").iter();
    let cookies: Vec<HeaderValue> = cookies.cloned().collect();
    for cookie in cookies {
        answer.headers_mut().append("set-cookie", cookie);
    }
    answer
}

#[cfg(test)]
mod tests {
    use super::*;
    use kernel::ids::AddressId;

    #[test]
    fn what_has_a_page_is_known_and_can_be_forwarded() {
        let check = |method, path, expected: Option<Page>| {
            assert_eq!(Page::of(method, path), expected, "{method} {path}");
            if expected.is_some_and(|page| !matches!(page, Page::Own(_))) {
                let route = Route::of(method, path);
                assert!(matches!(route, Route::Forward(_)), "{method} {path}");
            }
        };
        check("GET", "/api/session", Some(Page::Session));
        check("POST", "/api/session", Some(Page::SignIn));
        check("POST", "/api/accounts/codes", Some(Page::Code));
        let (register, reset) = (CodePurpose::Register, CodePurpose::Reset);
        check("POST", "/api/accounts", Some(Page::Finish(register)));
        check("POST", "/api/accounts/password", Some(Page::Finish(reset)));
        check("GET", "/api/orders", Some(Page::Orders));
        check("GET", "/api/orders/5", Some(Page::Order(OrderId(5))));
        check("POST", "/api/orders", Some(Page::Place));
        check("POST", "/api/orders/5/payment", Some(Page::Pay(OrderId(5))));
        check(
            "POST",
            "/api/orders/5/cancel",
            Some(Page::Cancel(OrderId(5))),
        );
        check("GET", "/api/account", Some(Page::Own(Own::Show)));
        let address = Some(Page::Own(Own::DeleteAddress(AddressId(5))));
        check("POST", "/api/account/addresses/5/delete", address);
        check("POST", "/api/account/delete", Some(Page::Own(Own::Erase)));
        check("DELETE", "/api/account", None);
        check("GET", "/api/account/export", None);
        check("DELETE", "/api/session", None);
        check("GET", "/api/clock", None);
        check("GET", "/api/sales", None);
        check("GET", "/api/orders/5/events", None);
        check("GET", "/api/orders/x", None);
        check("GET", "/orders/5", None);
    }
}
