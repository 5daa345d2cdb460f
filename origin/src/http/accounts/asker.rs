//! Who asks, as far as it matters to limits and to the list of one's sessions.
//!
//! Invariant: the network is that of the client whom the PoP has signed for.

use super::super::Shared;
use super::super::answer::{Answer, Failure};
use crate::accounts::OpenSession;
use axum::extract::FromRequestParts;
use axum::http::header;
use axum::http::request::Parts;
use kernel::client_address::prefix;
use kernel::device::device;
use kernel::ids::AccountId;
use kernel::pop_signature::CLIENT_HEADER;
use kernel::problem::{Problem, ProblemKind};
use std::net::IpAddr;

/// Somebody at a network, with a device.
pub(super) struct Asker {
    /// An IPv4 address, or an IPv6 /64.
    pub(super) network: String,
    device: String,
}

impl Asker {
    /// Signs the account in on this device.
    pub(super) async fn open(&self, origin: &Shared, account: AccountId) -> Answer<OpenSession> {
        let sessions = origin.accounts.sessions();
        Ok(sessions.open_on(account, &self.device).await?)
    }
}

impl FromRequestParts<Shared> for Asker {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, _: &Shared) -> Answer<Self> {
        let text = |name| {
            parts
                .headers
                .get(name)
                .and_then(|value| value.to_str().ok())
        };
        let client: Option<IpAddr> = text(CLIENT_HEADER).and_then(|text| text.parse().ok());
        let no_client = || Problem::new(ProblemKind::UnknownPop, "The edge named no client.");
        Ok(Self {
            network: prefix(client.ok_or_else(no_client)?),
            device: device(text(header::USER_AGENT.as_str()).unwrap_or_default()),
        })
    }
}
