//! `cargo xtask bench edge`: the same page by nginx, by the edge host alone, from its cache and by
//! the component.
//!
//! Invariant: all serve the same bytes with the same headers on the same cores, in turns, in short
//! rounds; the medians are compared.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, ensure};
use clap::Args;

use super::figures::{Bound, Figures, Limit, Measurement, medians};
use super::nginx;
use super::page::Page;
use super::stage::{Host, Stage};
use crate::install::{self, Purpose};
use crate::programs;
use crate::servers::Server;

/// Pages from the edge host against nginx: exit 1 if a limit is missed.
#[derive(Debug, Args)]
pub struct Edge {
    /// Print one line of JSON a figure: name, value, unit, against, ratio.
    #[arg(long)]
    json: bool,

    /// Short rounds and few of them: to see that it runs, not how fast.
    #[arg(long)]
    quick: bool,
}

/// The same for everybody at all times, and about 4 KiB long.
const PAGE_PATH: &str = "/sign-in";
const CONNECTIONS: &str = "64";
const CROWD: &str = "1000";
/// All come from one address, and those of one round may not have left when the next begins.
const FROM_ONE_ADDRESS: [&str; 2] = ["--max-connections-per-prefix", "8192"];
/// What a first answer may take, in milliseconds.
const FIRST_MS_MAX: f64 = 50.0;

const NGINX: &str = "nginx";
const NATIVE: &str = "native";
const CACHED: &str = "cached";
const COMPONENT: &str = "component";
const REUSE_1: &str = "reuse-1";
const REUSE_128: &str = "reuse-128";

/// Each host, and how it is started. The component's has the default reuse, 1,024.
const HOSTS: [(&str, &[&str]); 4] = [
    (CACHED, &[]),
    (COMPONENT, &["--cache-mib", "0"]),
    (
        REUSE_1,
        &["--cache-mib", "0", "--max-requests-per-instance", "1"],
    ),
    (
        REUSE_128,
        &["--cache-mib", "0", "--max-requests-per-instance", "128"],
    ),
];

const LIMITS: [Limit; 3] = [
    Limit {
        figure: CACHED,
        ratio: Bound::AtLeast(0.8),
    },
    Limit {
        figure: COMPONENT,
        ratio: Bound::AtLeast(0.5),
    },
    Limit {
        figure: "first",
        ratio: Bound::Below(1.0),
    },
];

/// How much of everything.
struct Size {
    rounds: u32,
    seconds: &'static str,
    starts: u32,
}

const FULL: Size = Size {
    rounds: 5,
    seconds: "3",
    starts: 5,
};
const QUICK: Size = Size {
    rounds: 1,
    seconds: "1",
    starts: 1,
};

impl Edge {
    /// Whether every limit was met.
    pub fn run(&self) -> anyhow::Result<bool> {
        install::missing(Purpose::Benchmark)?;
        install::component_targets()?;
        let size = if self.quick { QUICK } else { FULL };
        let mut stage = Stage::set()?;
        eprintln!("data and logs in {}", stage.folder().display());
        let figures = measure(&stage, &size)?;
        stage.check()?;
        figures.report(self.json, &LIMITS)
    }
}

fn measure(stage: &Stage, size: &Size) -> anyhow::Result<Figures> {
    let _origin = stage.origin("http")?;
    let servers = servers(stage)?;
    let mut measured = vec![Vec::new(); servers.len()];
    for round in 1..=size.rounds {
        eprintln!("round {round} of {}", size.rounds);
        for (server, rounds) in servers.iter().zip(&mut measured) {
            rounds.push(wrk(stage, server, CONNECTIONS, size.seconds)?);
        }
    }

    let mut figures = Figures::default();
    for (server, rounds) in servers.iter().zip(&measured) {
        let against = (server.name() != NGINX).then_some(NGINX);
        let mut measured = medians(rounds)?;
        measured.retain(|figure| !figure.name.starts_with("memory"));
        figures.add_all(server.name(), &measured, against)?;
    }
    // The others are there to tell what reuse is worth.
    let for_crowds = [NGINX, NATIVE, CACHED, COMPONENT];
    for server in servers
        .iter()
        .filter(|one| for_crowds.contains(&one.name()))
    {
        let crowd = wrk(stage, server, CROWD, size.seconds)?;
        figures.add_all(&format!("{}-crowd", server.name()), &crowd, None)?;
    }
    drop(servers);
    let first = starts(stage, size.starts)?;
    figures.add("first-allowed", FIRST_MS_MAX, "ms", None)?;
    figures.add("first", first, "ms", Some("first-allowed"))?;
    Ok(figures)
}

