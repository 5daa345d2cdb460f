//! What a benchmark runs on: real stores with a folder of their own, and the origin and an edge as
//! programs, built for release.
//!
//! Invariant: nothing outlives the `Stage`, and its data goes with it. The folder lies where cargo
//! builds, on a disk: one in memory would make every flush free.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::{Context, ensure};
use tempfile::TempDir;

use super::figures::Measurement;
use crate::servers::{Launch, Ready, Server, Servers, Setting, ports};
use crate::system::pop::{Pop, Site};
use crate::{compile, programs, tool, workspace};

/// What operators run of the host is built with; it takes long, and makes it a good deal faster.
const HOST_PROFILE: &str = "dist";
/// Any password does: the database lives as long as the benchmark.
const PASSWORD: &str = "bench";
/// 32 bytes each, as hexadecimal digits. What they protect lives for a minute on this machine.
const POP_SECRET: &str = "5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a";
const SESSION_KEY: &str = "0707070707070707070707070707070707070707070707070707070707070707";

/// An edge to start.
pub struct Host<'a> {
    /// What people call it; it has a data folder of this name.
    pub name: &'a str,
    /// Arguments besides those that every edge needs.
    pub args: &'a [&'a str],
    /// Variables of the app, besides what every PoP must know.
    pub variables: &'a [(&'a str, &'a str)],
}

/// Running stores, and the programs to measure them with.
pub struct Stage {
    binaries: PathBuf,
    environment: Vec<(String, String)>,
    ops_port: u16,
    origin_edge_port: u16,
    // Dropped in this order: the folder goes when nobody writes into it any more.
    stores: Servers,
    data: TempDir,
}

impl Stage {
    /// Builds the programs, starts the stores and makes the tables.
    pub fn set() -> anyhow::Result<Self> {
        build("release", &["origin", "bench"])?;
        let target = workspace::target()?;
        fs::create_dir_all(&target)?;
        let data = TempDir::with_prefix_in("bench-", &target)?;
        let setting = Setting {
            data: data.path(),
            lock: None,
            mysql_password: PASSWORD,
            pops: 1,
        };
        let stores = Servers::start(&setting, |server| {
            eprintln!("{} on 127.0.0.1:{}", server.name(), server.port());
        })?;
        let (ops_port, origin_edge_port) = (ports::free()?, ports::free()?);
        let stage = Self {
            binaries: target.join("release"),
            environment: environment(&stores, ops_port, origin_edge_port)?,
            ops_port,
            origin_edge_port,
            stores,
            data,
        };
        stage.measure(&["migrate"])?;
        Ok(stage)
    }

    /// Starts the origin with these roles. It stops when it is dropped.
    pub fn origin(&self, roles: &str) -> anyhow::Result<Server> {
        let launch = Launch {
            name: "origin".to_owned(),
            program: self.binaries.join("doorbuster-origin"),
            args: vec!["--roles".into(), roles.into()],
            environment: self.environment.clone(),
            folder: workspace::top(),
            log: self.data.path().join("logs/origin.log"),
            lock: None,
        };
        Server::start(launch, self.ops_port, Ready::Http { path: "/readyz" })
    }

    /// Builds the app and the host as operators have it, and starts the edge of the one PoP. It stops
    /// when it is dropped.
    pub fn edge(&self, host: &Host<'_>) -> anyhow::Result<Server> {
        compile::components(&compile::COMPONENTS)?;
        let port = ports::free()?;
        let site = Site {
            url: format!("http://127.0.0.1:{port}"),
            origin_url: format!("http://127.0.0.1:{}", self.origin_edge_port),
            checkout_origins: String::new(),
        };
        let text = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        let variables: Vec<_> = host.variables.iter().map(text).collect();
        let pop = Pop::new(0, POP_SECRET, port, self.stores.pop_redis_url());
        let environment = pop.environment(&site, &variables);
        let manifest = workspace::top().join("spin.toml");
        self.start(host.name, port, manifest, host.args, environment)
    }

    /// Builds the host as operators have it, and starts it with another app.
    pub fn host(&self, name: &str, manifest: PathBuf, args: &[&str]) -> anyhow::Result<Server> {
        self.start(name, ports::free()?, manifest, args, Vec::new())
    }

