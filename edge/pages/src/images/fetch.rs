//! A file from the origin.
//!
//! Invariant: what comes is what the name says, or it is not taken.

use bytes::Bytes;
use kernel::catalogue::{IMAGE_FILE_BYTES_MAX, ImageName};
use kit::body::collect;
use kit::clock;
use kit::origin::{Ask, ask};
use kit::settings::Edge;
use spin_sdk::http::{HeaderMap, Method};

const PATH: &str = "/internal/images/";
/// For the first byte, and for all of it.
const TIMEOUT_MS: u64 = 2_000;

/// The file; `None` if the origin has none of this name.
pub(super) async fn fetch(edge: &Edge, name: &ImageName) -> Result<Option<Bytes>, String> {
    let path = format!("{PATH}{name}");
    let request = Ask {
        method: Method::GET,
        path_and_query: &path,
        headers: HeaderMap::new(),
        client: String::new(),
        body: Bytes::new(),
    };
    let response = ask(edge, request, TIMEOUT_MS).await;
    let response = response.map_err(|error| error.to_string())?;
    match response.status().as_u16() {
        200 => {}
        404 => return Ok(None),
        status => return Err(format!("the origin answered {status}")),
    }
    let body = collect(response.into_body(), IMAGE_FILE_BYTES_MAX);
    let body = clock::within(TIMEOUT_MS, body).await;
    let body = body.ok_or("it did not arrive in time")?;
    let body = body.map_err(|error| format!("it did not arrive: {error:?}"))?;
    if ImageName::of(&body, name.format()) != *name {
        return Err("what arrived is another file".to_owned());
    }
    Ok(Some(body))
}
