//! Reading bodies.
//!
//! Invariant: no body is read further than its limit, and a body that cannot be used is answered
//! with what is wrong about it.

use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use kernel::problem::{Problem, ProblemKind};
use kernel::wire::BODY_BYTES_MAX;
use serde::de::DeserializeOwned;
use spin_sdk::http::{HeaderMap, Request};

/// A request with its whole body.
pub type Whole = Request<Bytes>;

/// A shopper's request with its body, at most [`BODY_BYTES_MAX`].
pub async fn whole(request: Request) -> Result<Whole, Problem> {
    let (parts, body) = request.into_parts();
    let detail = "A request body has at most 16 KiB.";
    match collect(body, BODY_BYTES_MAX).await {
        Ok(body) => Ok(Whole::from_parts(parts, body)),
        Err(Unread::TooLong) => Err(Problem::new(ProblemKind::TooLarge, detail)),
        Err(Unread::Broken) => Err(Problem::new(
            ProblemKind::Malformed,
            "The body did not arrive whole.",
        )),
    }
}

/// The body alone.
pub async fn read(request: Request) -> Result<Bytes, Problem> {
    whole(request).await.map(Request::into_body)
}

/// A JSON value out of a shopper's request.
pub fn json<T: DeserializeOwned>(headers: &HeaderMap, body: &[u8]) -> Result<T, Problem> {
    let media_type = headers
        .get("content-type")
        .and_then(|value| value.to_str().ok());
    let media_type = media_type
        .unwrap_or_default()
        .split(';')
        .next()
        .unwrap_or_default();
    if !media_type.trim().eq_ignore_ascii_case("application/json") {
        return Err(ProblemKind::UnsupportedType.into());
    }
    kernel::json::parse(body)
}

/// Why a body was not read to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unread {
    /// It is longer than allowed.
    TooLong,
    /// The connection ended before it.
    Broken,
}

/// A whole body of at most `bytes_max`, of a request or of an answer.
pub async fn collect<B>(mut body: B, bytes_max: usize) -> Result<Bytes, Unread>
where
    B: BodyExt<Data = Bytes> + Unpin,
{
    let mut whole = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame.map_err(|_| Unread::Broken)?.into_data() else {
            continue;
        };
        if whole.len() + data.len() > bytes_max {
            return Err(Unread::TooLong);
        }
        whole.extend_from_slice(&data);
    }
    Ok(whole.freeze())
}

#[cfg(test)]
mod tests {
    use super::*;
    use spin_sdk::http::HeaderValue;

    #[test]
    fn json_must_be_called_json() {
        let check = |media_type: &'static str, accepted| {
            let mut headers = HeaderMap::new();
            headers.insert("content-type", HeaderValue::from_static(media_type));
            assert_eq!(
                json::<serde_json::Value>(&headers, b"{}").is_ok(),
                accepted,
                "{media_type}"
            );
        };
        check("application/json", true);
        check("Application/JSON; charset=utf-8", true);
        check("text/plain", false);
        check("application/x-www-form-urlencoded", false);
    }
}
