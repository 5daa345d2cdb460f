//! Reads the JSON body of a request.
//!
//! Invariant: a body is at most 16 KiB, says that it is JSON, and holds no field we do not know.

use super::answer::Failure;
use axum::body::Bytes;
use axum::extract::{FromRequest, Request};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::IntoResponse;
use kernel::problem::{Problem, ProblemKind};
use kernel::wire::BODY_BYTES_MAX;
use serde::de::DeserializeOwned;

/// A JSON body of type `T`.
pub(super) struct Json<T>(pub(super) T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Json<T> {
    type Rejection = Failure;

    async fn from_request(request: Request, state: &S) -> Result<Self, Failure> {
        if !is_json(request.headers()) {
            let detail = "The body must have the content type application/json.";
            return Err(Problem::new(ProblemKind::UnsupportedType, detail).into());
        }
        let body = read(request, state).await?;
        Ok(Self(kernel::json::parse(&body)?))
    }
}

fn is_json(headers: &HeaderMap) -> bool {
    let content_type = headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok());
    let media_type = content_type.and_then(|value| value.split(';').next());
    media_type.is_some_and(|media_type| media_type.trim().eq_ignore_ascii_case("application/json"))
}

/// The whole body; the router's limit cuts what is longer.
pub(super) async fn read<S: Send + Sync>(request: Request, state: &S) -> Result<Bytes, Failure> {
    Bytes::from_request(request, state)
        .await
        .map_err(|rejection| {
            if rejection.into_response().status() == StatusCode::PAYLOAD_TOO_LARGE {
                let detail = format!("A request has at most {BODY_BYTES_MAX} bytes.");
                Problem::new(ProblemKind::TooLarge, detail).into()
            } else {
                Problem::new(ProblemKind::Malformed, "The body broke off.").into()
            }
        })
}
