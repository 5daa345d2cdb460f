//! An app in a folder of its own, and the host that runs it.

use std::{
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    sync::{
        OnceLock,
        atomic::{AtomicU32, Ordering::Relaxed},
    },
    thread,
    time::{Duration, Instant},
};

use crate::client::{Answer, get};

/// Nothing here takes longer, on a slow machine with other work.
const PATIENCE: Duration = Duration::from_mins(1);

/// An app with the probe as its only component, routed at `/probe/:name/...`.
pub struct App {
    pub folder: PathBuf,
    arguments: Vec<String>,
    environment: Vec<(String, String)>,
    has_cache: bool,
}

/// A running host; it is killed when dropped.
pub struct Host {
    pub address: SocketAddr,
    process: Child,
    log: PathBuf,
}

impl App {
    /// An app whose component has these further keys, and whose manifest these further tables.
    pub fn new(component: &str, tables: &str) -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Relaxed);
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR"))
            .join(format!("edge-host-{}-{number}", std::process::id()));
        fs::create_dir_all(folder.join("data")).unwrap();
        // Compiling the probe once is enough for all tests.
        let compiled = Path::new(env!("CARGO_TARGET_TMPDIR")).join("edge-host-compiled");
        fs::create_dir_all(&compiled).unwrap();
        std::os::unix::fs::symlink(compiled, folder.join("data/compiled")).unwrap();
        fs::copy(probe(), folder.join("probe.wasm")).unwrap();
        let manifest = format!(
            "spin_manifest_version = 2\n\
             [application]\nname = \"probe\"\n\
             [[trigger.http]]\nroute = \"/probe/:name/...\"\ncomponent = \"probe\"\n\
             [component.probe]\nsource = \"probe.wasm\"\n{component}\n{tables}\n"
        );
        fs::write(folder.join("spin.toml"), manifest).unwrap();
        Self {
            folder,
            arguments: Vec::new(),
            environment: Vec::new(),
            has_cache: false,
        }
    }

    /// With the cache that a host has by default; tests of all else meet the component each time.
    pub fn with_cache(mut self) -> Self {
        self.has_cache = true;
        self
    }

    /// With these arguments.
    pub fn arguments(mut self, arguments: &[&str]) -> Self {
        self.arguments
            .extend(arguments.iter().map(ToString::to_string));
        self
    }

    /// With this runtime configuration.
    pub fn runtime_config(self, text: &str) -> Self {
        let file = self.folder.join("runtime.toml");
        fs::write(&file, text).unwrap();
        self.arguments(&["--runtime-config", file.to_str().unwrap()])
    }

    /// With this environment variable.
    pub fn environment(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.into(), value.into()));
        self
    }

    /// Starts the host and waits until it says that it is ready.
    pub fn start(&self) -> Host {
        let log = self.folder.join("log");
        let mut process = self
            .command()
            .stderr(fs::File::create(&log).unwrap())
            .spawn()
            .unwrap();
        let mut listening = None;
        wait_for("the host to listen", || {
            let text = fs::read_to_string(&log).unwrap();
            assert!(
                process.try_wait().unwrap().is_none(),
                "the host ended: {text}"
            );
            // Addresses without TLS are named first.
            listening = listening_on("http://", &text).or(listening_on("https://", &text));
            listening.is_some()
        });
        Host {
            address: listening.unwrap(),
            process,
            log,
        }
    }

    /// Runs the host, which must end by itself: whether it was content, and what it said.
    pub fn run(&self) -> (bool, String) {
        let output = self.command().stderr(Stdio::piped()).output().unwrap();
        assert!(output.stdout.is_empty(), "stdout is not for the log");
        (
            output.status.success(),
            String::from_utf8(output.stderr).unwrap(),
        )
    }

    fn command(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_doorbuster-edge"));
        command
            .current_dir(&self.folder)
            .arg("--manifest")
            .arg(self.folder.join("spin.toml"))
            .arg("--data")
            .arg(self.folder.join("data"));
        let listens = |argument: &String| argument.starts_with("--listen");
        if !self.arguments.iter().any(listens) {
            command.args(["--listen", "127.0.0.1:0"]);
        }
        if !self.has_cache {
            command.args(["--cache-mib", "0"]);
        }
        let environment = self.environment.iter().map(|(name, value)| (name, value));
        command
            .args(&self.arguments)
            .envs(environment)
            .env_remove("RUST_LOG");
        command
    }
}

