//! `cargo xtask up`: from a fresh checkout to a shop in the browser.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use crate::install::{self, Purpose};
use crate::servers::ports;
use crate::system::{EdgePort, Options, System};
use crate::{compile, interrupt, workspace};

/// Where the edge listens if nobody else does.
const EDGE_PORT: u16 = 8080;
const POLL: Duration = Duration::from_millis(200);

/// Start everything on this machine and keep it running until Ctrl-C.
#[derive(Debug, Args)]
pub struct Up {
    /// Print one line of JSON when all is ready.
    #[arg(long)]
    json: bool,

    /// The folder of all data; `.doorbuster` at the top of the repository by default.
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,

    /// The port of the shop; by default 8080, or a free one if that is taken.
    #[arg(long, value_name = "PORT")]
    edge_port: Option<u16>,

    /// Points of presence, each with an edge and a Redis of its own, all for one site.
    #[arg(long, value_name = "COUNT", default_value = "1", value_parser = clap::value_parser!(u8).range(1..=8))]
    pops: u8,

    /// Start without demo sales and account.
    #[arg(long)]
    empty: bool,
}

impl Up {
    /// Returns when it was told to stop, or with an error when a part of it has died.
    pub fn run(self) -> anyhow::Result<()> {
        if let Some(port) = self.edge_port.filter(|port| !ports::is_free(*port)) {
            anyhow::bail!("port {port} is taken");
        }
        let data = self
            .data
            .unwrap_or_else(|| workspace::top().join(".doorbuster"));
        System::check_unused(&data)?;
        install::missing(Purpose::System)?;
        compile::all()?;
        let mut system = System::start(&Options {
            data,
            pops: usize::from(self.pops),
            edge_port: self
                .edge_port
                .map_or(EdgePort::Rather(EDGE_PORT), EdgePort::Must),
            empty: self.empty,
            edge_variables: Vec::new(),
        })?;
        if self.json {
            println!("{}", serde_json::to_string(system.addresses())?);
        } else {
            welcome(&system);
        }
        while !interrupt::requested() {
            system.check()?;
            std::thread::sleep(POLL);
        }
        eprintln!("stopping");
        Ok(())
    }
}

fn welcome(system: &System) {
    let addresses = system.addresses();
    println!("\nDoorbuster is open.\n");
    println!("  Shop      {}", addresses.edge_url);
    for pop in addresses.pops.iter().skip(1) {
        println!("  {:<8}  {}", pop.id, pop.edge_url);
    }
    println!("  Mailbox   {}/mailbox", addresses.sandbox_url);
    println!("  Metrics   {}/metrics", addresses.ops_url);
    println!("  Admin     {}/admin/api", addresses.admin_url);
    if let Some(account) = &addresses.account {
        println!("  Sign in   {}  {}", account.contact, account.password);
    }
    println!(
        "\n  Operate   set -a; . {}; set +a",
        system.environment_file().display()
    );
    println!("            {} audit", system.command_line().display());
    println!(
        "            {} operator add NAME --role admin",
        system.command_line().display()
    );
    println!("\nCtrl-C stops everything.");
}