/// nginx, which the others are compared with, first.
fn servers(stage: &Stage) -> anyhow::Result<Vec<Server>> {
    let hosts = HOSTS.iter().map(|(name, args)| {
        stage.edge(&Host {
            name,
            args: &[args, &FROM_ONE_ADDRESS[..]].concat(),
            variables: &[],
        })
    });
    let hosts = hosts.collect::<anyhow::Result<Vec<_>>>()?;
    let any = hosts.first().context("no host was started")?;
    let page = Page::fetch(any.port(), PAGE_PATH)?;
    ensure!(
        (3_000..6_000).contains(&page.body.len()),
        "{PAGE_PATH} has {} bytes, not about 4 KiB",
        page.body.len()
    );
    let mut servers = vec![
        nginx::start(stage.folder(), &page, PAGE_PATH)?,
        native(stage, &page)?,
    ];
    servers.extend(hosts);
    for server in &servers {
        let served = Page::fetch(server.port(), PAGE_PATH)?;
        ensure!(
            served.body == page.body,
            "{} serves something else",
            server.name()
        );
    }
    Ok(servers)
}

/// The host with an answer that stands in the manifest, so that no component has a part in it.
fn native(stage: &Stage, page: &Page) -> anyhow::Result<Server> {
    let quoted = |text: &str| serde_json::to_string(text);
    let headers = page.headers.iter().map(|(name, value)| {
        let (name, value) = (quoted(name)?, quoted(value)?);
        Ok(format!("{name} = {value}"))
    });
    let headers = headers.collect::<anyhow::Result<Vec<_>>>()?.join(", ");
    let manifest = format!(
        "spin_manifest_version = 2\n[application]\nname = \"native\"\n[[trigger.http]]\n\
         route = \"{PAGE_PATH}\"\nstatic_response = {{ status_code = 200, headers = {{ {headers} }}, \
         body = {} }}\n",
        quoted(&page.body)?
    );
    let file = stage.folder().join("native.toml");
    fs::write(&file, manifest)?;
    let args = [&["--cache-mib", "0"], &FROM_ONE_ADDRESS[..]].concat();
    stage.host(NATIVE, file, &args)
}

fn wrk(
    stage: &Stage,
    server: &Server,
    connections: &str,
    seconds: &str,
) -> anyhow::Result<Vec<Measurement>> {
    let program: PathBuf = programs::need(&["wrk"])?;
    let program = program.to_str().context("a path that is no text")?;
    let process = nginx::serving(server)?;
    let port = server.port();
    let url = format!("http://127.0.0.1:{port}{PAGE_PATH}");
    let mut args: Vec<&str> = vec!["edge", "--program", program, "--url", &url];
    args.extend(["--seconds", seconds, "--connections", connections]);
    args.extend(["--threads", "2", "--warm-up-seconds", "1"]);
    let processes: Vec<_> = process
        .iter()
        .map(|id| format!("--process=server={id}"))
        .collect();
    args.extend(processes.iter().map(String::as_str));
    let measured = stage.measure(&args);
    let measured = measured.with_context(|| format!("{} was not measured", server.name()))?;
    Ok(sum_up(measured))
}

/// One figure of what several processes of a server took.
fn sum_up(measured: Vec<Measurement>) -> Vec<Measurement> {
    let mut summed: Vec<Measurement> = Vec::new();
    for measurement in measured {
        match summed.iter_mut().find(|one| one.name == measurement.name) {
            Some(one) => one.value += measurement.value,
            None => summed.push(measurement),
        }
    }
    summed
}

/// The median of what the first request takes after a start that finds compiled code.
fn starts(stage: &Stage, count: u32) -> anyhow::Result<f64> {
    let host = Host {
        name: COMPONENT,
        args: &["--cache-mib", "0"],
        variables: &[],
    };
    let mut times = Vec::new();
    for _ in 0..count {
        let server = stage.edge(&host)?;
        let server_address = format!("127.0.0.1:{}", server.port());
        times.extend(stage.measure(&[
            "first",
            "--server",
            &server_address,
            "--path",
            PAGE_PATH,
        ])?);
    }
    let mut times: Vec<f64> = times.into_iter().map(|first| first.value).collect();
    times.sort_unstable_by(f64::total_cmp);
    times
        .get(times.len() / 2)
        .copied()
        .context("nothing was started")
}
