//! What one thread counts for one component.

use std::{
    array,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use http::{Method, StatusCode};

use super::histogram::{CALL_BOUNDS_US, Histogram, REQUEST_BOUNDS_US};

/// Methods that are counted apart.
pub(super) const METHODS: [&str; 4] = ["GET", "HEAD", "POST", "other"];
/// Status classes; a request whose client left before the answer has none.
pub(super) const STATUSES: [&str; 6] = ["1xx", "2xx", "3xx", "4xx", "5xx", "aborted"];
const ABORTED: usize = STATUSES.len() - 1;

/// What one thread counts for one component; on cache lines of its own.
#[repr(align(128))]
pub struct Shard {
    /// The component's id.
    pub component: Arc<str>,
    requests: [[AtomicU64; STATUSES.len()]; METHODS.len()],
    /// Requests begun; those in flight are not in `requests` yet.
    begun: AtomicU64,
    /// To the head of the answer.
    pub(super) latency: Histogram<{ REQUEST_BOUNDS_US.len() }>,
    made: AtomicU64,
    reused: AtomicU64,
    ended: [AtomicU64; End::ALL.len()],
    shed: [AtomicU64; Shed::ALL.len()],
    pub(super) calls: [Histogram<{ CALL_BOUNDS_US.len() }>; Operation::ALL.len()],
}

/// The class of a request's method.
#[derive(Clone, Copy, Debug)]
pub struct Class(usize);

/// Why an instance ended.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum End {
    /// It had no request for as long as it may.
    Idle,
    /// It has served as many requests as it may.
    Used,
    /// It trapped, for want of memory among others.
    Trapped,
    /// A request or an answer took too long.
    TimedOut,
    /// The app was reloaded.
    Replaced,
}

/// Why a request was answered with 503.
#[derive(Clone, Copy, Debug)]
pub enum Shed {
    /// Too many requests of all components at once.
    Requests,
    /// Too many requests of this component at once.
    ComponentRequests,
    /// All instances there may be are in use.
    Instances,
    /// All instances of this component there may be are in use.
    ComponentInstances,
}

/// A call of a component to the host.
#[derive(Clone, Copy, Debug)]
pub enum Operation {
    KeyValueOpen,
    KeyValueGet,
    KeyValueSet,
    KeyValueDelete,
    KeyValueExists,
    KeyValueGetKeys,
    RedisOpen,
    RedisPublish,
    RedisGet,
    RedisSet,
    RedisIncr,
    RedisDel,
    RedisSadd,
    RedisSmembers,
    RedisSrem,
    RedisExecute,
    HttpSend,
}

/// A call that is counted, with its time, when this is dropped.
pub struct Timed {
    shard: Arc<Shard>,
    operation: Operation,
    started: Instant,
}

impl End {
    /// All, and how they are called.
    pub(super) const ALL: [(Self, &str); 5] = [
        (Self::Idle, "idle"),
        (Self::Used, "used-up"),
        (Self::Trapped, "trapped"),
        (Self::TimedOut, "timed-out"),
        (Self::Replaced, "replaced"),
    ];
}

impl Shed {
    /// All, and how they are called.
    pub(super) const ALL: [(Self, &str); 4] = [
        (Self::Requests, "requests"),
        (Self::ComponentRequests, "component-requests"),
        (Self::Instances, "instances"),
        (Self::ComponentInstances, "component-instances"),
    ];
}

