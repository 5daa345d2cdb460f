//! Single flight: of many requests for what is not stored, one asks and the others wait.
//!
//! Invariant: whoever waits is told, whatever becomes of the one who asks. No lock is held across an
//! await.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{
            AtomicBool,
            Ordering::{Acquire, Release},
        },
    },
};

use tokio::sync::watch;

use super::{address::Key, directives::Codings, stored::Stored};

/// Requests that one answer may be for: most answers differ by their coding or not at all.
type Name = (Key, Option<Codings>);

/// All that is being asked for, by all threads.
#[derive(Clone, Default)]
pub struct Flights(Arc<Mutex<HashMap<Name, Arc<Flight>>>>);

struct Flight {
    end: watch::Sender<Option<End>>,
    /// The address has changed meanwhile, so that what comes must not be kept.
    outdated: AtomicBool,
}

/// What came of asking.
#[derive(Clone)]
pub enum End {
    /// It is stored.
    Kept(Arc<Stored>),
    /// The component failed.
    Failed,
    /// It could not be kept; everybody asks for himself.
    Passed,
}

/// A request's part in a flight.
pub enum Part {
    /// It asks.
    Lead(Lead),
    /// It waits.
    Follow(Follow),
}

/// The one who asks. Dropped, it ends the flight.
pub struct Lead {
    flights: Flights,
    name: Name,
    flight: Arc<Flight>,
}

/// One who waits.
pub struct Follow(watch::Receiver<Option<End>>);

impl Flights {
    /// Joins who asks for this, or is the one.
    pub fn join(&self, key: &Key, codings: Option<Codings>) -> Part {
        let name = (key.clone(), codings);
        let mut flights = self.lock();
        if let Some(flight) = flights.get(&name) {
            return Part::Follow(Follow(flight.end.subscribe()));
        }
        let flight = Arc::new(Flight {
            end: watch::Sender::new(None),
            outdated: AtomicBool::new(false),
        });
        flights.insert(name.clone(), flight.clone());
        drop(flights);
        Part::Lead(Lead {
            flights: self.clone(),
            name,
            flight,
        })
    }

    /// Has nothing kept of what is being asked for at an address.
    pub fn outdate(&self, key: &Key) {
        let flights = self.lock();
        if flights.is_empty() {
            return;
        }
        for codings in Codings::all() {
            if let Some(flight) = flights.get(&(key.clone(), codings)) {
                flight.outdated.store(true, Release);
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Name, Arc<Flight>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Lead {
    /// Whether the address has changed since.
    pub fn is_outdated(&self) -> bool {
        self.flight.outdated.load(Acquire)
    }

    /// Tells everybody who waits.
    pub fn end(self, end: End) {
        self.flight.end.send_replace(Some(end));
    }
}

impl Drop for Lead {
    fn drop(&mut self) {
        self.flights.lock().remove(&self.name);
        let passed = |end: &mut Option<End>| {
            let open = end.is_none();
            if open {
                *end = Some(End::Passed);
            }
            open
        };
        self.flight.end.send_if_modified(passed);
    }
}

impl Follow {
    /// Waits for the end.
    pub async fn end(mut self) -> End {
        let end = self.0.wait_for(Option::is_some).await;
        end.ok().and_then(|end| end.clone()).unwrap_or(End::Passed)
    }
}
