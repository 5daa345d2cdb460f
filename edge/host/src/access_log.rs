//! The access log: a line of JSON for each request, written when its answer is over.
//!
//! Invariant: no request waits for the log. Lines go through a bounded channel to one thread; those that
//! find it full are dropped and counted. A query may hold secrets and is never written.

mod body;
mod writer;

use std::{
    net::{IpAddr, SocketAddr},
    path::Path,
    sync::{
        Arc,
        atomic::Ordering::Relaxed,
        mpsc::{SyncSender, TrySendError, sync_channel},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant, SystemTime},
};

use anyhow::{Context, Result};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Uri, Version};
use ipnet::IpNet;
use kernel::client_address::client_address;

use crate::{
    metrics::{Metrics, Shard},
    trace::TraceId,
};

pub use body::record;

/// Lines that may wait to be written.
const WAITING_MAX: usize = 8192;
const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// Where finished requests are told; clones tell the same.
#[derive(Clone)]
pub struct AccessLog {
    lines: SyncSender<Message>,
    trusted: Arc<[IpNet]>,
    metrics: Arc<Metrics>,
}

/// What the writer is told.
enum Message {
    Line(Box<Entry>),
    Reopen,
    Close,
}

/// A request on its way to a line.
pub struct Entry {
    time: SystemTime,
    started: Instant,
    client: IpAddr,
    method: Method,
    url: Uri,
    version: Version,
    trace: TraceId,
    status: Option<u16>,
    component: Option<Arc<Shard>>,
    cache: Option<HeaderValue>,
    bytes: u64,
    duration: Duration,
}

/// The writer, which ends when its log is closed.
pub struct Writer(JoinHandle<()>);

impl AccessLog {
    /// Opens the file, `-` for stdout, and starts its writer. Proxies in `trusted` are believed who
    /// their client is.
    pub fn open(file: &Path, trusted: Vec<IpNet>, metrics: Arc<Metrics>) -> Result<(Self, Writer)> {
        let mut out = writer::Out::open(file)
            .with_context(|| format!("cannot write the access log {}", file.display()))?;
        let (lines, waiting) = sync_channel(WAITING_MAX);
        let thread = thread::Builder::new()
            .name("access-log".into())
            .spawn(move || out.write_all(&waiting))
            .context("cannot start the access log")?;
        let log = Self {
            lines,
            trusted: trusted.into(),
            metrics,
        };
        Ok((log, Writer(thread)))
    }

    /// Begins the line of a request from `peer`.
    pub fn begin<B>(
        &self,
        request: &Request<B>,
        peer: SocketAddr,
        trace: TraceId,
        started: Instant,
    ) -> Box<Entry> {
        Box::new(Entry {
            time: SystemTime::now(),
            started,
            client: self.client(peer, request.headers()),
            method: request.method().clone(),
            url: request.uri().clone(),
            version: request.version(),
            trace,
            status: None,
            component: None,
            cache: None,
            bytes: 0,
            duration: Duration::ZERO,
        })
    }

    /// Hands a line to the writer, or drops it.
    pub fn end(&self, mut entry: Box<Entry>) {
        entry.duration = entry.started.elapsed();
        if self.lines.try_send(Message::Line(entry)).is_err() {
            self.metrics.access_log_dropped.fetch_add(1, Relaxed);
        }
    }

    /// Has the writer open its file anew, after the lines that wait.
    pub fn reopen(&self) {
        if let Err(TrySendError::Full(message)) = self.lines.try_send(Message::Reopen) {
            // Not on a serving thread, so it may wait.
            drop(self.lines.send(message));
        }
    }

    /// Has the writer end after the lines that wait.
    pub fn close(&self) {
        // It has ended already if this fails.
        drop(self.lines.send(Message::Close));
    }

    fn client(&self, peer: SocketAddr, headers: &HeaderMap) -> IpAddr {
        let ip = peer.ip().to_canonical();
        if !self.trusted.iter().any(|network| network.contains(&ip)) {
            return ip;
        }
        let forwarded = headers.get_all(FORWARDED_FOR).iter();
        // What is no text is no address: it ends the search, as it would if it were one.
        let forwarded: Vec<&str> = forwarded
            .map(|value| value.to_str().unwrap_or("?"))
            .collect();
        client_address(&[&ip.to_string()], &forwarded, &self.trusted).unwrap_or(ip)
    }
}

impl Entry {
    /// What the answer's head says; none if there was no answer.
    pub fn answered<B>(&mut self, response: &http::Response<B>) {
        self.status = Some(response.status().as_u16());
        self.cache = response.headers().get("cache-status").cloned();
    }

    /// Which component it was for.
    pub fn component(&mut self, shard: Arc<Shard>) {
        self.component = Some(shard);
    }
}

impl Writer {
    /// Waits until every line is written, after `close`.
    pub fn finish(self) {
        if self.0.join().is_err() {
            tracing::error!("the access log broke off");
        }
    }
}