impl Operation {
    /// All, with the interface and the function they are of.
    pub(super) const ALL: [(Self, &str, &str); 17] = [
        (Self::KeyValueOpen, "key-value", "open"),
        (Self::KeyValueGet, "key-value", "get"),
        (Self::KeyValueSet, "key-value", "set"),
        (Self::KeyValueDelete, "key-value", "delete"),
        (Self::KeyValueExists, "key-value", "exists"),
        (Self::KeyValueGetKeys, "key-value", "get-keys"),
        (Self::RedisOpen, "redis", "open"),
        (Self::RedisPublish, "redis", "publish"),
        (Self::RedisGet, "redis", "get"),
        (Self::RedisSet, "redis", "set"),
        (Self::RedisIncr, "redis", "incr"),
        (Self::RedisDel, "redis", "del"),
        (Self::RedisSadd, "redis", "sadd"),
        (Self::RedisSmembers, "redis", "smembers"),
        (Self::RedisSrem, "redis", "srem"),
        (Self::RedisExecute, "redis", "execute"),
        (Self::HttpSend, "http", "send"),
    ];
}

impl Class {
    /// That of a method.
    pub fn of(method: &Method) -> Self {
        Self(match *method {
            Method::GET => 0,
            Method::HEAD => 1,
            Method::POST => 2,
            _ => METHODS.len() - 1,
        })
    }
}

impl Shard {
    pub(super) fn new(component: Arc<str>) -> Self {
        Self {
            component,
            requests: array::from_fn(|_| array::from_fn(|_| AtomicU64::new(0))),
            begun: AtomicU64::new(0),
            latency: Histogram::new(&REQUEST_BOUNDS_US),
            made: AtomicU64::new(0),
            reused: AtomicU64::new(0),
            ended: array::from_fn(|_| AtomicU64::new(0)),
            shed: array::from_fn(|_| AtomicU64::new(0)),
            calls: array::from_fn(|_| Histogram::new(&CALL_BOUNDS_US)),
        }
    }

    /// A request came for the component.
    pub fn begin(&self) {
        self.begun.fetch_add(1, Relaxed);
    }

    /// It was answered so long after it came, or its client left and there is no status.
    pub fn finish(&self, class: Class, status: Option<StatusCode>, time: Duration) {
        let status = status.map_or(ABORTED, |status| {
            usize::from(status.as_u16() / 100 - 1).min(ABORTED - 1)
        });
        self.requests[class.0][status].fetch_add(1, Relaxed);
        self.latency.add(time);
    }

    /// A request was answered with 503.
    pub fn shed(&self, reason: Shed) {
        self.shed[reason as usize].fetch_add(1, Relaxed);
    }

    /// An instance was made.
    pub fn made(&self) {
        self.made.fetch_add(1, Relaxed);
    }

    /// An instance that had served others took a request.
    pub fn reused(&self) {
        self.reused.fetch_add(1, Relaxed);
    }

    /// An instance ended.
    pub fn ended(&self, why: End) {
        self.ended[why as usize].fetch_add(1, Relaxed);
    }

    /// Times a call until the answer is dropped.
    pub fn time(self: &Arc<Self>, operation: Operation) -> Timed {
        Timed {
            shard: self.clone(),
            operation,
            started: Instant::now(),
        }
    }

    pub(super) fn requests(&self, method: usize, status: usize) -> u64 {
        self.requests[method][status].load(Relaxed)
    }

    pub(super) fn in_flight(&self) -> u64 {
        let finished: u64 = self.requests.iter().flatten().map(load).sum();
        load(&self.begun).saturating_sub(finished)
    }

    pub(super) fn instances_made(&self) -> u64 {
        load(&self.made)
    }

    pub(super) fn instances_reused(&self) -> u64 {
        load(&self.reused)
    }

    pub(super) fn instances_ended(&self, why: End) -> u64 {
        load(&self.ended[why as usize])
    }

    pub(super) fn instances_live(&self) -> u64 {
        let ended: u64 = self.ended.iter().map(load).sum();
        load(&self.made).saturating_sub(ended)
    }

    pub(super) fn sheds(&self, reason: Shed) -> u64 {
        load(&self.shed[reason as usize])
    }
}

impl Drop for Timed {
    fn drop(&mut self) {
        self.shard.calls[self.operation as usize].add(self.started.elapsed());
    }
}

fn load(counter: &AtomicU64) -> u64 {
    counter.load(Relaxed)
}
