//! The gate: challenges, and the rate-limited purchase tokens that admit to a sale.
//!
//! Invariant: nobody gets a token without a session, a solved challenge, room in the limits and a
//! slot that the origin lent; the PoP store decides all of it in one step.

mod routes;
mod settings;

mod challenges;

mod slots;

mod leases;

mod tokens;

use kernel::edge_report::Component;
use kernel::problem::{Problem, ProblemKind};
use kit::answer::{self, Answer};
use routes::Route;
use settings::Gate;
use spin_sdk::http::{Method, Request};

#[spin_sdk::http_service]
async fn handle(request: Request) -> Answer {
    kit::tally::belongs_to(Component::Gate);
    answer::from(route(request).await)
}

async fn route(request: Request) -> Result<Answer, Problem> {
    let gate = Gate::get().await?;
    let path = request.uri().path().to_owned();
    match Route::of(&path) {
        Some(Route::Challenges) => match *request.method() {
            Method::GET | Method::HEAD | Method::POST => challenges::make(gate, &request).await,
            _ => Ok(answer::method_not_allowed("GET, HEAD, POST")),
        },
        Some(Route::Tokens(sale)) => match *request.method() {
            Method::POST => tokens::give(gate, request, sale).await,
            _ => Ok(answer::method_not_allowed("POST")),
        },
        None => Err(ProblemKind::UnknownPath.into()),
    }
}
