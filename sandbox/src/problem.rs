//! Problem documents (RFC 9457): the one shape of every error of the API.

use axum::Json;
use axum::extract::rejection::{BytesRejection, FormRejection, QueryRejection};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

/// An error a caller can act on.
#[derive(Debug)]
pub struct Problem {
    status: StatusCode,
    word: &'static str,
    detail: String,
}

#[derive(Serialize)]
struct Document {
    r#type: String,
    title: &'static str,
    status: u16,
    detail: String,
}

impl Problem {
    /// `word` is the last part of the problem's type, `/problems/<word>`.
    pub fn new(status: StatusCode, word: &'static str, detail: impl Into<String>) -> Self {
        Self {
            status,
            word,
            detail: detail.into(),
        }
    }

    pub fn malformed(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "malformed", detail)
    }

    pub fn invalid_field(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid-field", detail)
    }

    pub fn unknown_payment() -> Self {
        Self::new(
            StatusCode::NOT_FOUND,
            "unknown-payment",
            "There is no payment with this id.",
        )
    }

    pub fn key_reused(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::CONFLICT, "idempotency-key-reused", detail)
    }

    /// A body that was too large, or not what it should be.
    fn refused(status: StatusCode, detail: String) -> Self {
        if status == StatusCode::PAYLOAD_TOO_LARGE {
            Self::new(status, "too-large", detail)
        } else {
            Self::malformed(detail)
        }
    }

    /// Something of ours failed; the cause goes to the log, not to the caller.
    pub fn unavailable(cause: &dyn std::fmt::Display) -> Self {
        tracing::error!("{cause}");
        Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "unavailable",
            "The sandbox cannot do this now; its log says why.",
        )
    }
}

impl From<BytesRejection> for Problem {
    fn from(rejection: BytesRejection) -> Self {
        Self::refused(rejection.status(), rejection.body_text())
    }
}

impl From<FormRejection> for Problem {
    fn from(rejection: FormRejection) -> Self {
        Self::refused(rejection.status(), rejection.body_text())
    }
}

impl From<QueryRejection> for Problem {
    fn from(rejection: QueryRejection) -> Self {
        Self::refused(rejection.status(), rejection.body_text())
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let document = Document {
            r#type: format!("/problems/{}", self.word),
            title: self.status.canonical_reason().unwrap_or("Error"),
            status: self.status.as_u16(),
            detail: self.detail,
        };
        let mut response = (self.status, Json(document)).into_response();
        let headers = response.headers_mut();
        headers.insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/problem+json"),
        );
        if self.status == StatusCode::SERVICE_UNAVAILABLE {
            headers.insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
        }
        response
    }
}
