//! Requests and answers as the host has them, for a component that looks at little of a request and
//! gives the same few answers to everybody.
//!
//! What the SDK does for every component (all headers of a request read, all of an answer converted)
//! costs as much as the rest of a page. Here only what is asked for is read, and the headers of an
//! answer that may be kept by others are made once: the host copies them by itself.
//!
//! Invariant: nothing of a user is remembered; headers are, of answers that everybody may keep and of
//! problems that set no cookie, which say the same to everybody.

use crate::answer::Answer;
use bytes::Bytes;
use http_body_util::BodyExt;
use kernel::problem::MEDIA_TYPE;
use spin_sdk::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri};
use spin_sdk::wasip3::http::types::{self, ErrorCode, Fields};
use spin_sdk::wasip3::{wit_future, wit_stream};
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

/// Kinds of answers whose headers are kept; then all are forgotten.
const KEPT_MAX: usize = 256;
/// Longer headers are not kept.
const KEPT_BYTES_MAX: usize = 4_096;

static KEPT: Mutex<Option<HashMap<Vec<u8>, Fields>>> = Mutex::new(None);

/// A request, as far as it was asked for.
#[derive(Debug)]
pub struct Asked {
    /// The method.
    pub method: Method,
    /// Path and query.
    pub uri: Uri,
    /// The headers that were asked for, as far as they are there.
    pub headers: HeaderMap,
}

impl Asked {
    /// Reads method, address and these headers; `None` if the host gives what no request can have.
    pub fn read(request: &types::Request, wanted: &[&'static str]) -> Option<Self> {
        let path = request.get_path_with_query();
        let fields = request.get_headers();
        let mut headers = HeaderMap::new();
        for name in wanted {
            for value in fields.get(name) {
                headers.append(*name, HeaderValue::from_bytes(&value).ok()?);
            }
        }
        Some(Self {
            method: request.get_method().try_into().ok()?,
            uri: path.as_deref().unwrap_or("/").parse().ok()?,
            headers,
        })
    }
}

/// The answer as the host takes it.
pub async fn respond(answer: Answer) -> Result<types::Response, ErrorCode> {
    let (parts, body) = answer.into_parts();
    let body = match body.collect().await {
        Ok(body) => body.to_bytes(),
        Err(never) => match never {},
    };
    let fields = fields(&parts.headers)?;
    let (trailers, trailers_reader) = wit_future::new(|| Ok(None));
    let (content, content_reader) = if body.is_empty() {
        (None, None)
    } else {
        let (writer, reader) = wit_stream::new();
        (Some(writer), Some(reader))
    };
    let (response, _sent) = types::Response::new(fields, content_reader, trailers_reader);
    if parts.status != StatusCode::OK {
        let status = parts.status.as_u16();
        let set = response.set_status_code(status);
        set.map_err(|()| ErrorCode::InternalError(Some(format!("status {status}"))))?;
    }
    spin_sdk::wasip3::spawn(async move {
        if let Some(mut content) = content {
            // What is left was not wanted: the client went away.
            content.write_all(Bytes::into(body)).await;
        }
        // Nobody waits for them who went away.
        drop(trailers.write(Ok(None)).await);
    });
    Ok(response)
}

fn fields(headers: &HeaderMap) -> Result<Fields, ErrorCode> {
    let says = |name, start: &str| {
        let value = headers.get(name);
        value.is_some_and(|value| value.as_bytes().starts_with(start.as_bytes()))
    };
    let is_public = says("cache-control", "public") || says("content-type", MEDIA_TYPE);
    let may_be_kept = is_public && !headers.contains_key("set-cookie");
    let key = may_be_kept.then(|| flat(headers));
    let key = key.filter(|key| key.len() <= KEPT_BYTES_MAX);
    let Some(key) = key else {
        return convert(headers);
    };
    let mut kept = KEPT.lock().unwrap_or_else(PoisonError::into_inner);
    let kept = kept.get_or_insert_with(HashMap::new);
    if let Some(fields) = kept.get(&key) {
        return Ok(fields.clone());
    }
    let fields = convert(headers)?;
    if kept.len() >= KEPT_MAX {
        kept.clear();
    }
    kept.insert(key, fields.clone());
    Ok(fields)
}

/// All of it in one piece. Neither names nor values hold a line feed.
fn flat(headers: &HeaderMap) -> Vec<u8> {
    let mut flat = Vec::with_capacity(1_024);
    for (name, value) in headers {
        flat.extend_from_slice(name.as_str().as_bytes());
        flat.push(b'\n');
        flat.extend_from_slice(value.as_bytes());
        flat.push(b'\n');
    }
    flat
}

fn convert(headers: &HeaderMap) -> Result<Fields, ErrorCode> {
    let entry = |(name, value): (&HeaderName, &HeaderValue)| {
        (name.as_str().to_owned(), value.as_bytes().to_vec())
    };
    let entries: Vec<_> = headers.iter().map(entry).collect();
    Fields::from_list(&entries)
        .map_err(|error| ErrorCode::InternalError(Some(format!("headers: {error:?}"))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn different_headers_are_never_the_same_in_one_piece() {
        let of = |pairs: &[(&'static str, &'static str)]| {
            let mut headers = HeaderMap::new();
            for (name, value) in pairs {
                headers.append(*name, HeaderValue::from_static(value));
            }
            flat(&headers)
        };
        assert_eq!(of(&[("a", "1"), ("b", "2")]), of(&[("a", "1"), ("b", "2")]));
        assert_ne!(of(&[("a", "1"), ("b", "2")]), of(&[("a", "1b2")]));
        assert_ne!(of(&[("a", "1"), ("a", "2")]), of(&[("a", "12")]));
        assert_ne!(of(&[("a", "")]), of(&[("a", "a")]));
    }
}
