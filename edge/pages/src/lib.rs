//! The component that shows the shop: complete pages from the snapshot, and the assets.
//!
//! Invariant: an answer depends on the address, the snapshot and the clock, never on who asks, so
//! everybody may keep it; and no visitor's request makes one to the origin.

mod route;

mod addresses;
mod draw_view;
mod linked_data;
mod page;
mod picture_view;
mod sale_view;
mod shown;

mod render;
mod rendered;

mod assets;
mod encoding;
mod images;
mod send;

mod catalogue;
mod site;

use kernel::edge_report::Component;
use kernel::problem::ProblemKind;
use kit::exchange::{Asked, respond};
use spin_sdk::wasip3::exports::http::handler::Guest;
use spin_sdk::wasip3::http::types::{ErrorCode, Request, Response};

/// What an answer depends on, besides the address.
const HEADERS: [&str; 4] = ["accept", "accept-encoding", "content-type", "if-none-match"];

/// The component. It does by hand what `spin_sdk::http_service` would do for it, as that reads every
/// header of a request.
struct Pages;

spin_sdk::wasip3::http::service::export!(Pages);

impl Guest for Pages {
    async fn handle(request: Request) -> Result<Response, ErrorCode> {
        kit::tally::belongs_to(Component::Pages);
        let answer = match Asked::read(&request, &HEADERS) {
            Some(asked) => site::answer(&asked.method, &asked.uri, &asked.headers).await,
            None => kit::answer::problem(&ProblemKind::Malformed.into()),
        };
        respond(answer).await
    }
}
