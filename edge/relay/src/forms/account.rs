//! `/api/session` and `/api/accounts` as pages.

use super::{refused, request, told, with_session};
use crate::received::Received;
use crate::routes::Pass;
use crate::settings::Relay;
use kernel::challenge::Purpose;
use kernel::problem::Problem;
use kernel::wire::{CodePurpose, CodeTicket};
use kit::answer::Answer;
use kit::form::Form;
use layout::finish::{self, Finish, code_address, sign_in_address};
use layout::page::{page, see_other};
use layout::refusal::{Refusal, Way};
use layout::told::Told;
use layout::way;
use spin_sdk::http::Method;

/// Renews the session and goes on to `next` of the query; whoever has none signs in first.
pub(super) async fn renewed(
    relay: &'static Relay,
    mut received: Received,
) -> Result<Answer, Problem> {
    let query = Form::parse(received.uri.query().unwrap_or_default().as_bytes())?;
    let next = way::next(query.get("next"));
    let here = super::here(&received).to_owned();
    request::ask(&mut received, Method::GET, "/api/session")?;
    let told = told(relay, Pass::Renewable, &received).await;
    if told.is_good() {
        return Ok(with_session(see_other(next), &told));
    }
    if told.kind() == "signed-out" {
        return Ok(see_other(&sign_in_address(Some(next))));
    }
    let refusal = Refusal::new(told.words(), vec![Way::new("Try again", here)]);
    let refusal = Refusal {
        reload: true,
        ..refusal
    };
    Ok(refusal.answer().await)
}

/// Signs in and goes on to `next`.
pub(super) async fn sign_in(
    relay: &'static Relay,
    mut received: Received,
) -> Result<Answer, Problem> {
    let (mut form, next) = request::fields(&received)?;
    let next = next.as_deref();
    let told = match form.join_challenge() {
        Ok(()) => {
            request::send(&mut received, form.to_object(&[]));
            told(relay, Pass::Challenge(Purpose::SignIn), &received).await
        }
        Err(problem) => Told::problem(&problem).await,
    };
    if told.is_good() {
        return Ok(with_session(see_other(way::next(next)), &told));
    }
    let ways = vec![
        Way::new("Sign in with another code", sign_in_address(next)),
        Way::new(
            "Forgot the password?",
            code_address(CodePurpose::Reset, next),
        ),
    ];
    Ok(refused(&told, ways).await)
}

/// Has a code sent and goes on to where it is typed.
pub(super) async fn send_code(
    relay: &'static Relay,
    mut received: Received,
) -> Result<Answer, Problem> {
    let (mut form, next) = request::fields(&received)?;
    let next = next.as_deref();
    let (purpose, second_step) = match form.get("purpose") {
        Some("reset") => (CodePurpose::Reset, "/reset"),
        _ => (CodePurpose::Register, "/sign-up"),
    };
    let told = match form.join_challenge() {
        Ok(()) => {
            request::send(&mut received, form.to_object(&[]));
            told(relay, Pass::Challenge(Purpose::Code), &received).await
        }
        Err(problem) => Told::problem(&problem).await,
    };
    if told.is_good() {
        let CodeTicket { ticket, .. } = told.body()?;
        let query = [("ticket", Some(ticket.as_str())), ("next", next)];
        return Ok(see_other(&way::address(second_step, &query)));
    }
    let another = Way::new("Try again with another code", code_address(purpose, next));
    Ok(refused(&told, vec![another]).await)
}

/// Makes the account, or saves the password, and goes on to `next`; a mistake leads back to the
/// same form.
pub(super) async fn finish(
    relay: &'static Relay,
    purpose: CodePurpose,
    mut received: Received,
) -> Result<Answer, Problem> {
    let (form, next) = request::fields(&received)?;
    let next = next.as_deref();
    request::send(&mut received, form.to_object(&[]));
    let told = told(relay, Pass::Ticket, &received).await;
    if told.is_good() {
        return Ok(with_session(see_other(way::next(next)), &told));
    }
    let text = |name| form.get(name).unwrap_or_default();
    let Some(finish) = Finish::new(purpose, text("ticket"), next) else {
        let another = Way::new("Start again", code_address(purpose, next));
        return Ok(refused(&told, vec![another]).await);
    };
    let finish = Finish {
        typed: [text("code"), text("name")],
        problem: Some(told.words()),
        ..finish
    };
    Ok(page(told.status, finish::TEMPLATE, finish.view()).await)
}
