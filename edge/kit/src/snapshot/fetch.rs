//! Getting a newer snapshot: from a neighbour's fetch if there was one, else from the origin.
//!
//! Invariant: whatever goes wrong, what is held stays.

use super::kept::{self, Mark};
use super::{BACK_OFF_MS, FRESH_MS, Held, state};
use crate::body::collect;
use crate::clock;
use crate::origin::{Ask, ask};
use crate::settings::Edge;
use bytes::Bytes;
use kernel::time::UnixMillis;
use spin_sdk::http::{HeaderMap, HeaderValue, Method};
use spin_sdk::key_value::Store;
use std::sync::Arc;

const PATH: &str = "/internal/snapshot";
/// When to look again for what a neighbour is fetching.
const NEIGHBOUR_MS: i64 = 50;
const TIMEOUT_MS: u64 = 2_000;
const DOCUMENT_BYTES_MAX: usize = 16 * 1_024 * 1_024;

/// Brings the instance's snapshot up to date, as far as that can be had.
pub(super) async fn refresh(edge: &Edge) {
    let store = kept::open().await;
    let mark = match &store {
        Some(store) => kept::mark(store).await,
        None => Mark::default(),
    };
    if let Some(store) = &store
        && take_neighbours(store, &mark).await
    {
        return;
    }
    let began = clock::now();
    let mut mark = Mark {
        attempted_at: began,
        ..mark
    };
    if let Some(store) = &store {
        kept::set_mark(store, &mark).await;
    }
    match fetch(edge).await {
        Ok(Fetched::Unchanged) => state().checked_at = began,
        Ok(Fetched::New(held, document)) => {
            if let Some(store) = &store {
                kept::set_document(store, &held.etag, &document).await;
            }
            hold(held, began);
        }
        Err(why) => {
            eprintln!("the snapshot stays as it is: {why}");
            return;
        }
    }
    mark.checked_at = began;
    mark.etag = held_etag().unwrap_or_default();
    if let Some(store) = &store {
        kept::set_mark(store, &mark).await;
    }
}

/// Takes what other instances left in the store. True if that is enough for now: it is fresh, or
/// one of them is asking the origin at this moment.
async fn take_neighbours(store: &Store, mark: &Mark) -> bool {
    if held_etag().is_none_or(|etag| etag != mark.etag)
        && let Some((etag, document)) = kept::document(store).await
    {
        match read(&document, etag) {
            Ok(held) => hold(held, mark.checked_at),
            Err(why) => eprintln!("the kept snapshot is of no use: {why}"),
        }
    }
    let now = clock::now();
    let Some(etag) = held_etag() else {
        return false;
    };
    if etag == mark.etag {
        state().checked_at = mark.checked_at;
        if now.since(mark.checked_at).abs() < FRESH_MS {
            return true;
        }
        if now.since(mark.attempted_at).abs() < BACK_OFF_MS {
            // The neighbour's answer is due any moment, if the origin is there.
            state().attempted_at = now.plus_ms(NEIGHBOUR_MS - BACK_OFF_MS);
            return true;
        }
    }
    false
}

enum Fetched {
    Unchanged,
    New(Arc<Held>, Bytes),
}

async fn fetch(edge: &Edge) -> Result<Fetched, String> {
    let mut headers = HeaderMap::new();
    let known = held_etag().and_then(|etag| HeaderValue::try_from(etag).ok());
    if let Some(etag) = known {
        headers.insert("if-none-match", etag);
    }
    let request = Ask {
        method: Method::GET,
        path_and_query: PATH,
        headers,
        client: String::new(),
        body: Bytes::new(),
    };
    let response = ask(edge, request, TIMEOUT_MS)
        .await
        .map_err(|error| error.to_string())?;
    match response.status().as_u16() {
        200 => {}
        304 => return Ok(Fetched::Unchanged),
        status => return Err(format!("the origin answered {status}")),
    }
    let etag = response
        .headers()
        .get("etag")
        .and_then(|etag| etag.to_str().ok());
    let etag = etag.ok_or("the origin sent no ETag")?.to_owned();
    let body = clock::within(
        TIMEOUT_MS,
        collect(response.into_body(), DOCUMENT_BYTES_MAX),
    );
    let body = body.await.ok_or("the document did not arrive in time")?;
    let body = body.map_err(|error| format!("the document did not arrive: {error:?}"))?;
    Ok(Fetched::New(read(&body, etag)?, body))
}

fn read(document: &[u8], etag: String) -> Result<Arc<Held>, String> {
    let snapshot = serde_json::from_slice(document).map_err(|error| error.to_string())?;
    Held::new(snapshot, etag)
        .map(Arc::new)
        .ok_or_else(|| "its session key is none".to_owned())
}

fn hold(held: Arc<Held>, checked_at: UnixMillis) {
    let mut state = state();
    state.held = Some(held);
    state.checked_at = checked_at;
}

fn held_etag() -> Option<String> {
    state().held.as_ref().map(|held| held.etag.clone())
}
