//! Points of presence: what each is called, where it listens and what its edge app is told.
//!
//! Invariant: PoPs share the site's address and the origin, and nothing else: id, secret, Redis and
//! edge are each PoP's own.

use std::path::Path;
use std::{fs, io};

use serde::Serialize;

/// Where edges find each other: all of them are on this machine.
const PEER_HOSTS: &str = "http://127.0.0.1:*";

/// All that sets one PoP apart.
#[derive(Debug, Clone)]
pub struct Pop {
    /// As the origin knows it.
    pub id: String,
    /// The name of its edge among the programs of a system.
    pub edge: String,
    /// Shared with the origin.
    pub secret: String,
    /// Of its edge.
    pub port: u16,
    /// Its own.
    pub redis_url: String,
}

/// Where the parts of one PoP are.
#[derive(Debug, Clone, Serialize)]
#[expect(missing_docs, reason = "each is what its name says")]
pub struct PopAddress {
    pub id: String,
    pub edge_url: String,
    pub redis_url: String,
}

/// What the PoPs of a system have in common.
#[derive(Debug, Clone)]
pub struct Site {
    /// What browsers call it, as if behind one host name.
    pub url: String,
    /// The origin's edge listener.
    pub origin_url: String,
    /// Where checkout pages are.
    pub checkout_origins: String,
}

impl Pop {
    /// The PoP with this index; the first has 0.
    pub fn new(index: usize, secret: &str, port: u16, redis_url: String) -> Self {
        let number = index + 1;
        Self {
            id: format!("pop-{number}"),
            edge: format!("edge-{number}"),
            secret: secret.to_owned(),
            port,
            redis_url,
        }
    }

    /// Where to find it.
    pub fn address(&self) -> PopAddress {
        PopAddress {
            id: self.id.clone(),
            edge_url: format!("http://127.0.0.1:{}", self.port),
            redis_url: self.redis_url.clone(),
        }
    }

    /// The environment of its edge: what every PoP needs, and variables besides.
    pub fn environment(&self, site: &Site, more: &[(String, String)]) -> Vec<(String, String)> {
        let (pop_url, peer_hosts) = (self.address().edge_url, PEER_HOSTS.to_owned());
        let variables = [
            ("POP_ID", &self.id),
            ("POP_SECRET", &self.secret),
            ("POP_REDIS_URL", &self.redis_url),
            ("ORIGIN_URL", &site.origin_url),
            ("SITE_URL", &site.url),
            ("POP_URL", &pop_url),
            ("PEER_HOSTS", &peer_hosts),
            ("CHECKOUT_ORIGINS", &site.checkout_origins),
        ];
        let variables = variables.map(|(key, value)| (key.to_owned(), value.clone()));
        let variables = variables.into_iter().chain(more.iter().cloned());
        variables
            .map(|(key, value)| (format!("SPIN_VARIABLE_{key}"), value))
            .collect()
    }
}

/// Gives the edge of one PoP what that of another has compiled: it takes long, and the app is the
/// same. An edge that has something compiled keeps it.
pub fn share_compiled(data: &Path, from: &Pop, to: &Pop) -> io::Result<()> {
    let folder = |pop: &Pop| data.join(&pop.edge).join("compiled");
    let (from, to) = (folder(from), folder(to));
    if to.exists() || !from.exists() {
        return Ok(());
    }
    copy(&from, &to)
}

fn copy(from: &Path, to: &Path) -> io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let (from, to) = (entry.path(), to.join(entry.file_name()));
        if entry.file_type()?.is_dir() {
            copy(&from, &to)?;
        } else {
            fs::copy(from, to)?;
        }
    }
    Ok(())
}

/// The origin's setting `POPS`: who may speak to it.
pub fn known_to_origin(pops: &[Pop]) -> String {
    let entry = |pop: &Pop| format!("{}:{}", pop.id, pop.secret);
    pops.iter().map(entry).collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use super::{Pop, Site, known_to_origin};

    #[test]
    fn pops_share_the_site_and_nothing_else() {
        let pop = |index, secret, port| Pop::new(index, secret, port, format!("redis://{port}"));
        let pops = [pop(0, "aa", 1), pop(1, "bb", 2)];
        assert_eq!(known_to_origin(&pops), "pop-1:aa,pop-2:bb");
        let site = Site {
            url: "http://shop".to_owned(),
            origin_url: "http://origin".to_owned(),
            checkout_origins: String::new(),
        };
        let more = [("LEASE_SLOTS".to_owned(), "1".to_owned())];
        let [first, second] = pops.map(|pop| pop.environment(&site, &more));
        let both = || first.iter().zip(&second);
        assert!(both().all(|(a, b)| a.0 == b.0));
        let same: Vec<_> = both()
            .filter(|(a, b)| a.1 == b.1)
            .map(|(a, _)| &a.0)
            .collect();
        assert_eq!(
            same,
            [
                "SPIN_VARIABLE_ORIGIN_URL",
                "SPIN_VARIABLE_SITE_URL",
                "SPIN_VARIABLE_PEER_HOSTS",
                "SPIN_VARIABLE_CHECKOUT_ORIGINS",
                "SPIN_VARIABLE_LEASE_SLOTS"
            ]
        );
    }
}
