//! A shopper's request, read whole.
//!
//! Invariant: its body is at most 16 KiB, and complete before anything is decided on it: its digest
//! is part of what the PoP signs, so a body cannot go to the origin while it still arrives. Answers
//! are streamed.

use crate::settings::Relay;
use bytes::Bytes;
use kernel::problem::Problem;
use kit::{body, visitor};
use spin_sdk::http::{HeaderMap, Method, Request, Uri};
use std::net::IpAddr;

/// What is checked, and what is forwarded of.
#[derive(Debug)]
pub(crate) struct Received {
    /// The method.
    pub(crate) method: Method,
    /// Path and query.
    pub(crate) uri: Uri,
    /// Its headers, as the client and the host made them.
    pub(crate) headers: HeaderMap,
    /// Its body.
    pub(crate) body: Bytes,
    /// Where it came from.
    pub(crate) client: IpAddr,
}

impl Received {
    /// Reads the request to its end.
    pub(crate) async fn read(relay: &Relay, request: Request) -> Result<Self, Problem> {
        let client = visitor::client(&relay.edge, request.headers())?;
        Ok(Self {
            method: request.method().clone(),
            uri: request.uri().clone(),
            headers: request.headers().clone(),
            body: body::read(request).await?,
            client,
        })
    }
}
