//! Answers as a test wants them, to see what a cache makes of them.

use std::{
    hash::{BuildHasher, RandomState},
    sync::{
        LazyLock, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use anyhow::{Context, Result};
use spin_sdk::http::{BoxBody, HeaderMap, Response};

use crate::{full, stream_of};

/// What comes after the argument of every answer, until told otherwise.
static FROM_NOW_ON: Mutex<String> = Mutex::new(String::new());
/// Tells instances apart.
static INSTANCE: LazyLock<u64> = LazyLock::new(|| RandomState::new().hash_one(0));
/// Answers asked for, and those of them that were `304`.
static ANSWERS: AtomicU64 = AtomicU64::new(0);
static UNCHANGED: AtomicU64 = AtomicU64::new(0);

/// An answer made from members `name:value` between ampersands: `status`, `sleep` (before the answer)
/// and `pause` (between the lines of a `stream`) in milliseconds, `size` of the body in bytes, `lines`
/// of a stream, `trap`; all others are headers. A later member of the first kinds counts instead of an
/// earlier one; `key` is none. Without a size the body is the number of the answer in this instance.
/// The header `probe-instance` tells instances apart, `probe-cookie` whether the request had a cookie.
pub async fn answer(request: &HeaderMap, argument: &str) -> Result<Response<BoxBody>> {
    let number = 1 + ANSWERS.fetch_add(1, Relaxed);
    let more = FROM_NOW_ON
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .clone();
    let (mut status, mut sleep, mut pause, mut size, mut lines) = (200, 0, 50, None, None);
    let mut response = Response::builder()
        .header("probe-instance", INSTANCE.to_string())
        .header("probe-cookie", request.contains_key("cookie").to_string());
    let members = argument.split('&').chain(more.split('&'));
    for member in members.filter(|member| !member.is_empty()) {
        let (name, value) = member.split_once(':').context("name:value")?;
        let value = value.replace("%22", "\"").replace("%20", " ");
        match name {
            "status" => status = value.parse()?,
            "sleep" => sleep = value.parse()?,
            "pause" => pause = value.parse()?,
            "size" => size = Some(value.parse()?),
            "lines" => lines = Some(value.parse()?),
            "trap" => crate::misbehave::trap(),
            "key" => {}
            _ => response = response.header(name, value),
        }
    }
    spin_sdk::time::sleep(Duration::from_millis(sleep)).await;
    let etag = response
        .headers_ref()
        .and_then(|headers| headers.get("etag"));
    if etag.is_some() && etag == request.get("if-none-match") {
        UNCHANGED.fetch_add(1, Relaxed);
        return Ok(response.status(304).body(full(""))?);
    }
    let body = match (lines, size) {
        (Some(lines), _) => stream_of(lines, Duration::from_millis(pause)),
        (None, Some(size)) => full(vec![b'x'; size]),
        (None, None) => full(number.to_string()),
    };
    Ok(response.status(status).body(body)?)
}

/// Changes every answer of this instance.
pub fn from_now_on(argument: &str) -> String {
    let mut current = FROM_NOW_ON.lock().unwrap_or_else(PoisonError::into_inner);
    argument.clone_into(&mut current);
    "noted".into()
}

/// How many answers were asked for, and how many of them were `304`.
pub fn tally() -> String {
    format!("{} {}", ANSWERS.load(Relaxed), UNCHANGED.load(Relaxed))
}
