//! Getting a newer snapshot: from a neighbour's fetch if there was one, else from the origin.
//!
//! Invariant: whatever goes wrong, what is held stays.

use super::kept::{self, Mark};
use super::{Held, Step, back_off_ms, state};
use crate::body::collect;
use crate::origin::{Ask, ask};
use crate::settings::Edge;
use crate::{clock, tally};
use bytes::Bytes;
use kernel::edge_report::{EdgeReport, Level, MADE_HEADER};
use kernel::pop_signature::TIME_HEADER;
use kernel::time::UnixMillis;
use spin_sdk::http::{HeaderMap, HeaderValue, Method, Response};
use spin_sdk::key_value::Store;
use std::sync::Arc;

const PATH: &str = "/internal/snapshot";
/// When to look again for what a neighbour is fetching.
const NEIGHBOUR_MS: i64 = 50;
const TIMEOUT_MS: u64 = 2_000;
const DOCUMENT_BYTES_MAX: usize = 16 * 1_024 * 1_024;

/// Brings the instance's snapshot up to date, as far as that can be had.
pub(super) async fn refresh(edge: &Edge) {
    let Some(store) = kept::open().await else {
        // Without a store each instance is on its own, and counts are lost.
        match fetch(edge, &EdgeReport::default()).await {
            Ok(fetched) => drop(take(fetched)),
            Err(why) => failed(&why),
        }
        return;
    };
    let mark = kept::mark(&store).await;
    if take_neighbours(&store, &mark).await {
        return;
    }
    let attempt = Mark {
        attempted_at: clock::local(),
        ..mark
    };
    kept::set_mark(&store, &attempt).await;
    let due = tally::due(&store).await;
    let report = due.as_ref().map(|due| due.report.clone());
    match fetch(edge, &report.unwrap_or_default()).await {
        Ok(fetched) => {
            let checked_at = fetched.checked_at;
            if let Some((etag, document)) = take(fetched) {
                kept::set_document(&store, &etag, &document).await;
            }
            let mark = Mark {
                checked_at,
                away: false,
                offset_ms: clock::offset_ms(),
                etag: held_etag().unwrap_or_default(),
                ..attempt
            };
            kept::set_mark(&store, &mark).await;
            if let Some(due) = due {
                tally::done(&store, &due).await;
            }
        }
        Err(why) => {
            failed(&why);
            // Unless a neighbour did better meanwhile.
            let latest = kept::mark(&store).await;
            if latest.checked_at == attempt.checked_at {
                let away = true;
                kept::set_mark(&store, &Mark { away, ..latest }).await;
            }
        }
    }
}

fn failed(why: &str) {
    eprintln!("the snapshot stays as it is: {why}");
    state().away = true;
}

/// Takes what other instances left in the store. True if that is enough for now: it is fresh, or
/// one of them is asking the origin at this moment.
async fn take_neighbours(store: &Store, mark: &Mark) -> bool {
    clock::follow(mark.offset_ms);
    if held_etag().is_none_or(|etag| etag != mark.etag)
        && let Some((etag, document)) = kept::document(store).await
    {
        match read(&document, etag) {
            Ok(held) => state().held = Some(held),
            Err(why) => eprintln!("the kept snapshot is of no use: {why}"),
        }
    }
    if held_etag().is_none_or(|etag| etag != mark.etag) {
        return false;
    }
    let now = clock::local();
    let mut state = state();
    state.checked_at = mark.checked_at;
    state.attempted_at = mark.attempted_at;
    state.away = mark.away;
    state.source = Level::KeyValue;
    let mut situation = state.situation(now, 0);
    situation.refreshing_ms = None;
    if Step::next(&situation).refresh {
        state.attempted_at = now;
        return false;
    }
    if Step::is_due(&situation) {
        // The neighbour's answer is due any moment, if the origin is there.
        let pause_ms = back_off_ms(&situation);
        state.attempted_at = now.plus_ms(NEIGHBOUR_MS - pause_ms);
    }
    true
}

/// What the origin said.
struct Fetched {
    /// The document and its text, if it is another than the one held.
    new: Option<(Arc<Held>, Bytes)>,
    /// When it was true, by our own clock.
    checked_at: UnixMillis,
}

/// Holds what was fetched, and gives what of it is new, to be kept: entity tag and text.
fn take(fetched: Fetched) -> Option<(String, Bytes)> {
    let mut state = state();
    state.checked_at = fetched.checked_at;
    state.away = false;
    state.source = Level::Origin;
    let (held, document) = fetched.new?;
    let etag = held.etag.clone();
    state.held = Some(held);
    Some((etag, document))
}

async fn fetch(edge: &Edge, report: &EdgeReport) -> Result<Fetched, String> {
    let mut headers = HeaderMap::new();
    let known = held_etag().and_then(|etag| HeaderValue::try_from(etag).ok());
    if let Some(etag) = known {
        headers.insert("if-none-match", etag);
    }
    let url = Some(&edge.pop_url).filter(|url| !url.is_empty());
    let report = EdgeReport {
        url: url.cloned(),
        ..report.clone()
    };
    let query = report.to_query();
    let path_and_query = match query.as_str() {
        "" => PATH.to_owned(),
        query => format!("{PATH}?{query}"),
    };
    let request = Ask {
        method: Method::GET,
        path_and_query: &path_and_query,
        headers,
        client: String::new(),
        body: Bytes::new(),
    };
    let sent = clock::local();
    let response = ask(edge, request, TIMEOUT_MS)
        .await
        .map_err(|error| error.to_string())?;
    let status = response.status().as_u16();
    if !matches!(status, 200 | 304) {
        return Err(format!("the origin answered {status}"));
    }
    let checked_at = checked_at(&response, sent);
    if status == 304 {
        let new = None;
        return Ok(Fetched { new, checked_at });
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
    let new = Some((read(&body, etag)?, body));
    Ok(Fetched { new, checked_at })
}

/// When what the answer says was true, by our own clock; and follows the origin's clock.
fn checked_at(response: &Response, sent: UnixMillis) -> UnixMillis {
    let received = clock::local();
    let instant = |name| {
        let value = response.headers().get(name)?.to_str().ok()?;
        value.parse().ok().map(UnixMillis)
    };
    let Some(answered) = instant(TIME_HEADER) else {
        return sent;
    };
    if let Some(ahead_ms) = clock::ahead_ms(sent, received, answered) {
        clock::follow(ahead_ms);
    }
    // The origin keeps what it made for a moment, so it was older than the request.
    let made = instant(MADE_HEADER).unwrap_or(answered);
    sent.plus_ms(-answered.since(made).max(0))
}

fn read(document: &[u8], etag: String) -> Result<Arc<Held>, String> {
    let snapshot = serde_json::from_slice(document).map_err(|error| error.to_string())?;
    Held::new(snapshot, etag)
        .map(Arc::new)
        .ok_or_else(|| "its session key is none".to_owned())
}

fn held_etag() -> Option<String> {
    state().held.as_ref().map(|held| held.etag.clone())
}
