//! The instance's connection to the PoP store.
//!
//! Invariant: one connection an instance, and one attempt at a time to open it. Who needs it looks
//! again after a timer; an attempt outlives the request that began it, so that the next one finds
//! the connection ready.

use super::lock;
use crate::clock;
use kernel::time::UnixMillis;
use spin_sdk::redis::Connection;
use std::sync::{Arc, Mutex};

/// The longest that opening a connection may take, in milliseconds.
const OPEN_MS_MAX: u64 = 2_000;
const LOOK_AGAIN_MS: u64 = 1;

static LINK: Mutex<Link> = Mutex::new(Link {
    connection: None,
    opening_since: None,
    attempts_failed: 0,
    why: String::new(),
});

struct Link {
    connection: Option<Arc<Connection>>,
    opening_since: Option<UnixMillis>,
    attempts_failed: u64,
    /// Why the last attempt failed.
    why: String,
}

/// The connection as soon as there is one, or why it could not be opened; the caller limits the
/// time.
pub(super) async fn get(url: &str) -> Result<Arc<Connection>, String> {
    let failed_before = lock(&LINK).attempts_failed;
    loop {
        let begin = {
            let mut link = lock(&LINK);
            if let Some(connection) = &link.connection {
                return Ok(Arc::clone(connection));
            }
            if link.attempts_failed > failed_before {
                return Err(link.why.clone());
            }
            let now = clock::local();
            // Ten times its limit: the instance stood still, or its clock was set.
            let limit_ms = i64::try_from(OPEN_MS_MAX * 10).unwrap_or(i64::MAX);
            let opening = link
                .opening_since
                .is_some_and(|since| now.since(since).abs() < limit_ms);
            if !opening {
                link.opening_since = Some(now);
            }
            !opening
        };
        if begin {
            spin_sdk::wasip3::spawn(open(url.to_owned()));
        }
        clock::sleep_ms(LOOK_AGAIN_MS).await;
    }
}

/// Drops a connection that is of no use; another that came in its place stays.
pub(super) fn forget(dead: &Arc<Connection>) {
    let mut link = lock(&LINK);
    if link
        .connection
        .as_ref()
        .is_some_and(|connection| Arc::ptr_eq(connection, dead))
    {
        link.connection = None;
    }
}

/// Drops the connection, whichever it is: one that has died without a word is found out by its
/// silence.
pub(super) fn forget_any() {
    lock(&LINK).connection = None;
}

async fn open(url: String) {
    let opened = match clock::within(OPEN_MS_MAX, Connection::open(&url)).await {
        Some(opened) => opened.map_err(|error| format!("{error:?}")),
        None => Err(format!("no connection within {OPEN_MS_MAX} ms")),
    };
    let mut link = lock(&LINK);
    link.opening_since = None;
    match opened {
        Ok(connection) => link.connection = Some(Arc::new(connection)),
        Err(why) => {
            link.attempts_failed += 1;
            link.why = why;
        }
    }
}
