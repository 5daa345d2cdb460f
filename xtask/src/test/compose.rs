//! `cargo xtask test --compose`: compose.yaml as its users work with it.
//!
//! Invariant: every project made here is taken down again with its volumes, whatever happened to it.

mod images;
mod project;
#[cfg(test)]
mod tests;

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};
use serde_json::Value;

use super::count::Count;
use super::stages::Stages;
use crate::servers::spawner;
use crate::{compile, install, interrupt, python, tool, workspace};
pub use images::Images;
use project::{Project, Tool};

const STORES: [&str; 4] = ["mysql", "redis", "pop-redis", "nats"];
const PROGRAMS: [&str; 3] = ["origin", "edge", "sandbox"];

/// What the page must show: it comes from the origin's database by way of the snapshot.
const TITLE: &str = "Containerfield";
const PAGE_DEADLINE: Duration = Duration::from_secs(30);
const PAGE_TIMEOUT: Duration = Duration::from_secs(5);
const PAGE_BYTES_MAX: u64 = 1 << 20;
const POLL: Duration = Duration::from_millis(200);

/// Runs all of it. An error only if somebody stopped it or something must be installed.
pub fn run(images: Images, stages: &mut Stages) -> anyhow::Result<()> {
    let tool = Tool::find()?;
    let mut files = Vec::new();
    let prepared = stages.run("install", install::python_packages)?
        && stages.run("build", compile::for_tests)?
        && stages.run("images", || {
            files = images.prepare(&tool)?;
            Ok(())
        })?;
    if prepared {
        stages.run_tests("origin", |count| {
            Project::new(&tool, &files)?.run(|project| origin(project, count))
        })?;
        stages.run("stack", || Project::new(&tool, &files)?.run(stack))?;
    }
    Ok(())
}

/// The origin's integration tests against the stores.
fn origin(project: &Project<'_>, count: &mut Count) -> anyhow::Result<()> {
    let tests = integration_tests("origin")?;
    project.up(&STORES)?;
    let environment = [
        ("DOORBUSTER_TEST_MYSQL_URL", project.mysql_url()?),
        ("DOORBUSTER_TEST_REDIS_URL", project.url("redis", "redis")?),
        (
            "DOORBUSTER_TEST_POP_REDIS_URL",
            project.url("redis", "pop-redis")?,
        ),
        ("DOORBUSTER_TEST_NATS_URL", project.url("nats", "nats")?),
        (
            python::TEST_VARIABLE,
            python::interpreter()?.display().to_string(),
        ),
    ];
    let mut command = spawner::command(tests);
    command
        .current_dir(workspace::top().join("origin"))
        .envs(environment);
    let status = tool::run_lines(command, |line| {
        println!("{line}");
        count.see_cargo(line);
    })?;
    ensure!(status.success(), "the origin's tests failed ({status})");
    Ok(())
}

/// The program with a package's integration tests. Cargo is asked in the words with which it built
/// them: for one package alone it would build much again, with fewer features.
fn integration_tests(package: &str) -> anyhow::Result<PathBuf> {
    let manifest = workspace::top().join(package).join("Cargo.toml");
    let mut command = workspace::cargo();
    command.args(["test", "--workspace", "--exclude", "edge-probe", "--no-run"]);
    command.args(["--quiet", "--message-format", "json"]);
    let mut found = None;
    let status = tool::run_lines(command, |line| {
        let message: Value = serde_json::from_str(line).unwrap_or_default();
        let ours = message["manifest_path"].as_str() == manifest.to_str();
        if let ("test", true, Some(program)) = (
            message["target"]["kind"][0].as_str().unwrap_or_default(),
            ours,
            message["executable"].as_str(),
        ) {
            found = Some(PathBuf::from(program));
        }
    })?;
    ensure!(status.success(), "cargo failed ({status})");
    found.with_context(|| format!("{package} has no integration tests"))
}

/// Everything starts in its order and becomes healthy, and a sale comes to the page.
fn stack(project: &Project<'_>) -> anyhow::Result<()> {
    project.up(&[])?;
    for service in STORES.iter().chain(&PROGRAMS) {
        project.wait(service)?;
        eprintln!("{service} is healthy");
    }
    let doorbuster = |words: &str| project.inside("origin", &format!("doorbuster {words}"));
    let item = doorbuster(&format!(
        "item add --title {TITLE} --list-price 59900 --currency USD"
    ))?;
    let sale = doorbuster(&format!(
        "sale create --item {item} --slug container --price 39900 --currency USD --units 10 \
         --limit 1 --opens now --closes +3600s"
    ))?;
    doorbuster(&format!("sale publish {sale}"))?;
    doorbuster("audit")?;

    let deadline = Instant::now() + PAGE_DEADLINE;
    loop {
        // An edge that does not answer has an empty page.
        let page = page(project.port("edge")?).unwrap_or_default();
        if page.starts_with("HTTP/1.1 200 ") && page.contains(TITLE) {
            eprintln!("the shop shows the sale");
            return Ok(());
        }
        if Instant::now() > deadline {
            bail!("the shop does not show the sale:\n{page}");
        }
        interrupt::sleep(POLL)?;
    }
}

/// The shop's first page with its head.
fn page(port: u16) -> anyhow::Result<String> {
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
    stream.set_read_timeout(Some(PAGE_TIMEOUT))?;
    let request = format!("GET / HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes())?;
    let mut page = Vec::new();
    stream.take(PAGE_BYTES_MAX).read_to_end(&mut page)?;
    Ok(String::from_utf8_lossy(&page).into_owned())
}
