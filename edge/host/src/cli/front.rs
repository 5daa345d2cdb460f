//! The part of the command line that is about connections: where to listen, who may connect, and how
//! slow a client may be.

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    path::PathBuf,
    time::Duration,
};

use ipnet::IpNet;

use super::{duration, positive};

/// Where the host listens if nothing is said.
const DEFAULT_LISTEN: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 8080);

/// Addresses, certificates and limits of connections.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "Connections")]
pub struct Front {
    /// An address to serve without TLS, HTTP/1.1 and h2 by prior knowledge; may be repeated; port 0
    /// takes a free one and the log names it [default: 127.0.0.1:8080, unless there is --listen-tls]
    #[arg(long, value_name = "ADDRESS")]
    listen: Vec<SocketAddr>,
    /// An address to serve with TLS 1.2 and 1.3, HTTP/1.1 and h2; may be repeated
    #[arg(long, value_name = "ADDRESS", requires_all = ["tls_certificate", "tls_key"])]
    pub listen_tls: Vec<SocketAddr>,
    /// The certificate and those that lead to its authority (PEM); read again when it changes and on
    /// SIGHUP
    #[arg(long, value_name = "FILE", requires_all = ["listen_tls", "tls_key"])]
    pub tls_certificate: Option<PathBuf>,
    /// The certificate's private key (PEM)
    #[arg(long, value_name = "FILE", requires_all = ["listen_tls", "tls_certificate"])]
    pub tls_key: Option<PathBuf>,
    /// Networks in CIDR notation or addresses, separated by commas or blanks, whose connections do not
    /// count against --max-connections-per-prefix: balancers and CDNs
    #[arg(long, value_name = "NETWORKS", value_parser = networks, default_value = "", hide_default_value = true)]
    pub trusted_proxies: Networks,
    /// Open connections; more wait in the listener's backlog
    #[arg(long, value_name = "COUNT", default_value = "16384", value_parser = positive())]
    pub max_connections: usize,
    /// Open connections of one IPv4 address or one IPv6 /64; more are reset
    #[arg(long, value_name = "COUNT", default_value = "1024", value_parser = positive())]
    pub max_connections_per_prefix: usize,
    /// Requests at once on one h2 connection
    #[arg(long, value_name = "COUNT", default_value = "100", value_parser = positive())]
    pub max_streams_per_connection: usize,
    /// The TLS handshake
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = duration)]
    pub tls_timeout: Duration,
    /// Reading a request's head, the first one counted from the start of the connection
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = duration)]
    pub header_timeout: Duration,
    /// How long a connection without a request is kept
    #[arg(long, value_name = "TIME", default_value = "1m", value_parser = duration)]
    pub idle_timeout: Duration,
    /// Waiting for the next piece of a request's body
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = duration)]
    pub body_timeout: Duration,
    /// A client that takes nothing of its answer for so long is closed
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = duration)]
    pub write_timeout: Duration,
}

/// A list of networks; it may be empty.
#[derive(Clone, Debug)]
pub struct Networks(Vec<IpNet>);

impl Networks {
    /// Each of them.
    pub fn list(&self) -> &[IpNet] {
        &self.0
    }

    /// Whether an address is in one of them.
    pub fn contain(&self, address: IpAddr) -> bool {
        self.0.iter().any(|network| network.contains(&address))
    }
}

impl Front {
    /// Where to listen without TLS.
    pub fn plain(&self) -> Vec<SocketAddr> {
        if self.listen.is_empty() && self.listen_tls.is_empty() {
            return vec![DEFAULT_LISTEN];
        }
        self.listen.clone()
    }
}

/// Written as the components' variable `trusted_proxies`.
fn networks(text: &str) -> Result<Networks, String> {
    let parts = text.split([',', ' ', '\n']).filter(|part| !part.is_empty());
    let read = |part: &str| {
        let network = part.parse::<IpNet>();
        network
            .or_else(|_| part.parse::<IpAddr>().map(IpNet::from))
            .map_err(|_| format!("`{part}` is neither an address nor a network such as 10.0.0.0/8"))
    };
    parts.map(read).collect::<Result<_, _>>().map(Networks)
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use crate::cli::Arguments;

    fn parse(arguments: &[&str]) -> Option<Arguments> {
        let all = ["doorbuster-edge"].iter().chain(arguments);
        Arguments::try_parse_from(all).ok()
    }

    #[test]
    fn one_plain_address_is_served_unless_others_are_named() {
        fn check(arguments: &[&str], expected: &[&str]) {
            let plain = parse(arguments).unwrap().front.plain();
            let plain: Vec<String> = plain.iter().map(ToString::to_string).collect();
            assert_eq!(plain, expected, "{arguments:?}");
        }
        let tls = [
            "--listen-tls",
            "[::]:443",
            "--tls-certificate",
            "a",
            "--tls-key",
            "b",
        ];
        check(&[], &["127.0.0.1:8080"]);
        check(
            &["--listen", "[::1]:80", "--listen", "1.2.3.4:81"],
            &["[::1]:80", "1.2.3.4:81"],
        );
        check(&tls, &[]);
        check(
            &[&tls[..], &["--listen", "1.2.3.4:81"]].concat(),
            &["1.2.3.4:81"],
        );
    }

    #[test]
    fn tls_needs_an_address_a_certificate_and_a_key() {
        assert!(parse(&["--listen-tls", "[::]:443"]).is_none());
        assert!(parse(&["--tls-certificate", "a", "--tls-key", "b"]).is_none());
        assert!(parse(&["--listen-tls", "[::]:443", "--tls-certificate", "a"]).is_none());
        assert!(parse(&["--listen-tls", "[::]:443", "--tls-key", "a"]).is_none());
    }

    #[test]
    fn trusted_proxies_are_networks_or_addresses() {
        let contained = |text: &str, address: &str| {
            let networks = parse(&["--trusted-proxies", text])?.front.trusted_proxies;
            Some(networks.contain(address.parse().unwrap()))
        };
        let networks = "10.0.0.0/8, 2001:db8::/32,192.0.2.7";
        assert_eq!(contained(networks, "10.1.2.3"), Some(true));
        assert_eq!(contained(networks, "2001:db8:1::1"), Some(true));
        assert_eq!(contained(networks, "192.0.2.7"), Some(true));
        assert_eq!(contained(networks, "192.0.2.8"), Some(false));
        assert_eq!(contained("", "192.0.2.8"), Some(false));
        assert_eq!(contained("cdn.example", "192.0.2.8"), None);
    }
}
