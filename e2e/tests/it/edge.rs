//! Further hosts of a shop's edge app: the same point of presence, with flags and variables of
//! their own.

use crate::shop::Shop;
use serde_json::Value;
use xtask::servers::{Launch, Ready, Server, ports};
use xtask::system::Addresses;
use xtask::workspace;

pub struct Edge {
    _server: Server,
    /// The shop's, but for the edge's.
    pub addresses: Addresses,
    pub port: u16,
}

/// What the shop's programs share.
pub fn secret(shop: &Shop, name: &str) -> String {
    let secrets = std::fs::read(shop.data.join("secrets.json")).unwrap();
    let secrets: Value = serde_json::from_slice(&secrets).unwrap();
    secrets[name].as_str().unwrap().to_owned()
}

/// Where the shop's origin listens for edges: `host:port`.
pub fn origin(shop: &Shop) -> String {
    let settings = std::fs::read_to_string(shop.data.join("doorbuster.env")).unwrap();
    let mut lines = settings.lines();
    let line = lines.find_map(|line| line.strip_prefix("DOORBUSTER_EDGE_LISTEN="));
    line.unwrap().trim_matches('\'').to_owned()
}

impl Edge {
    /// Starts a host with these flags; `variables` come after the usual ones.
    pub fn start(shop: &Shop, flags: &[&str], variables: &[(&str, &str)]) -> Self {
        let port = ports::free().unwrap();
        let url = format!("http://127.0.0.1:{port}");
        let data = shop.data.join(format!("edge-{port}"));
        std::fs::create_dir_all(&data).unwrap();
        // What the shop's own host has compiled is compiled.
        let compiled = shop.data.join("edge-1/compiled");
        std::os::unix::fs::symlink(compiled, data.join("compiled")).unwrap();

        let usual = [
            ("POP_ID", "pop-1".to_owned()),
            ("POP_SECRET", secret(shop, "pop_secret")),
            ("ORIGIN_URL", format!("http://{}", origin(shop))),
            ("POP_REDIS_URL", shop.addresses.pop_redis_url.clone()),
            ("SITE_URL", url.clone()),
            ("POW_DIFFICULTY", "100".to_owned()),
        ];
        let more = variables
            .iter()
            .map(|(name, value)| (*name, (*value).to_owned()));
        let environment = usual.into_iter().chain(more);
        let mut args = ["--listen", &format!("127.0.0.1:{port}")]
            .map(Into::into)
            .to_vec();
        args.extend([
            "--manifest".into(),
            workspace::top().join("spin.toml").into(),
        ]);
        args.extend(["--data".into(), data.clone().into()]);
        args.extend(flags.iter().map(Into::into));
        let launch = Launch {
            name: format!("edge-{port}"),
            program: workspace::binaries().unwrap().join("doorbuster-edge"),
            args,
            environment: environment
                .map(|(name, value)| (format!("SPIN_VARIABLE_{name}"), value))
                .collect(),
            folder: workspace::top(),
            log: data.join("log"),
            lock: None,
        };
        let ready = Ready::Http {
            path: "/.well-known/spin/health",
        };
        let server = Server::start(launch, port, ready).expect("the edge starts");
        let addresses = Addresses {
            edge_url: url,
            ..shop.addresses.clone()
        };
        Self {
            _server: server,
            addresses,
            port,
        }
    }
}
