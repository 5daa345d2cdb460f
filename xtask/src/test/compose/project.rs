//! One project of docker compose: named by chance, on free ports of 127.0.0.1.
//!
//! Invariant: a project that is dropped leaves no container, no network and no volume.

use std::collections::HashMap;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, anyhow, bail, ensure};

use crate::install::ByHand;
use crate::servers::{ports, spawner};
use crate::{interrupt, programs, tool, workspace};

/// Who publishes a port of which the environment says where: the service and the variable.
pub const PUBLISHED: [(&str, &str); 8] = [
    ("mysql", "HOST_PORT_MYSQL"),
    ("redis", "HOST_PORT_REDIS"),
    ("pop-redis", "HOST_PORT_POP_REDIS"),
    ("nats", "HOST_PORT_NATS"),
    ("origin", "HOST_PORT_OPS"),
    ("origin", "HOST_PORT_ADMIN"),
    ("edge", "HOST_PORT_EDGE"),
    ("sandbox", "HOST_PORT_SANDBOX"),
];
/// Any password does: the database lives as long as the tests.
const PASSWORD: &str = "test";

const HEALTH_DEADLINE: Duration = Duration::from_mins(3);
const POLL: Duration = Duration::from_millis(500);

/// `docker compose` or, where Docker has no such plug-in, `docker-compose`.
pub struct Tool {
    words: Vec<PathBuf>,
}

impl Tool {
    /// Whichever is installed; else the line to type.
    pub fn find() -> anyhow::Result<Self> {
        let by_hand = || ByHand {
            line: "sudo apt-get install -y --no-install-recommends docker.io docker-compose"
                .to_owned(),
        };
        let docker = programs::find(&["docker"]).ok_or_else(by_hand)?;
        let plugin = Command::new(&docker)
            .args(["compose", "version"])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .is_ok_and(|status| status.success());
        let words = if plugin {
            vec![docker, "compose".into()]
        } else {
            vec![programs::find(&["docker-compose"]).ok_or_else(by_hand)?]
        };
        Ok(Self { words })
    }

    /// With these files, at the top of the repository.
    pub fn command(&self, files: &[PathBuf]) -> Command {
        let mut command = spawner::command(&self.words[0]);
        command
            .args(&self.words[1..])
            .current_dir(workspace::top())
            .stdin(Stdio::null());
        for file in files {
            command.arg("--file").arg(file);
        }
        command
    }
}

/// What `up` starts and dropping takes down.
pub struct Project<'a> {
    tool: &'a Tool,
    files: &'a [PathBuf],
    name: String,
    ports: HashMap<&'static str, u16>,
}

impl<'a> Project<'a> {
    /// Nothing runs yet.
    pub fn new(tool: &'a Tool, files: &'a [PathBuf]) -> anyhow::Result<Self> {
        let chance = getrandom::u32().map_err(|error| anyhow!("no random numbers: {error}"))?;
        let mut published = HashMap::new();
        for (service, _) in PUBLISHED {
            published.insert(service, ports::free()?);
        }
        Ok(Self {
            tool,
            files,
            name: format!("doorbuster-test-{chance:08x}"),
            ports: published,
        })
    }

    /// Does `work`, shows what the containers last said if it fails, and takes all down.
    pub fn run(self, work: impl FnOnce(&Self) -> anyhow::Result<()>) -> anyhow::Result<()> {
        let result = work(&self);
        if result.is_err() && !interrupt::requested() {
            // The fault of the work is what counts, not one of showing the logs.
            let _ = self.quiet(&["logs", "--no-color", "--tail", "30"]);
        }
        result
    }

    /// Starts these services, all if none is named, after those they wait for; returns when the
    /// named ones are healthy.
    pub fn up(&self, services: &[&str]) -> anyhow::Result<()> {
        self.quiet(&[&["up", "--detach", "--no-build"], services].concat())?;
        services.iter().try_for_each(|service| self.wait(service))
    }

    /// Returns when a service is healthy.
    pub fn wait(&self, service: &str) -> anyhow::Result<()> {
        let deadline = Instant::now() + HEALTH_DEADLINE;
        loop {
            let container = self.output(&["ps", "-q", service])?;
            ensure!(!container.is_empty(), "{service} does not run");
            let health = health(&container)?;
            match health.as_str() {
                "healthy" => return Ok(()),
                "starting" if Instant::now() < deadline => interrupt::sleep(POLL)?,
                _ => bail!("{service} is {health}"),
            }
        }
    }

    /// Runs a command, whose words hold no blanks, in the container of a service and gives what it
    /// printed.
    pub fn inside(&self, service: &str, command: &str) -> anyhow::Result<String> {
        let mut args = vec!["exec", "-T", service];
        args.extend(command.split_ascii_whitespace());
        self.output(&args)
    }

    /// Where a service is published on 127.0.0.1.
    pub fn port(&self, service: &str) -> anyhow::Result<u16> {
        let port = self.ports.get(service).copied();
        port.with_context(|| format!("{service} publishes no port"))
    }

    /// `redis://…`, `nats://…`
    pub fn url(&self, scheme: &str, service: &str) -> anyhow::Result<String> {
        Ok(format!("{scheme}://127.0.0.1:{}", self.port(service)?))
    }

    /// Of the user who may make databases.
    pub fn mysql_url(&self) -> anyhow::Result<String> {
        let port = self.port("mysql")?;
        Ok(format!("mysql://root:{PASSWORD}@127.0.0.1:{port}"))
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = self.tool.command(self.files);
        command.arg("--project-name").arg(&self.name).args(args);
        command
            .env("MYSQL_PASSWORD", PASSWORD)
            .env("MYSQL_ROOT_PASSWORD", PASSWORD);
        for (service, variable) in PUBLISHED {
            let port = self.ports.get(service).map(u16::to_string);
            command.env(variable, port.unwrap_or_default());
        }
        command
    }

    fn quiet(&self, args: &[&str]) -> anyhow::Result<()> {
        tool::run_quiet(self.command(args))
    }

    fn output(&self, args: &[&str]) -> anyhow::Result<String> {
        output(self.command(args))
    }
}

impl Drop for Project<'_> {
    fn drop(&mut self) {
        let args = ["down", "--volumes", "--remove-orphans", "--timeout", "5"];
        // Not as the other commands, which end early after Ctrl-C.
        let ended = spawner::spawn(self.command(&args)).and_then(|mut child| child.wait());
        if !ended.is_ok_and(|status| status.success()) {
            eprintln!("the project {} could not be taken down", self.name);
        }
    }
}

/// `starting`, `healthy` or `unhealthy`.
fn health(container: &str) -> anyhow::Result<String> {
    let mut command = spawner::command(programs::need(&["docker"])?);
    command.args(["inspect", "--format", "{{.State.Health.Status}}", container]);
    output(command)
}

fn output(command: Command) -> anyhow::Result<String> {
    let shown = spawner::show(&command);
    let mut lines = Vec::new();
    let status = tool::run_lines(command, |line| lines.push(line.to_owned()))?;
    ensure!(status.success(), "`{shown}` failed ({status})");
    Ok(lines.join("\n"))
}