    fn start(
        &self,
        name: &str,
        port: u16,
        manifest: PathBuf,
        more: &[&str],
        environment: Vec<(String, String)>,
    ) -> anyhow::Result<Server> {
        // Apart from the others: together, features of shared crates would differ, and all of
        // wasmtime be built again.
        build(HOST_PROFILE, &["edge-host"])?;
        let mut args = vec![
            "--manifest".into(),
            manifest.into(),
            "--listen".into(),
            format!("127.0.0.1:{port}").into(),
            "--data".into(),
            self.data.path().join(name).into(),
        ];
        args.extend(more.iter().map(Into::into));
        let launch = Launch {
            name: name.to_owned(),
            program: workspace::target()?
                .join(HOST_PROFILE)
                .join("doorbuster-edge"),
            args,
            environment,
            folder: workspace::top(),
            log: self.data.path().join(format!("logs/{name}.log")),
            lock: None,
        };
        let path = "/.well-known/spin/health";
        Server::start(launch, port, Ready::Http { path })
    }

    /// The PoP's Redis.
    pub fn pop_redis(&self) -> &Server {
        &self.stores.pop_redis
    }

    /// Runs a command of `doorbuster-bench` and gives what it measured.
    pub fn measure(&self, args: &[&str]) -> anyhow::Result<Vec<Measurement>> {
        let mut command = crate::servers::spawner::command(self.binaries.join("doorbuster-bench"));
        command
            .args(args)
            .env_clear()
            .envs(programs::plain_environment())
            .envs(self.environment.iter().map(|(key, value)| (key, value)))
            .stdin(Stdio::null());
        let mut lines = Vec::new();
        let status = tool::run_lines(command, |line| lines.push(line.to_owned()))?;
        let words = args.first().copied().unwrap_or_default();
        ensure!(
            status.success(),
            "`doorbuster-bench {words}` failed ({status})"
        );
        let read = |line: &String| {
            serde_json::from_str(line).with_context(|| format!("`doorbuster-bench` said {line}"))
        };
        lines.iter().map(read).collect()
    }

    /// The arguments by which `doorbuster-bench` watches the stores and, if it runs, the origin.
    pub fn watch(&self, origin: Option<&Server>) -> Vec<String> {
        let Servers {
            redis, nats, mysql, ..
        } = &self.stores;
        let mut args = Vec::new();
        for server in origin.into_iter().chain([redis, nats, mysql]) {
            args.push("--process".to_owned());
            args.push(format!("{}={}", server.name(), server.process_id()));
        }
        args
    }

    /// An error if a store has died.
    pub fn check(&mut self) -> anyhow::Result<()> {
        self.stores.check()
    }

    /// Where data and logs are.
    pub fn folder(&self) -> &Path {
        self.data.path()
    }
}

fn build(profile: &str, packages: &[&str]) -> anyhow::Result<()> {
    let mut command = workspace::cargo();
    command.args(["build", "--profile", profile]);
    for package in packages {
        command.args(["--package", package]);
    }
    tool::run_quiet(command)
}

/// The settings of the origin. No mail is sent and nothing is paid, so that nobody listens there.
fn environment(
    stores: &Servers,
    ops_port: u16,
    edge_port: u16,
) -> anyhow::Result<Vec<(String, String)>> {
    let listen = |port| format!("127.0.0.1:{port}");
    let settings = [
        ("MYSQL_URL", stores.mysql_database_url()),
        ("REDIS_URL", stores.redis_url()),
        ("NATS_URL", stores.nats_url()),
        ("STREAM_PREFIX", "bench".to_owned()),
        ("EDGE_LISTEN", listen(edge_port)),
        ("WEBHOOKS_LISTEN", listen(ports::free()?)),
        ("ADMIN_LISTEN", listen(ports::free()?)),
        ("OPS_LISTEN", listen(ops_port)),
        ("POPS", format!("pop-1:{POP_SECRET}")),
        ("SESSION_KEY", SESSION_KEY.to_owned()),
        ("PUBLIC_URL", "http://127.0.0.1:9".to_owned()),
        ("SMTP_URL", "smtp://127.0.0.1:9".to_owned()),
        ("MAIL_FROM", "Doorbuster <shop@example.test>".to_owned()),
        ("PAYMENTS_URL", "http://127.0.0.1:9".to_owned()),
        ("PAYMENTS_API_KEY", "bench".to_owned()),
        ("PAYMENTS_WEBHOOK_SECRET", "bench".to_owned()),
    ];
    let named = settings.map(|(key, value)| (format!("DOORBUSTER_{key}"), value));
    Ok(named.to_vec())
}
