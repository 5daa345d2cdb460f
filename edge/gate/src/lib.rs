//! The gate: challenges, places in the lobby, and the rate-limited purchase tokens that admit to a
//! sale.
//!
//! Invariant: nobody gets a token without a session, a solved challenge, room in the limits and a
//! slot that the origin lent; the PoP store decides all of it in one step.

mod routes;
mod settings;

mod challenges;

mod limits;
mod shopper;
mod store;

mod internal;
mod lobby;

mod places;
mod receipt;

mod slots;
mod turns;

mod leases;

mod tokens;

mod plain;

use kernel::edge_report::Component;
use kernel::problem::{Problem, ProblemKind};
use kit::accept::wants_page;
use kit::answer::{self, Answer};
use kit::body::{self, Whole};
use kit::exchange::respond;
use layout::refusal::Refusal;
use routes::Route;
use settings::Gate;
use shopper::Shopper;
use spin_sdk::http::{Method, Request};
use spin_sdk::wasip3::http::types::{ErrorCode, Response};

#[spin_sdk::http_service]
async fn handle(request: Request) -> Result<Response, ErrorCode> {
    kit::tally::belongs_to(Component::Gate);
    respond(answer(request).await).await
}

async fn answer(request: Request) -> Answer {
    match body::whole(request).await {
        Ok(request)
            if plain::is_page(request.uri().path())
                && wants_page(request.method(), request.headers()) =>
        {
            plain::answer(request).await
        }
        Ok(request) => {
            let method = request.method().clone();
            let wants_page = wants_page(&method, request.headers());
            match route(request).await {
                Err(problem) if wants_page => Refusal::of(&problem, &method).await.answer().await,
                result => answer::from(result),
            }
        }
        Err(problem) => answer::problem(&problem),
    }
}

async fn route(request: Whole) -> Result<Answer, Problem> {
    let gate = Gate::get().await?;
    let path = request.uri().path().to_owned();
    match Route::of(&path) {
        Some(Route::Challenges) => match *request.method() {
            Method::GET | Method::HEAD | Method::POST => challenges::make(gate, request).await,
            _ => Ok(answer::method_not_allowed("GET, HEAD, POST")),
        },
        Some(Route::Places(sale)) => match *request.method() {
            Method::GET => Shopper::serve(gate, request, sale, places::standing).await,
            Method::POST => Shopper::serve(gate, request, sale, places::join).await,
            _ => Ok(answer::method_not_allowed("GET, POST")),
        },
        Some(Route::Receipt(sale)) => match *request.method() {
            Method::GET => Shopper::serve(gate, request, sale, receipt::give).await,
            _ => Ok(answer::method_not_allowed("GET")),
        },
        Some(Route::Medium(id, medium)) => match *request.method() {
            Method::GET | Method::HEAD => challenges::show(gate, &request, id, medium).await,
            _ => Ok(answer::method_not_allowed("GET, HEAD")),
        },
        Some(Route::Tokens(sale)) => match *request.method() {
            Method::GET => Shopper::serve(gate, request, sale, tokens::live).await,
            Method::POST => Shopper::serve(gate, request, sale, tokens::give).await,
            _ => Ok(answer::method_not_allowed("GET, POST")),
        },
        None => Err(ProblemKind::UnknownPath.into()),
    }
}
