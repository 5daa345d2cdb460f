//! What is served: the routes of an app and its components, for each thread.
//!
//! Invariant: an instance belongs to one thread. All threads serve the same app, and a request is served
//! to its end by the one it began with, whatever replaces it meanwhile.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use arc_swap::{ArcSwap, Guard};
use wasmtime_wasi_http::handler::ProxyHandler;

use crate::{
    cache::Cache,
    engine::{Factory, Generation},
    routes::Routes,
};

/// An app that is ready to serve.
pub struct Site {
    /// Which component answers a path.
    pub routes: Routes,
    /// By component, in the order in which the routes number them, and thread.
    handlers: Vec<Vec<ProxyHandler<Factory>>>,
    generation: Arc<Generation>,
}

/// The app that is served, and those it replaced that still finish something.
pub struct Sites {
    current: ArcSwap<Site>,
    former: Mutex<Vec<Weak<Generation>>>,
    cache: Option<Arc<Cache>>,
}

impl Site {
    /// `components` stand in the order in which the routes number them, each with a factory a thread that
    /// makes instances of `generation`.
    pub fn new(routes: Routes, components: Vec<Vec<Factory>>, generation: Arc<Generation>) -> Self {
        let handlers = |threads: Vec<Factory>| threads.into_iter().map(ProxyHandler::new).collect();
        Self {
            routes,
            handlers: components.into_iter().map(handlers).collect(),
            generation,
        }
    }

    /// How many components it has.
    pub fn components(&self) -> usize {
        self.handlers.len()
    }

    /// The component with this number, for this thread.
    pub fn handler(&self, thread: usize, component: usize) -> Option<&ProxyHandler<Factory>> {
        self.handlers.get(component)?.get(thread)
    }
}

impl Sites {
    /// Serves this one, with a cache in front of it if there is one.
    pub fn new(site: Site, cache: Option<Arc<Cache>>) -> Self {
        Self {
            current: ArcSwap::from_pointee(site),
            former: Mutex::default(),
            cache,
        }
    }

    /// The one that takes new requests. The answer must not be kept while waiting for something.
    pub fn current(&self) -> Guard<Arc<Site>> {
        self.current.load()
    }

    /// What keeps answers of the app.
    pub fn cache(&self) -> Option<Arc<Cache>> {
        self.cache.clone()
    }

    /// Has `site` take all new requests. The one it replaces finishes what it has begun.
    pub fn replace(&self, site: Site) {
        let former = self.current.swap(Arc::new(site));
        if let Some(cache) = &self.cache {
            cache.clear();
        }
        self.former().push(Arc::downgrade(&former.generation));
        former.generation.retire();
    }

    /// Whether instances of a replaced app still take places in the pool.
    pub fn is_draining(&self) -> bool {
        let mut former = self.former();
        former.retain(|one| one.upgrade().is_some_and(|one| !one.is_empty()));
        !former.is_empty()
    }

    fn former(&self) -> MutexGuard<'_, Vec<Weak<Generation>>> {
        self.former.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
