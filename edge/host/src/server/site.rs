//! What is served: the routes of an app and its components, for each thread.
//!
//! Invariant: an instance belongs to one thread. All threads serve the same app.

use wasmtime_wasi_http::handler::ProxyHandler;

use crate::{engine::Factory, routes::Routes};

/// An app that is ready to serve.
pub struct Site {
    /// Which component answers a path.
    pub routes: Routes,
    /// By thread and component, in the order in which the routes number them.
    handlers: Vec<Vec<ProxyHandler<Factory>>>,
}

impl Site {
    /// For `threads` threads; the components in the order in which the routes number them.
    pub fn new(routes: Routes, components: &[Factory], threads: usize) -> Self {
        let handlers = || components.iter().cloned().map(ProxyHandler::new).collect();
        Self {
            routes,
            handlers: (0..threads).map(|_| handlers()).collect(),
        }
    }

    /// How many threads it is for.
    pub fn threads(&self) -> usize {
        self.handlers.len()
    }

    /// The component with this number, for this thread.
    pub fn handler(&self, thread: usize, component: usize) -> Option<&ProxyHandler<Factory>> {
        self.handlers.get(thread)?.get(component)
    }
}
