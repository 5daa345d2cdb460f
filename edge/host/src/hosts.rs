//! Where a component may connect to: `allowed_outbound_hosts`, enforced for HTTP and Redis alike.
//!
//! An entry is `scheme://host[:port]`: the scheme a name or `*`; the host a name, an address, a CIDR,
//! `*`, `*.suffix` or `self`; the port a number, `*` or a range `low..high` without its end. Without a
//! port it is the scheme's own. What no entry allows is denied.

use std::{net::IpAddr, ops::Range};

use ipnet::IpNet;

/// The entries of one component.
#[derive(Clone, Debug, Default)]
pub struct AllowedHosts(Vec<AllowedHost>);

#[derive(Clone, Debug)]
struct AllowedHost {
    /// `None` is any.
    scheme: Option<String>,
    host: Host,
    /// `None` is any.
    port: Option<Range<u32>>,
}

#[derive(Clone, Debug)]
enum Host {
    Any,
    /// The app itself.
    ToSelf,
    /// With the dot before it.
    Suffix(String),
    Network(IpNet),
    Name(String),
}

impl AllowedHosts {
    /// Adds what became of a template. As in Spin, one that came out empty allows nothing and is no
    /// fault.
    pub fn add_filled(&mut self, entry: &str) -> Result<(), String> {
        match entry {
            "" | "http://" | "https://" => Ok(()),
            _ => self.add(entry),
        }
    }

    /// Adds one entry.
    pub fn add(&mut self, entry: &str) -> Result<(), String> {
        self.0
            .push(parse(entry).map_err(|reason| format!("`{entry}`: {reason}"))?);
        Ok(())
    }

    /// Whether a connection to `host` (a name or an address, IPv6 with or without brackets) is allowed.
    pub fn allow(&self, scheme: &str, host: &str, port: Option<u16>) -> bool {
        let Some(port) = port.or_else(|| well_known_port(scheme)) else {
            return false;
        };
        self.0.iter().any(|allowed| {
            allowed.allows_scheme(scheme)
                && allowed.host.allows(host)
                && allowed
                    .port
                    .as_ref()
                    .is_none_or(|range| range.contains(&u32::from(port)))
        })
    }

    /// Whether requests of the app to itself are allowed.
    pub fn allow_self(&self) -> bool {
        self.0.iter().any(|allowed| {
            let to_self = matches!(allowed.host, Host::Any | Host::ToSelf);
            to_self && (allowed.allows_scheme("http") || allowed.allows_scheme("https"))
        })
    }
}

impl AllowedHost {
    fn allows_scheme(&self, scheme: &str) -> bool {
        self.scheme
            .as_ref()
            .is_none_or(|allowed| allowed.eq_ignore_ascii_case(scheme))
    }
}

impl Host {
    fn allows(&self, host: &str) -> bool {
        let host = host.to_ascii_lowercase();
        match self {
            Self::Any => true,
            Self::ToSelf => false,
            Self::Suffix(suffix) => host.ends_with(suffix.as_str()),
            Self::Network(network) => {
                address(&host).is_some_and(|address| network.contains(&address))
            }
            Self::Name(name) => *name == host,
        }
    }
}

fn parse(entry: &str) -> Result<AllowedHost, String> {
    let (scheme, authority) = entry
        .trim()
        .split_once("://")
        .ok_or("write `scheme://host[:port]`")?;
    let any_scheme = scheme == "*";
    if !any_scheme && (scheme.is_empty() || !scheme.chars().all(|c| c.is_ascii_alphabetic())) {
        return Err(format!("the scheme `{scheme}` is not a word"));
    }
    if scheme.chars().any(|c| c.is_ascii_uppercase()) {
        return Err("write the scheme in lower case: Spin takes it to the letter".into());
    }
    let (host, port) = split_port(authority.strip_suffix('/').unwrap_or(authority));
    Ok(AllowedHost {
        scheme: (!any_scheme).then(|| scheme.to_owned()),
        host: parse_host(&host.to_ascii_lowercase())?,
        port: parse_port(port, scheme)?,
    })
}

/// Splits at the last colon outside the brackets of an IPv6 address.
fn split_port(authority: &str) -> (&str, Option<&str>) {
    match authority.rsplit_once(':') {
        Some((host, port)) if !port.contains(']') => (host, Some(port)),
        _ => (authority, None),
    }
}

fn parse_host(host: &str) -> Result<Host, String> {
    if host == "*" {
        return Ok(Host::Any);
    }
    if host == "self" || host == "self.alt" {
        return Ok(Host::ToSelf);
    }
    if let Some(address) = address(host) {
        return Ok(Host::Network(IpNet::from(address)));
    }
    if let Ok(network) = host.replace(['[', ']'], "").parse::<IpNet>() {
        return Ok(Host::Network(network.trunc()));
    }
    let (suffix, name) = match host.strip_prefix("*.") {
        Some(name) => (true, name),
        None => (false, host),
    };
    if host.ends_with(".spin.internal") {
        return Err("components do not call each other here: call `http://self.alt/…`".into());
    }
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    if name.is_empty() || !name.chars().all(allowed) {
        return Err(format!(
            "`{host}` is not a host, a CIDR, `*`, `*.suffix` or `self`"
        ));
    }
    Ok(if suffix {
        Host::Suffix(format!(".{name}"))
    } else {
        Host::Name(name.to_owned())
    })
}

