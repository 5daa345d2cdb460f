//! Flow control: rules that let requests of the edge listener through, hold them or shed them.
//!
//! Invariant: what is decided is decided in `kernel::flow`; here is what each rule remembers. A rule
//! that a new set has too keeps what it remembers, and MySQL is asked by one task, never by a request.

mod acting;
mod desk;
mod follow;
mod keys;
mod pass;
mod view;

pub use desk::{DeskError, Shown, apply, history, rollback, show};
pub use follow::{BEAT_EVERY, LEAVE_TIMEOUT, Member, POLL_EVERY};
pub use keys::{KEYS_MAX, Key};
pub use pass::{Outcome, Pass, Shed};
pub use view::{view, view_origin};

use crate::ops::metrics::METRICS;
use acting::Acting;
use kernel::flow::{EVERY_ROUTE, Each, Mode, ROUTES, RuleSet};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Instant;

/// The rules in force and what they remember.
#[derive(Debug)]
pub struct Flow {
    began: Instant,
    /// Origins that share the rates.
    parts: AtomicU32,
    active: RwLock<Arc<Active>>,
}

/// One version of the rules.
#[derive(Debug)]
struct Active {
    version: u64,
    rules: Vec<Arc<Acting>>,
    /// By the number of the route.
    routes: Vec<OfRoute>,
}

/// The rules of one route that are not off, in their order.
#[derive(Debug, Default)]
struct OfRoute {
    /// Those that need to know nothing of the request.
    of_all: Vec<Arc<Acting>>,
    /// Those with a limit for each account or sale.
    of_each: Vec<Arc<Acting>>,
    needs: Needs,
}

/// What must be known of a request for its rules.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Needs {
    /// Whose it is.
    pub account: bool,
    /// Which sale it is about.
    pub sale: bool,
}

/// The rules for one request.
#[derive(Debug)]
pub struct Here {
    active: Arc<Active>,
    route: usize,
    now_ns: u64,
    parts: u32,
}

impl Default for Flow {
    /// With the rules that are shipped.
    fn default() -> Self {
        let flow = Self {
            began: Instant::now(),
            parts: AtomicU32::new(1),
            active: RwLock::new(Arc::new(Active::new(0, &RuleSet::default(), &[]))),
        };
        flow.enforce(0, &RuleSet::shipped());
        flow
    }
}

impl Flow {
    /// Puts a checked set into force.
    pub fn enforce(&self, version: u64, set: &RuleSet) {
        let former = self.active();
        let active = Arc::new(Active::new(version, set, &former.rules));
        for acting in &active.rules {
            acting.tell_limit(self.parts());
        }
        *self.active.write().unwrap_or_else(PoisonError::into_inner) = active;
        for old in &former.rules {
            let name = &old.rule.name;
            if !set.rules.iter().any(|rule| rule.name == *name) {
                METRICS.flow.forget(name);
            }
        }
    }

    /// The version in force; 0 for the rules that are shipped.
    pub fn version(&self) -> u64 {
        self.active().version
    }

    /// How many origins share the rates.
    pub fn parts(&self) -> u32 {
        self.parts.load(Ordering::Relaxed)
    }

    fn share(&self, parts: u32) {
        let parts = parts.max(1);
        if self.parts.swap(parts, Ordering::Relaxed) != parts {
            for acting in &self.active().rules {
                acting.tell_limit(parts);
            }
        }
    }

    fn active(&self) -> Arc<Active> {
        let active = self.active.read().unwrap_or_else(PoisonError::into_inner);
        active.clone()
    }

    /// The rules for a request on the route of this number, that comes now.
    pub fn at(&self, route: usize) -> Here {
        Here {
            active: self.active(),
            route: route.min(ROUTES.len() - 1),
            now_ns: self.now_ns(),
            parts: self.parts(),
        }
    }

    fn now_ns(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }
}

impl Here {
    /// Asks the rules that need to know nothing of the request but its route.
    pub fn enter(&self) -> Result<Pass, Shed> {
        self.ask(&self.of_route().of_all, &Key::default())
    }

    /// What the other rules need to know.
    pub fn needs(&self) -> Needs {
        self.of_route().needs
    }

    /// Asks the other rules. One that needs what is missing lets the request through: who is not
    /// signed in is refused behind.
    pub fn enter_each(&self, key: &Key) -> Result<Pass, Shed> {
        self.ask(&self.of_route().of_each, key)
    }

    fn of_route(&self) -> &OfRoute {
        &self.active.routes[self.route]
    }

    fn ask(&self, rules: &[Arc<Acting>], key: &Key) -> Result<Pass, Shed> {
        let mut pass = Pass::new(self.now_ns);
        for acting in rules {
            acting.ask(&mut pass, self.parts, key)?;
        }
        Ok(pass)
    }
}

impl Active {
    fn new(version: u64, set: &RuleSet, former: &[Arc<Acting>]) -> Self {
        let acting = |rule: &kernel::flow::Rule| {
            let same = former.iter().find(|former| former.rule.name == rule.name);
            Arc::new(Acting::new(rule.clone(), same.map(Arc::as_ref)))
        };
        let rules: Vec<_> = set.rules.iter().map(acting).collect();
        let routes = ROUTES.iter().map(|route| OfRoute::new(route.name, &rules));
        Self {
            version,
            routes: routes.collect(),
            rules,
        }
    }
}

impl OfRoute {
    fn new(route: &str, rules: &[Arc<Acting>]) -> Self {
        let mut of_route = Self::default();
        for acting in rules {
            let rule = &acting.rule;
            let is_meant = |name: &String| name == route || name == EVERY_ROUTE;
            if rule.mode == Mode::Off || !rule.routes.iter().any(is_meant) {
                continue;
            }
            if rule.each == Each::All {
                of_route.of_all.push(acting.clone());
            } else {
                of_route.of_each.push(acting.clone());
            }
            of_route.needs.account |= matches!(rule.each, Each::Account | Each::AccountAndSale);
            of_route.needs.sale |= matches!(rule.each, Each::Sale | Each::AccountAndSale);
        }
        of_route
    }
}

#[cfg(test)]
mod tests;
