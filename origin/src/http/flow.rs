//! Asks the rules of flow control for leave, and answers for them.
//!
//! Invariant: what is shed is shed before its body is read, unless the rule must know whose request it
//! is; then after the PoP's signature and before anything is asked of a store.

use super::pop::Pop;
use super::{Shared, orders, outage, session};
use crate::flow::{Here, Key, Outcome, Pass, Shed};
use axum::extract::{MatchedPath, Request};
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use kernel::flow::route_of;
use kernel::problem::{Problem, ProblemKind};
use kernel::token;

/// Seconds for `Retry-After` at most: who is told more would not believe it.
const RETRY_AFTER_MAX: u64 = 120;
const RATE_LIMIT: HeaderName = HeaderName::from_static("ratelimit");
const RATE_LIMIT_POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");

/// Marks an answer that a rule gave.
#[derive(Clone, Copy)]
struct WasShed;

/// The rules for a request.
pub(super) fn here(origin: &Shared, request: &Request) -> Here {
    let path = request.extensions().get::<MatchedPath>();
    let path = path.map_or("", MatchedPath::as_str);
    origin.flow.at(route_of(request.method().as_str(), path))
}

/// Leave for a request of which nothing is known yet but its route.
pub(super) async fn enter(here: &Here) -> Result<Pass, Response> {
    let mut pass = here.enter().map_err(|shed| answer(&shed))?;
    pass.turn().await;
    Ok(pass)
}

/// Runs a request whose PoP is known, if the rules for its account and its sale let it through.
pub(super) async fn run(origin: &Shared, here: &Here, request: Request, next: Next) -> Response {
    let needs = here.needs();
    if !needs.account && !needs.sale {
        return next.run(request).await;
    }
    let account = needs
        .account
        .then(|| session::account_of(origin, request.headers()));
    let key = Key {
        account: account.flatten().map(|account| account.0),
        sale: needs.sale.then(|| sale_of(&request)).flatten(),
    };
    match here.enter_each(&key) {
        Ok(mut pass) => {
            pass.turn().await;
            let answer = next.run(request).await;
            drop(pass);
            answer
        }
        Err(shed) => answer(&shed),
    }
}

/// The sale of the request's purchase token, if that is one of the PoP's.
fn sale_of(request: &Request) -> Option<u64> {
    let Pop(keys, versions) = request.extensions().get::<Pop>()?;
    let text = orders::bearer(request.headers())?;
    let token = token::verify(keys, *versions, text, crate::now()).ok()?;
    Some(token.sale.0)
}

/// What an answer says of how a request ended.
pub(super) fn outcome(answer: &Response) -> Outcome {
    let status = answer.status();
    if answer.extensions().get::<WasShed>().is_some() {
        Outcome::Shed
    } else if status.is_server_error() {
        Outcome::Failed
    } else if status.is_client_error() && status != StatusCode::CONFLICT {
        Outcome::Refused
    } else {
        // Conflict: sold out, over the limit. It took a store to know.
        Outcome::Served
    }
}

/// 429 for an account that asks too much, 503 where all together do.
fn answer(shed: &Shed) -> Response {
    let wait = u64::try_from(shed.wait.as_millis()).unwrap_or(u64::MAX);
    let seconds = wait.div_ceil(1_000).clamp(1, RETRY_AFTER_MAX);
    let seconds = u32::try_from(seconds).unwrap_or(1);
    let (problem, seconds) = if shed.of_account {
        let detail = "You ask more often than one account may. Please wait a moment.";
        (Problem::new(ProblemKind::SlowDown, detail), seconds)
    } else {
        let detail = "More ask than can be served at this moment. Please try again.";
        let spread = seconds.max(outage::retry_after());
        (Problem::new(ProblemKind::Unavailable, detail), spread)
    };
    let mut answer = super::answer::Failure(problem.retry_after(seconds)).into_response();
    answer.extensions_mut().insert(WasShed);
    if let Some((requests, window)) = shed.policy {
        // draft-ietf-httpapi-ratelimit-headers-10, as the gate says it.
        let rule = &shed.rule;
        let told = [
            (
                RATE_LIMIT_POLICY,
                format!("\"{rule}\";q={requests};w={window}"),
            ),
            (RATE_LIMIT, format!("\"{rule}\";r=0;t={seconds}")),
        ];
        for (name, value) in told {
            if let Ok(value) = HeaderValue::try_from(value) {
                answer.headers_mut().insert(name, value);
            }
        }
    }
    answer
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn shed(of_account: bool, wait_ms: u64, policy: Option<(u32, u64)>) -> Response {
        answer(&Shed {
            rule: "a".to_owned(),
            of_account,
            wait: Duration::from_millis(wait_ms),
            policy,
        })
    }

    #[test]
    fn who_is_shed_is_told_when_to_come_back() {
        let check = |of_account, wait_ms, status: u16, seconds: std::ops::RangeInclusive<u32>| {
            let answer = shed(of_account, wait_ms, None);
            assert_eq!(answer.status(), status);
            assert_eq!(outcome(&answer), Outcome::Shed);
            let told = answer.headers()["retry-after"].to_str().unwrap();
            assert!(
                seconds.contains(&told.parse().unwrap()),
                "{told} for {wait_ms}"
            );
        };
        check(true, 0, 429, 1..=1);
        check(true, 1_001, 429, 2..=2);
        check(true, 9_000_000, 429, 120..=120);
        check(false, 0, 503, 1..=3);
        check(false, 7_500, 503, 8..=8);
    }

    #[test]
    fn a_rate_is_told_as_the_gate_tells_it() {
        let answer = shed(true, 1_500, Some((60, 60)));
        assert_eq!(answer.headers()["ratelimit-policy"], "\"a\";q=60;w=60");
        assert_eq!(answer.headers()["ratelimit"], "\"a\";r=0;t=2");
        assert!(shed(true, 1, None).headers().get("ratelimit").is_none());
    }

    #[test]
    fn answers_of_handlers_are_told_apart() {
        let check = |status: u16, expected| {
            let answer = StatusCode::from_u16(status).unwrap().into_response();
            assert_eq!(outcome(&answer), expected, "{status}");
        };
        check(202, Outcome::Served);
        check(304, Outcome::Served);
        check(409, Outcome::Served);
        check(403, Outcome::Refused);
        check(503, Outcome::Failed);
    }
}