fn parse_port(port: Option<&str>, scheme: &str) -> Result<Option<Range<u32>>, String> {
    let number = |text: &str| {
        text.parse::<u16>()
            .map(u32::from)
            .map_err(|_| format!("`{text}` is not a port"))
    };
    match port {
        Some("*") => Ok(None),
        Some(text) => match text.split_once("..") {
            Some((low, high)) => Ok(Some(number(low)?..number(high)?)),
            None => number(text).map(|port| Some(port..port + 1)),
        },
        None => match well_known_port(scheme).map(u32::from) {
            Some(port) => Ok(Some(port..port + 1)),
            None => Err(format!(
                "the scheme `{scheme}` has no port of its own: name one"
            )),
        },
    }
}

fn address(host: &str) -> Option<IpAddr> {
    host.trim_start_matches('[')
        .trim_end_matches(']')
        .parse()
        .ok()
}

fn well_known_port(scheme: &str) -> Option<u16> {
    match scheme {
        "http" => Some(80),
        "https" => Some(443),
        "redis" => Some(6379),
        "mysql" => Some(3306),
        "postgres" => Some(5432),
        "mqtt" => Some(1883),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_are_allowed_by_scheme_host_and_port() {
        fn check(entry: &str, scheme: &str, host: &str, port: Option<u16>, expected: bool) {
            let mut hosts = AllowedHosts::default();
            hosts.add(entry).unwrap();
            let answer = hosts.allow(scheme, host, port);
            assert_eq!(answer, expected, "{entry} for {scheme}://{host}:{port:?}");
        }
        check("http://origin", "http", "origin", None, true);
        check("http://origin", "http", "origin", Some(80), true);
        check("http://origin", "http", "origin", Some(81), false);
        check("http://origin", "https", "origin", None, false);
        check("http://origin", "http", "origin.evil", None, false);
        check("http://Origin:80/", "http", "ORIGIN", None, true);
        check("https://origin:8443", "https", "origin", Some(8443), true);
        check("http://origin:*", "http", "origin", Some(9), true);
        check(
            "http://origin:8000..8002",
            "http",
            "origin",
            Some(8001),
            true,
        );
        check(
            "http://origin:8000..8002",
            "http",
            "origin",
            Some(8002),
            false,
        );
        check("*://*:*", "redis", "anything", Some(1), true);
        check("http://*", "http", "anything", None, true);
        check("http://*", "http", "anything", Some(8080), false);
        check("http://*.example.com", "http", "a.example.com", None, true);
        check("http://*.example.com", "http", "example.com", None, false);
        check(
            "http://*.example.com",
            "http",
            "badexample.com",
            None,
            false,
        );
        check("redis://127.0.0.1:6379", "redis", "127.0.0.1", None, true);
        check(
            "http://10.0.0.0/8:*",
            "http",
            "10.20.30.40",
            Some(3000),
            true,
        );
        check("http://10.0.0.0/8:*", "http", "11.0.0.1", Some(3000), false);
        check(
            "http://10.0.0.0/8:*",
            "http",
            "10.evil.com",
            Some(3000),
            false,
        );
        check("http://[::1]:3000", "http", "[::1]", Some(3000), true);
        check("http://[::1]", "http", "::1", None, true);
        check("http://self", "http", "self", None, false);
    }

    #[test]
    fn malformed_entries_are_refused() {
        fn check(entry: &str) {
            assert!(AllowedHosts::default().add(entry).is_err(), "{entry}");
        }
        check("");
        check("*");
        check("origin");
        check("insecure:allow-all");
        check("http://");
        check("http://origin/path");
        check("http://a.*.com");
        check("http://origin:port");
        check("http://origin:70000");
        check("*://origin");
        check("{http,https}://origin");
        check("HTTP://origin");
        check("http://{a,b}");
        check("http://origin:{80,81}");
        check("http://gate.spin.internal");
        check("http://*.spin.internal");
    }

    #[test]
    fn a_template_that_comes_out_empty_allows_nothing() {
        let mut hosts = AllowedHosts::default();
        for entry in ["", "http://", "https://"] {
            hosts.add_filled(entry).unwrap();
        }
        assert!(!hosts.allow("http", "origin", None) && !hosts.allow_self());
        assert!(hosts.add_filled("origin").is_err());
        hosts.add_filled("http://origin").unwrap();
        assert!(hosts.allow("http", "origin", None));
    }

    #[test]
    fn only_self_or_any_allows_the_app_itself() {
        fn check(entry: &str, expected: bool) {
            let mut hosts = AllowedHosts::default();
            hosts.add(entry).unwrap();
            assert_eq!(hosts.allow_self(), expected, "{entry}");
        }
        check("http://self", true);
        check("*://*:*", true);
        check("http://origin", false);
        check("redis://self", false);
    }
}
