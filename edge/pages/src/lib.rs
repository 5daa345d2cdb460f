//! The component that shows the shop: complete pages from the snapshot, and the assets.
//!
//! Invariant: an answer depends on the address, the snapshot and the clock, never on who asks, so
//! everybody may keep it; and no visitor's request makes one to the origin.

mod route;

mod addresses;
mod draw_view;
mod linked_data;
mod page;
mod sale_view;
mod shown;

mod render;
mod rendered;

mod assets;
mod encoding;
mod send;

mod catalogue;
mod site;

use kernel::edge_report::Component;

#[spin_sdk::http_service]
async fn handle(request: spin_sdk::http::Request) -> kit::answer::Answer {
    kit::tally::belongs_to(Component::Pages);
    site::answer(request.method(), request.uri(), request.headers()).await
}