impl Drop for App {
    fn drop(&mut self) {
        // A failed test leaves its folder for whoever looks into it.
        if !thread::panicking() {
            fs::remove_dir_all(&self.folder).unwrap();
        }
    }
}

impl Host {
    /// Gives the probe a command, with its argument after a question mark.
    pub fn probe(&self, command: &str) -> Answer {
        get(self.address, &format!("/probe/x/{command}"), &[])
    }

    /// What the probe answers to a command that must succeed.
    pub fn tell(&self, command: &str) -> String {
        let answer = self.probe(command);
        assert_eq!(
            answer.status,
            200,
            "{command}: {}\n{}",
            answer.body,
            self.log()
        );
        answer.body
    }

    /// What the host logged so far.
    pub fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap()
    }

    /// Where the host speaks TLS.
    pub fn tls_address(&self) -> SocketAddr {
        let mut listening = None;
        wait_for("the host to listen with TLS", || {
            listening = listening_on("https://", &self.log());
            listening.is_some()
        });
        listening.unwrap()
    }

    /// Asks the host to end.
    pub fn terminate(&self) {
        self.signal("-TERM");
    }

    /// Asks the host to read its files anew.
    pub fn hang_up(&self) {
        self.signal("-HUP");
    }

    /// Sends a signal, named as `kill` wants it.
    pub fn signal(&self, signal: &str) {
        let id = self.process.id().to_string();
        let sent = Command::new("kill").args([signal, &id]).status();
        assert!(sent.unwrap().success());
    }

    /// A page of the operators' listener, for which the app must have `--ops`.
    pub fn ops(&self, path: &str) -> Answer {
        let log = self.log();
        let line = log
            .lines()
            .find_map(|line| line.split_once("operators' listener on http://"));
        let (_, address) = line.expect("the host has an operators' listener");
        get(address.trim().parse().unwrap(), path, &[])
    }

    /// The sum of all samples of a metric whose labels hold all these texts.
    pub fn metric(&self, name: &str, labels: &[&str]) -> f64 {
        let page = self.ops("/metrics").body;
        let samples = page.lines().filter_map(|line| {
            let (key, value) = line.rsplit_once(' ')?;
            let of_it = key
                .strip_prefix("doorbuster_edge_host_")?
                .strip_prefix(name)?;
            let is_it = of_it.is_empty() || of_it.starts_with('{');
            let has_all = labels.iter().all(|label| of_it.contains(label));
            (is_it && has_all).then(|| value.parse::<f64>().unwrap())
        });
        samples.sum()
    }

    /// The memory of the host that is really there, in MiB.
    pub fn resident_mib(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.process.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kib: u64 = line
            .unwrap()
            .trim()
            .trim_end_matches(" kB")
            .parse()
            .unwrap();
        kib >> 10
    }

    /// Waits for the end.
    pub fn wait(mut self) -> ExitStatus {
        let mut status = None;
        wait_for("the host to end", || {
            status = self.process.try_wait().unwrap();
            status.is_some()
        });
        status.unwrap()
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        // It may have ended already.
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

/// The first address that the log names with this scheme.
fn listening_on(scheme: &str, log: &str) -> Option<SocketAddr> {
    let begin = format!("listening on {scheme}");
    let (_, address) = log.lines().find_map(|line| line.split_once(&begin))?;
    address.trim().parse().ok()
}

/// Polls until `condition` holds.
pub fn wait_for(what: &str, mut condition: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !condition() {
        assert!(Instant::now() < deadline, "gave up waiting for {what}");
        thread::sleep(Duration::from_millis(20));
    }
}

/// The probe's wasm file: the one of the test run, else freshly built.
fn probe() -> &'static Path {
    static PROBE: OnceLock<PathBuf> = OnceLock::new();
    PROBE.get_or_init(|| {
        if let Some(file) = std::env::var_os("DOORBUSTER_PROBE_WASM") {
            return file.into();
        }
        let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap();
        let built = Command::new(env!("CARGO"))
            .args([
                "build",
                "--quiet",
                "--release",
                "--target",
                "wasm32-wasip2",
                "-p",
                "edge-probe",
            ])
            .arg("--target-dir")
            .arg(target)
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .status()
            .unwrap();
        assert!(built.success(), "the probe does not build");
        target.join("wasm32-wasip2/release/edge_probe.wasm")
    })
}
