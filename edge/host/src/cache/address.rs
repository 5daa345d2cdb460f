//! What an answer is stored under: the address that was asked for.
//!
//! Invariant: a request and the key of what answers it are hashed and compared the same way, so that a
//! look-up allocates nothing.

use std::{
    hash::{Hash, Hasher},
    sync::Arc,
};

use http::{HeaderMap, Uri, header};
use moka::Equivalent;

/// The address of a request: scheme, authority, and path with query, as it was sent.
#[derive(Clone, Copy, Debug)]
pub struct Address<'a> {
    is_tls: bool,
    host: &'a str,
    target: &'a str,
}

/// An address of its own; clones are cheap.
#[derive(Clone, Debug)]
pub struct Key {
    is_tls: bool,
    host_bytes: usize,
    /// The host, and directly after it the target, which starts with a slash.
    text: Arc<str>,
}

impl<'a> Address<'a> {
    /// The address of a request, which came over TLS or not; nothing if the request does not make it
    /// clear.
    pub fn of(is_tls: bool, uri: &'a Uri, headers: &'a HeaderMap) -> Option<Self> {
        let mut hosts = headers.get_all(header::HOST).iter();
        let named = match (hosts.next(), hosts.next()) {
            (Some(host), None) => Some(host.to_str().ok()?),
            (None, _) => None,
            (Some(_), Some(_)) => return None,
        };
        let host = match (uri.authority(), named) {
            (Some(authority), Some(host)) if authority.as_str() != host => return None,
            (Some(authority), _) => authority.as_str(),
            (None, Some(host)) => host,
            (None, None) => return None,
        };
        let target = uri.path_and_query()?.as_str();
        // Where one ends and the other begins must be clear.
        (target.starts_with('/') && !host.contains('/')).then_some(Self {
            is_tls,
            host,
            target,
        })
    }

    /// The address, to keep.
    pub fn to_key(self) -> Key {
        Key {
            is_tls: self.is_tls,
            host_bytes: self.host.len(),
            text: format!("{}{}", self.host, self.target).into(),
        }
    }
}

impl Key {
    /// How much memory it takes, roughly.
    pub fn bytes(&self) -> usize {
        self.text.len()
    }

    /// The address it is of.
    pub fn as_address(&self) -> Address<'_> {
        let (host, target) = self.text.split_at(self.host_bytes);
        Address {
            is_tls: self.is_tls,
            host,
            target,
        }
    }
}

impl Hash for Address<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.is_tls.hash(state);
        self.host.hash(state);
        self.target.hash(state);
    }
}

impl Hash for Key {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.as_address().hash(state);
    }
}

impl PartialEq for Key {
    fn eq(&self, other: &Self) -> bool {
        self.as_address().equivalent(other)
    }
}

impl Eq for Key {}

impl Equivalent<Key> for Address<'_> {
    fn equivalent(&self, key: &Key) -> bool {
        let key = key.as_address();
        self.is_tls == key.is_tls && self.host == key.host && self.target == key.target
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(uri: &str, hosts: &[&str]) -> Option<Key> {
        key_of(false, uri, hosts)
    }

    fn key_of(is_tls: bool, uri: &str, hosts: &[&str]) -> Option<Key> {
        let mut headers = HeaderMap::new();
        for host in hosts {
            headers.append(header::HOST, host.parse().unwrap());
        }
        Address::of(is_tls, &uri.parse().unwrap(), &headers).map(Address::to_key)
    }

    #[test]
    fn an_address_is_scheme_host_path_and_query() {
        let base = key("/a?b", &["shop"]).unwrap();
        assert_eq!(base, key("http://shop/a?b", &["shop"]).unwrap());
        assert_eq!(base, key("http://shop/a?b", &[]).unwrap());
        for other in [
            key("/a?c", &["shop"]),
            key("/a", &["shop"]),
            key("/a?b", &["sho"]),
            key("/A?b", &["shop"]),
            key_of(true, "/a?b", &["shop"]),
        ] {
            assert_ne!(base, other.unwrap());
        }
    }

    #[test]
    fn an_unclear_address_is_none() {
        assert_eq!(key("/a", &[]), None);
        assert_eq!(key("/a", &["shop", "shop"]), None);
        assert_eq!(key("http://shop/a", &["other"]), None);
        assert_eq!(key("/a", &["shop/b"]), None);
        assert_eq!(key("*", &["shop"]), None);
    }
}
