//! One child that serves: started, watched, stopped, and started again on the same port.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::path::PathBuf;
use std::process::{Child, Stdio};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};

use super::{Ready, spawner};
use crate::{interrupt, programs};

/// A debug build of the edge compiles its components for up to 20 s; a loaded machine is slower.
const START_DEADLINE: Duration = Duration::from_mins(2);
const POLL: Duration = Duration::from_millis(25);
const TAIL_LINES: usize = 20;

/// How to start a program.
pub struct Launch {
    /// What people call it; also the name of its log.
    pub name: String,
    /// With its folder, or found through `PATH`.
    pub program: PathBuf,
    /// What follows the program's name.
    pub args: Vec<OsString>,
    /// On top of [`programs::plain_environment`].
    pub environment: Vec<(String, String)>,
    /// Where it runs.
    pub folder: PathBuf,
    /// Where its output goes.
    pub log: PathBuf,
    /// Kept open while it runs.
    pub lock: Option<Arc<File>>,
}

/// A program that runs and has answered. Dropping stops it.
pub struct Server {
    launch: Launch,
    port: u16,
    ready: Ready,
    child: Child,
}

impl Launch {
    fn spawn(&self) -> anyhow::Result<Child> {
        if let Some(folder) = self.log.parent() {
            fs::create_dir_all(folder)?;
        }
        let log = OpenOptions::new()
            .create(true)
            .append(true)
            .open(&self.log)?;
        let mut command = spawner::command(&self.program);
        command
            .args(&self.args)
            .env_clear()
            .envs(programs::plain_environment())
            .envs(self.environment.iter().map(|(key, value)| (key, value)))
            .current_dir(&self.folder)
            .stdout(log.try_clone()?)
            .stderr(log);
        match &self.lock {
            // Any descriptor that is inherited would do; this one needs no unsafe code.
            Some(lock) => command.stdin(lock.try_clone()?),
            None => command.stdin(Stdio::null()),
        };
        spawner::spawn(command).with_context(|| format!("cannot start {}", self.name))
    }

    /// Runs a program that ends by itself.
    pub fn run(&self) -> anyhow::Result<()> {
        let mut child = self.spawn()?;
        let deadline = Instant::now() + START_DEADLINE;
        loop {
            if let Some(status) = child.try_wait()? {
                if !status.success() {
                    bail!(
                        "{} failed ({status}); its log ends:\n{}",
                        self.name,
                        self.tail()
                    );
                }
                return Ok(());
            }
            let over = Instant::now() > deadline;
            if over || interrupt::requested() {
                spawner::stop(&mut child);
                bail!("{} was stopped before its end", self.name);
            }
            thread::sleep(POLL);
        }
    }

    /// Names its log and shows the last lines of it.
    fn tail(&self) -> String {
        let log = fs::read(&self.log).unwrap_or_default();
        let log = String::from_utf8_lossy(&log);
        let lines: Vec<&str> = log.lines().collect();
        let last = lines[lines.len().saturating_sub(TAIL_LINES)..].join("\n");
        format!("{} ends:\n{last}", self.log.display())
    }
}

impl Server {
    /// Starts a program and waits until it answers on `port`.
    pub fn start(launch: Launch, port: u16, ready: Ready) -> anyhow::Result<Self> {
        let child = launch.spawn()?;
        let mut server = Self {
            launch,
            port,
            ready,
            child,
        };
        server.wait()?;
        Ok(server)
    }

    /// What people call it.
    pub fn name(&self) -> &str {
        &self.launch.name
    }

    /// Where it listens on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Of the process that runs now.
    pub fn process_id(&self) -> u32 {
        self.child.id()
    }

    /// An error with the end of its log if it has died.
    pub fn check(&mut self) -> anyhow::Result<()> {
        if let Some(status) = self.child.try_wait()? {
            bail!(
                "{} died ({status}); {}",
                self.launch.name,
                self.launch.tail()
            );
        }
        Ok(())
    }

    /// SIGTERM, SIGKILL after ten seconds.
    pub fn stop(&mut self) {
        spawner::stop(&mut self.child);
    }

    /// SIGKILL, as a crash would do.
    pub fn kill(&mut self) {
        spawner::kill(&mut self.child);
    }

    /// SIGSTOP: it keeps its connections and answers nothing, until [`resume`](Self::resume).
    pub fn pause(&mut self) {
        spawner::pause(&mut self.child);
    }

    /// SIGCONT.
    pub fn resume(&mut self) {
        spawner::resume(&mut self.child);
    }

    /// Starts it again as before, on the same port and data, and waits until it answers.
    pub fn restart(&mut self) -> anyhow::Result<()> {
        self.stop();
        self.child = self.launch.spawn()?;
        self.wait()
    }

    fn wait(&mut self) -> anyhow::Result<()> {
        let deadline = Instant::now() + START_DEADLINE;
        loop {
            self.check()?;
            if self.ready.ask(self.port, self.child.id()).unwrap_or(false) {
                // Another program may have answered on the port that ours could not have.
                return self.check();
            }
            if Instant::now() > deadline {
                bail!(
                    "{} does not answer; {}",
                    self.launch.name,
                    self.launch.tail()
                );
            }
            interrupt::sleep(POLL)?;
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop();
    }
}
