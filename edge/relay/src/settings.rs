//! The relay's settings.

use kernel::problem::Problem;
use kit::pop_store::PopStore;
use kit::settings::{Edge, Kept, Variables};

/// All that the relay is told.
#[derive(Debug)]
pub(crate) struct Relay {
    /// What every component is told.
    pub(crate) edge: Edge,
    /// The PoP's Redis.
    pub(crate) store: PopStore,
}

impl Relay {
    /// The settings, read by an instance's first request.
    pub(crate) async fn get() -> Result<&'static Self, Problem> {
        static RELAY: Kept<Relay> = Kept::new();
        RELAY.get(Self::read).await
    }

    async fn read(variables: &mut Variables) -> Option<Self> {
        let edge = Edge::read(variables).await;
        let store = PopStore::read(variables).await;
        Some(Self {
            edge: edge?,
            store: store?,
        })
    }
}
