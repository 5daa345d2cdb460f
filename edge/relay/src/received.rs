//! A shopper's request, read whole.
//!
//! Invariant: its body is at most 16 KiB, and complete before anything is decided on it: its digest
//! is part of what the PoP signs, so a body cannot go to the origin while it still arrives. Answers
//! are streamed.

use crate::settings::Relay;
use bytes::Bytes;
use kernel::problem::Problem;
use kit::peer::{self, Asked};
use kit::{body, snapshot, visitor};
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
    pub(crate) async fn read(relay: &'static Relay, request: Request) -> Result<Self, Problem> {
        let client = visitor::client(&relay.edge, request.headers())?;
        let mut received = Self {
            method: request.method().clone(),
            uri: request.uri().clone(),
            headers: request.headers().clone(),
            body: body::read(request).await?,
            client,
        };
        // Another PoP hands on what has a token, and nothing else.
        if received.headers.contains_key("authorization") {
            let view = snapshot::current(&relay.edge).await?;
            received.client = peer::client(&relay.edge, &view, received.asked())?;
        }
        Ok(received)
    }

    /// All of it, to be handed on.
    pub(crate) fn asked(&self) -> Asked<'_> {
        Asked {
            method: &self.method,
            uri: &self.uri,
            headers: &self.headers,
            body: &self.body,
        }
    }
}
