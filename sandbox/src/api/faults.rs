//! Faults over HTTP: shown, set, and what they do to calls of the payment API.

use std::io;
use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::extract::rejection::BytesRejection;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::middleware::Next;
use axum::response::{IntoResponse, Json, Response};

use super::Shared;
use crate::faults::{Faults, Verdict};
use crate::problem::Problem;

pub(super) async fn show(State(shared): State<Arc<Shared>>) -> Json<Faults> {
    Json(shared.faults.faults())
}

/// Puts the document in place of all faults in force.
pub(super) async fn set(
    State(shared): State<Arc<Shared>>,
    body: Result<Bytes, BytesRejection>,
) -> Result<Json<Faults>, Problem> {
    let faults: Faults =
        serde_json::from_slice(&body?).map_err(|error| Problem::malformed(error.to_string()))?;
    if let Some(fault) = faults.fault() {
        return Err(Problem::invalid_field(fault));
    }
    shared.faults.set(faults.clone());
    tracing::info!("faults were set");
    Ok(Json(faults))
}

/// Lets a call of the payment API go wrong as the faults in force say.
pub(super) async fn befall(
    State(shared): State<Arc<Shared>>,
    request: Request,
    next: Next,
) -> Response {
    let (delay, verdict) = shared.faults.call();
    tokio::time::sleep(delay).await;
    if verdict == Verdict::Fail {
        return Problem::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "fault",
            "Nothing was done, as the faults ask. Try again.",
        )
        .into_response();
    }
    let answer = next.run(request).await;
    match verdict {
        Verdict::Pass | Verdict::Fail => answer,
        Verdict::FailAfterEffect => Problem::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "fault",
            "It may have been done, as the faults ask. Repeat it with the same key.",
        )
        .into_response(),
        Verdict::CutAfterEffect => cut(),
    }
}

/// An answer whose body breaks at once, upon which the server closes the connection.
fn cut() -> Response {
    let broken = futures::stream::once(async { Err::<Bytes, _>(io::Error::other("cut off")) });
    Body::from_stream(broken).into_response()
}
