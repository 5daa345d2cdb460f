//! How many connections there may be: in all, and of one client's network, so that none takes the
//! places of all others.
//!
//! Invariant: a counted network has at least one open connection, so that the table is never larger
//! than the number of connections.

use std::{
    collections::{HashMap, hash_map::Entry},
    net::{IpAddr, Ipv6Addr},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::{
    cli::{Front, Networks},
    metrics::connection_refused,
};

/// Refused connections are logged together, once in so long.
const LOG_EVERY: Duration = Duration::from_secs(10);

/// The places of a host.
pub struct Caps {
    places: Arc<Semaphore>,
    prefixes: Mutex<HashMap<IpAddr, usize>>,
    per_prefix: usize,
    trusted: Networks,
    refusals: Mutex<Refusals>,
}

/// A connection's share of its network; given back when dropped.
pub struct Share {
    caps: Arc<Caps>,
    /// A trusted proxy is not counted.
    prefix: Option<IpAddr>,
}

/// A connection's place among all.
pub struct Place {
    _share: Share,
    _permit: OwnedSemaphorePermit,
}

/// Refused connections, of which the log does not tell yet.
#[derive(Default)]
struct Refusals {
    count: u64,
    last: Option<IpAddr>,
    logged_at: Option<Instant>,
}

impl Caps {
    /// As the command line says.
    pub fn new(front: &Front) -> Self {
        if front.max_connections_per_prefix >= front.max_connections {
            tracing::warn!(
                "one client may take every connection: lower --max-connections-per-prefix below \
                 --max-connections"
            );
        }
        Self {
            places: Arc::new(Semaphore::new(front.max_connections)),
            prefixes: Mutex::default(),
            per_prefix: front.max_connections_per_prefix,
            trusted: front.trusted_proxies.clone(),
            refusals: Mutex::default(),
        }
    }

    /// A share for a connection of `client`, unless its network has as many as it may.
    pub fn share(self: &Arc<Self>, client: IpAddr) -> Option<Share> {
        let client = client.to_canonical();
        let is_counted = !self.trusted.contain(client);
        let prefix = is_counted.then(|| prefix(client));
        let has_room = prefix.is_none_or(|prefix| {
            let mut open = locked(&self.prefixes);
            // One that is full was there before, so that no empty one is left behind.
            let count = open.entry(prefix).or_default();
            let has_room = *count < self.per_prefix;
            *count += usize::from(has_room);
            has_room
        });
        self.report((!has_room).then_some(client));
        if !has_room {
            connection_refused();
            return None;
        }
        Some(Share {
            caps: self.clone(),
            prefix,
        })
    }

    /// Waits for a place.
    pub async fn place(&self, share: Share) -> Option<Place> {
        let permit = self.places.clone().acquire_owned().await.ok()?;
        Some(Place {
            _share: share,
            _permit: permit,
        })
    }

    /// Says how many were refused, now and then; `refused` is one more.
    fn report(&self, refused: Option<IpAddr>) {
        let mut refusals = locked(&self.refusals);
        refusals.count += u64::from(refused.is_some());
        refusals.last = refused.or(refusals.last);
        let (count, logged_at) = (refusals.count, refusals.logged_at);
        let Some(client) = refusals.last.filter(|_| count > 0) else {
            return;
        };
        if logged_at.is_some_and(|logged_at| logged_at.elapsed() < LOG_EVERY) {
            return;
        }
        refusals.count = 0;
        refusals.logged_at = Some(Instant::now());
        tracing::warn!(
            client.address = %client,
            "refused {count} connections: a network has {} open; if it is a proxy, name it in \
             --trusted-proxies",
            self.per_prefix
        );
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        let Some(prefix) = self.prefix else { return };
        if let Entry::Occupied(mut open) = locked(&self.caps.prefixes).entry(prefix) {
            *open.get_mut() -= 1;
            if *open.get() == 0 {
                open.remove();
            }
        }
    }
}

/// The network that counts as one client: an IPv4 address, or the /64 of an IPv6 address, as what the
/// components go by.
fn prefix(client: IpAddr) -> IpAddr {
    match client {
        IpAddr::V4(_) => client,
        IpAddr::V6(address) => {
            let network = address.to_bits() & !u128::from(u64::MAX);
            Ipv6Addr::from_bits(network).into()
        }
    }
}

fn locked<T>(value: &Mutex<T>) -> MutexGuard<'_, T> {
    value.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use clap::Parser;

    use super::Caps;
    use crate::cli::Arguments;

    #[test]
    fn a_network_has_so_many_connections_and_a_trusted_proxy_any_number() {
        let limits = [
            "--max-connections-per-prefix=2",
            "--trusted-proxies=10.0.0.0/8",
        ];
        let arguments = ["doorbuster-edge"].into_iter().chain(limits);
        let caps = Arc::new(Caps::new(&Arguments::parse_from(arguments).front));
        let share = |client: &str| caps.share(client.parse().unwrap());

        let first = share("192.0.2.1").unwrap();
        let _second = share("::ffff:192.0.2.1").unwrap();
        assert!(share("192.0.2.1").is_none(), "a mapped address is the same");
        let _other = share("192.0.2.2").unwrap();
        drop(first);
        let _third = share("192.0.2.1").unwrap();
        assert!(share("192.0.2.1").is_none());

        let household = ["2001:db8::1", "2001:db8::2:0:0:1"].map(|client| share(client).unwrap());
        assert!(share("2001:db8::3").is_none(), "a /64 is one network");
        let _neighbour = share("2001:db8:0:1::1").unwrap();
        drop(household);

        let proxy: Vec<_> = (0..5).map(|_| share("10.1.2.3").unwrap()).collect();
        drop(proxy);
        let open = caps.prefixes.lock().unwrap();
        let mut open: Vec<_> = open
            .iter()
            .map(|(prefix, count)| format!("{prefix} {count}"))
            .collect();
        open.sort();
        assert_eq!(open, ["192.0.2.1 2", "192.0.2.2 1", "2001:db8:0:1:: 1"]);
    }
}
