//! What the gate asks the origin for, besides the snapshot.
//!
//! Invariant: whatever comes back is read whole, within limits of size and time.

use bytes::Bytes;
use kernel::ids::OrderId;
use kernel::lease::{LeaseGrant, LeaseRequest, SlotView};
use kernel::lobby::{LobbyReport, LobbyStanding};
use kit::body::collect;
use kit::clock;
use kit::origin::{Ask, ask};
use kit::settings::Edge;
use serde::Serialize;
use serde::de::DeserializeOwned;
use spin_sdk::http::{HeaderMap, HeaderValue, Method};

const TIMEOUT_MS: u64 = 2_000;
const BODY_TIMEOUT_MS: u64 = 500;
const ANSWER_BYTES_MAX: usize = 4_096;

/// Asks for a lease.
pub(crate) async fn lease(edge: &Edge, request: &LeaseRequest) -> Result<LeaseGrant, String> {
    let grant: LeaseGrant = post(edge, "/internal/leases", request).await?;
    if grant.sale_id == request.sale_id {
        Ok(grant)
    } else {
        Err("the grant is for another sale".to_owned())
    }
}

/// Tells of a lobby.
pub(crate) async fn lobby(edge: &Edge, report: &LobbyReport) -> Result<LobbyStanding, String> {
    post(edge, "/internal/lobbies", report).await
}

/// What became of a slot.
pub(crate) async fn slot(edge: &Edge, slot: OrderId) -> Result<SlotView, String> {
    let path = format!("/internal/slots/{slot}");
    call(edge, Method::GET, &path, Bytes::new()).await
}

async fn post<T: DeserializeOwned>(
    edge: &Edge,
    path: &str,
    body: &impl Serialize,
) -> Result<T, String> {
    let body = serde_json::to_vec(body).map_err(|error| error.to_string())?;
    call(edge, Method::POST, path, Bytes::from(body)).await
}

async fn call<T: DeserializeOwned>(
    edge: &Edge,
    method: Method,
    path: &str,
    body: Bytes,
) -> Result<T, String> {
    let mut headers = HeaderMap::new();
    headers.insert("content-type", HeaderValue::from_static("application/json"));
    let request = Ask {
        method,
        path_and_query: path,
        headers,
        client: String::new(),
        body,
    };
    let response = ask(edge, request, TIMEOUT_MS).await;
    let response = response.map_err(|error| error.to_string())?;
    if response.status() != 200 {
        return Err(format!("the origin answered {}", response.status()));
    }
    let body = collect(response.into_body(), ANSWER_BYTES_MAX);
    let body = clock::within(BODY_TIMEOUT_MS, body).await;
    let body = body.ok_or("the answer did not arrive in time")?;
    let body = body.map_err(|error| format!("the answer did not arrive: {error:?}"))?;
    serde_json::from_slice(&body).map_err(|error| error.to_string())
}
