//! A whole Doorbuster on this machine: stores, outside world, origin, edge, and a shop to look at.
//!
//! What was started last stops first; nothing outlives the `System`, nor this process.

mod account;
mod lock;
pub(crate) mod pop;
mod programs;
mod secrets;
mod shop;

use std::fs;
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use anyhow::Context;
use serde::Serialize;

use crate::servers::{Server, Servers, Setting, ports};
use account::Account;
pub use pop::PopAddress;
use programs::{Cli, Programs};
use secrets::Secrets;
use shop::Sale;

/// Where a system lives and what it offers.
#[derive(Debug, Clone)]
pub struct Options {
    /// The folder of its data, logs and secrets.
    pub data: PathBuf,
    /// Points of presence, each with an edge and a Redis of its own; at least one is started.
    pub pops: usize,
    /// The port of the first PoP's edge; the others take any.
    pub edge_port: EdgePort,
    /// Without items, sales and accounts.
    pub empty: bool,
    /// Variables of the edge app beside those every system sets: name and value.
    pub edge_variables: Vec<(String, String)>,
}

/// How much a port matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EdgePort {
    /// This one or none.
    Must(u16),
    /// This one if it is free, else any.
    Rather(u16),
    /// Any that is free.
    Any,
}

/// Where a running system is found, and what to try first. As JSON it is the line that
/// `cargo xtask up --json` prints.
#[derive(Debug, Clone, Serialize)]
#[expect(missing_docs, reason = "each is the address its name says")]
pub struct Addresses {
    pub edge_url: String,
    pub ops_url: String,
    pub webhooks_url: String,
    pub admin_url: String,
    pub sandbox_url: String,
    pub mysql_url: String,
    pub redis_url: String,
    pub pop_redis_url: String,
    pub nats_url: String,
    /// All of them. `edge_url` and `pop_redis_url` are the first one's.
    pub pops: Vec<PopAddress>,
    pub sales: Vec<Sale>,
    pub account: Option<Account>,
}

/// A running system. Dropping stops it.
pub struct System {
    addresses: Addresses,
    cli: Cli,
    environment_file: PathBuf,
    /// In the order they started.
    running: Vec<Server>,
    // Dropped after what uses it.
    stores: Servers,
}

impl System {
    /// Starts everything from programs that are built; tells its progress on standard error.
    pub fn start(options: &Options) -> anyhow::Result<Self> {
        let began = Instant::now();
        let say = |text: &str| eprintln!("{:6.1} s  {text}", began.elapsed().as_secs_f64());

        fs::create_dir_all(&options.data)
            .with_context(|| format!("cannot create {}", options.data.display()))?;
        // The programs run in folders of their own.
        let data = fs::canonicalize(&options.data)?;
        let lock = Arc::new(lock::take(&data)?);
        let edge_port = options.edge_port.hold()?;
        let pops = options.pops.max(1);
        let secrets = Secrets::load(&data, pops)?;
        let mut edge_ports = vec![edge_port.local_addr()?.port()];
        while edge_ports.len() < pops {
            edge_ports.push(ports::free()?);
        }

        let setting = Setting {
            data: &data,
            lock: Some(Arc::clone(&lock)),
            mysql_password: &secrets.mysql_password,
            pops,
        };
        let stores = Servers::start(&setting, |server| {
            say(&format!("{} on 127.0.0.1:{}", server.name(), server.port()));
        })?;
        let programs = Programs::new(
            &data,
            lock,
            &secrets,
            &stores,
            &edge_ports,
            &options.edge_variables,
        )?;
        let cli = programs.cli();
        let environment_file = cli.write_environment(&data)?;
        cli.run(&["migrate"])?;
        say("database migrated");

        // From here on a failure stops what runs, as in `drop`.
        let addresses = programs.addresses(&stores);
        let mut system = Self {
            addresses,
            cli,
            environment_file,
            running: Vec::new(),
            stores,
        };
        let mut edge_port = Some(edge_port);
        for (launch, port, ready) in programs.launches() {
            if port == edge_ports[0] {
                drop(edge_port.take());
            }
            programs.before_edge(&launch.name)?;
            let server = Server::start(launch, port, ready)?;
            say(&format!("{} on 127.0.0.1:{}", server.name(), server.port()));
            system.running.push(server);
        }
        if !options.empty {
            system.addresses.account = Some(account::demo(&data, &system.cli, &secrets)?);
            system.addresses.sales = shop::demo(&system.cli)?;
            say("shop furnished");
        }
        Ok(system)
    }

    /// An error if another system uses this folder now, to say so before a long build.
    pub fn check_unused(data: &Path) -> anyhow::Result<()> {
        if data.exists() {
            lock::take(data).map(drop)
        } else {
            Ok(())
        }
    }

    /// Where everything is.
    pub fn addresses(&self) -> &Addresses {
        &self.addresses
    }

    /// Runs `doorbuster` on this system and gives what it printed; an error if it failed.
    pub fn doorbuster(&self, args: &[&str]) -> anyhow::Result<String> {
        self.cli.run(args)
    }

    /// The operator's command line.
    pub fn command_line(&self) -> &Path {
        self.cli.program()
    }

    /// The settings the command line needs, for a shell to read.
    pub fn environment_file(&self) -> &Path {
        &self.environment_file
    }

    /// The stores, for tests that stop and start them.
    pub fn stores(&mut self) -> &mut Servers {
        &mut self.stores
    }

    /// `sandbox`, `origin`, `edge-1` and so on, for tests that stop and start them; `edge` is the
    /// first one.
    pub fn program(&mut self, name: &str) -> Option<&mut Server> {
        let name = if name == "edge" { "edge-1" } else { name };
        self.running.iter_mut().find(|server| server.name() == name)
    }

    /// An error that names what has died and the last lines of its log.
    pub fn check(&mut self) -> anyhow::Result<()> {
        self.running.iter_mut().try_for_each(Server::check)?;
        self.stores.check()
    }
}

impl Drop for System {
    fn drop(&mut self) {
        while let Some(server) = self.running.pop() {
            drop(server);
        }
    }
}

impl EdgePort {
    /// Keeps others from the port until the edge starts.
    fn hold(self) -> anyhow::Result<TcpListener> {
        let hold = |port| TcpListener::bind((Ipv4Addr::LOCALHOST, port));
        match self {
            Self::Must(port) => hold(port).with_context(|| format!("port {port} is taken")),
            Self::Rather(port) => hold(port).or_else(|_| Self::Any.hold()),
            Self::Any => Ok(hold(ports::free()?)?),
        }
    }
}
