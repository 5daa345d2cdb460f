//! Who is asking: the one client address that limits, challenges and logs go by.
//!
//! Invariant: nobody chooses the address they are seen under. Headers are believed only from a
//! proxy the operator named.

use ipnet::IpNet;
use std::net::{IpAddr, SocketAddr};

/// Reads the variable `trusted_proxies`: networks in CIDR notation or single addresses, separated
/// by commas or blanks; an error names the part that is neither.
pub fn parse_proxies(text: &str) -> Result<Vec<IpNet>, String> {
    text.split([',', ' ', '\n'])
        .filter(|part| !part.is_empty())
        .map(|part| {
            let network = part.parse::<IpNet>();
            network.or_else(|_| part.parse::<IpAddr>().map(IpNet::from)).map_err(|_| {
                format!("trusted_proxies: `{part}` is neither an address nor a network in CIDR notation")
            })
        })
        .collect()
}

/// The client's address.
///
/// `peers` are the values of `spin-client-addr` in order: Spin appends its own behind whatever the
/// client sent, so only the last counts. If that peer is a trusted proxy, the client is the
/// right-most address of `forwarded_for` (the values of `x-forwarded-for` in order) that is not
/// itself trusted; a value that is no address ends the search at the hop before it.
pub fn client_address(peers: &[&str], forwarded_for: &[&str], trusted: &[IpNet]) -> Option<IpAddr> {
    let mut client = address(peers.last()?)?;
    let is_trusted = |address: IpAddr| trusted.iter().any(|network| network.contains(&address));
    let hops = forwarded_for
        .iter()
        .flat_map(|value| value.split(','))
        .collect::<Vec<_>>();
    for hop in hops.into_iter().rev() {
        if !is_trusted(client) {
            break;
        }
        let Some(next) = address(hop) else { break };
        client = next;
    }
    Some(client)
}

/// The network a client counts as: an IPv4 address alone, an IPv6 address with its /64, which is
/// what one household or one rented server has.
pub fn prefix(client: IpAddr) -> String {
    let length = if client.is_ipv4() { 32 } else { 64 };
    match IpNet::new(client, length) {
        Ok(network) => network.trunc().to_string(),
        Err(_) => unreachable!("32 and 64 are lengths of IPv4 and IPv6"),
    }
}

/// The larger network an IPv6 client may have all to itself, its /48; an IPv4 client has none.
pub fn site(client: IpAddr) -> Option<String> {
    let network = IpNet::new(client, 48).ok().filter(|_| client.is_ipv6());
    network.map(|network| network.trunc().to_string())
}

fn address(text: &str) -> Option<IpAddr> {
    let text = text.trim();
    let bare = text.trim_start_matches('[').trim_end_matches(']');
    let address = bare
        .parse()
        .or_else(|_| text.parse::<SocketAddr>().map(|socket| socket.ip()));
    address.ok().map(|address: IpAddr| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(peers: &[&str], forwarded_for: &[&str], trusted: &str, expected: &str) {
        let trusted = parse_proxies(trusted).unwrap();
        let client = client_address(peers, forwarded_for, &trusted).map(|a| a.to_string());
        assert_eq!(
            client.as_deref().unwrap_or(""),
            expected,
            "{peers:?} {forwarded_for:?}"
        );
    }

    #[test]
    fn the_last_peer_is_the_client() {
        check(&["127.0.0.9:5000"], &[], "", "127.0.0.9");
        check(&["6.6.6.6:1", "127.0.0.9:5000"], &[], "", "127.0.0.9");
        check(&["[2001:db8::1]:80"], &[], "", "2001:db8::1");
        check(&["[::ffff:10.0.0.1]:80"], &[], "", "10.0.0.1");
        check(&[], &["1.2.3.4"], "", "");
    }

    #[test]
    fn forwarding_is_believed_from_a_named_proxy_only() {
        check(&["9.9.9.9:1"], &["1.2.3.4"], "", "9.9.9.9");
        check(&["10.0.0.1:1"], &["1.2.3.4"], "10.0.0.0/8", "1.2.3.4");
        check(
            &["10.0.0.1:1"],
            &["6.6.6.6, 1.2.3.4, 10.0.0.2"],
            "10.0.0.0/8",
            "1.2.3.4",
        );
        check(
            &["10.0.0.1:1"],
            &["6.6.6.6", "1.2.3.4"],
            "10.0.0.1",
            "1.2.3.4",
        );
        check(
            &["10.0.0.1:1"],
            &["1.2.3.4, unknown"],
            "10.0.0.0/8",
            "10.0.0.1",
        );
        check(&["10.0.0.1:1"], &[], "10.0.0.0/8", "10.0.0.1");
    }

    #[test]
    fn a_household_is_one_prefix() {
        assert_eq!(prefix("127.0.0.9".parse().unwrap()), "127.0.0.9/32");
        assert_eq!(
            prefix("2001:db8:1:2:3:4:5:6".parse().unwrap()),
            "2001:db8:1:2::/64"
        );
    }

    #[test]
    fn an_ipv6_client_counts_as_part_of_a_site() {
        let site = |text: &str| site(text.parse().unwrap());
        assert_eq!(site("127.0.0.9"), None);
        assert_eq!(
            site("2001:db8:1:2:3:4:5:6").as_deref(),
            Some("2001:db8:1::/48")
        );
    }

    #[test]
    fn a_bad_proxy_is_named() {
        assert!(
            parse_proxies("10.0.0.0/8, proxy")
                .unwrap_err()
                .contains("`proxy`")
        );
    }
}
