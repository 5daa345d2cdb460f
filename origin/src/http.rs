//! The listeners: edge (signed by a PoP), webhooks (signed by a provider), ops (health, metrics),
//! admin (signed in as an operator).
//!
//! Invariant: `only-tokened`. Nothing on the edge listener is handled that a PoP we know has not
//! signed, and whatever the PoP has checked is checked again here.

mod answer;
mod body;
mod outage;
mod serve;

mod flow;
mod pop;
mod session;
mod trace;

mod accounts;
mod events;
mod internal;
mod orders;
mod payments;

mod admin;
mod edge;
mod ops;
mod webhooks;

pub use admin::{Answered, Local, admin_routes};

pub use serve::{bind, serve};

use crate::accounts::Accounts;
use crate::flow::Flow;
use crate::orders::{Prices, Watch};
use crate::payments::Provider;
use crate::pops::Pops;
use crate::sales::{Leases, Snapshots};
use crate::settings::{HttpSettings, RefundSettings};
use crate::stores::Stores;
use std::sync::Arc;
use tokio::sync::Semaphore;

/// Requests handled at the same time on the edge listener; one more is shed with `503`.
pub const IN_FLIGHT_MAX: usize = 1_024;

/// What the handlers share.
#[derive(Debug)]
pub struct Origin {
    stores: Stores,
    accounts: Accounts,
    provider: Provider,
    prices: Prices,
    watch: Watch,
    leases: Leases,
    pops: Pops,
    snapshots: Snapshots,
    refunds: RefundSettings,
    public_url: String,
    flow: Arc<Flow>,
    in_flight: Semaphore,
}

type Shared = Arc<Origin>;

impl Origin {
    /// Puts the rooms together.
    pub fn new(
        stores: Stores,
        accounts: Accounts,
        provider: Provider,
        http: HttpSettings,
        refunds: RefundSettings,
    ) -> Arc<Self> {
        Arc::new(Self {
            watch: Watch::new(stores.clone()),
            stores,
            accounts,
            provider,
            prices: Prices::default(),
            leases: Leases::default(),
            pops: Pops::new(http.pops),
            snapshots: Snapshots::default(),
            refunds,
            public_url: http.public_url,
            flow: Arc::default(),
            in_flight: Semaphore::new(IN_FLIGHT_MAX),
        })
    }

    /// Ends the streams of order events, which would outlast a stop.
    pub fn end_streams(&self) {
        self.watch.close();
    }
}

impl Origin {
    /// Makes the PoPs known to all origins and to the draws, before any is heard.
    pub async fn register_pops(&self) -> Result<(), crate::ledger::LedgerError> {
        self.pops.register(&self.stores.ledger).await
    }

    /// The rules for requests of the edge listener.
    pub fn flow(&self) -> &Arc<Flow> {
        &self.flow
    }
}

/// The routes of the edge listener.
pub fn edge_routes(origin: Arc<Origin>) -> axum::Router {
    edge::routes(origin)
}

/// The routes of the webhooks listener.
pub fn webhook_routes(origin: Arc<Origin>) -> axum::Router {
    webhooks::routes(origin)
}

/// The routes of the ops listener.
pub fn ops_routes(stores: Stores) -> axum::Router {
    ops::routes(stores)
}
