//! Our own programs: their ports, their command lines and what they are told by the environment.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;

use anyhow::{Context, bail};

use super::Addresses;
use super::secrets::Secrets;
use crate::servers::{Launch, Ready, Servers, ports};
use crate::{programs, workspace};

/// What the edge is called.
pub const EDGE: &str = "edge";

const POP: &str = "pop-1";

/// Everything that is known before the first of our programs starts.
pub struct Programs {
    data: PathBuf,
    lock: Arc<File>,
    binaries: PathBuf,
    edge: u16,
    origin_edge: u16,
    origin_ops: u16,
    origin_webhooks: u16,
    sandbox_http: u16,
    sandbox_smtp: u16,
    origin_environment: Vec<(String, String)>,
    edge_environment: Vec<(String, String)>,
    payments_api_key: String,
    payments_webhook_secret: String,
}

/// The operator's command line, told which system it works on.
pub struct Cli {
    program: PathBuf,
    folder: PathBuf,
    environment: Vec<(String, String)>,
}

impl Programs {
    pub fn new(
        data: &Path,
        lock: Arc<File>,
        secrets: &Secrets,
        stores: &Servers,
        edge: u16,
        edge_variables: &[(String, String)],
    ) -> anyhow::Result<Self> {
        let mut programs = Self {
            data: data.to_owned(),
            lock,
            binaries: workspace::binaries()?,
            edge,
            origin_edge: ports::free()?,
            origin_ops: ports::free()?,
            origin_webhooks: ports::free()?,
            sandbox_http: ports::free()?,
            sandbox_smtp: ports::free()?,
            origin_environment: Vec::new(),
            edge_environment: Vec::new(),
            payments_api_key: secrets.payments_api_key.clone(),
            payments_webhook_secret: secrets.payments_webhook_secret.clone(),
        };
        programs.origin_environment = programs.for_origin(secrets, stores);
        programs.edge_environment = programs.for_edge(secrets, stores, edge_variables);
        Ok(programs)
    }

    pub fn addresses(&self, stores: &Servers) -> Addresses {
        Addresses {
            edge_url: url(self.edge),
            ops_url: url(self.origin_ops),
            webhooks_url: url(self.origin_webhooks),
            sandbox_url: url(self.sandbox_http),
            mysql_url: stores.mysql_database_url(),
            redis_url: stores.redis_url(),
            pop_redis_url: stores.pop_redis_url(),
            nats_url: stores.nats_url(),
            sales: Vec::new(),
            account: None,
        }
    }

    pub fn cli(&self) -> Cli {
        Cli {
            program: self.binaries.join("doorbuster"),
            folder: workspace::top(),
            environment: self.origin_environment.clone(),
        }
    }

    /// Sandbox, origin, edge: in the order of their start.
    pub fn launches(&self) -> [(Launch, u16, Ready); 3] {
        [self.sandbox(), self.origin(), self.edge()]
    }

    fn sandbox(&self) -> (Launch, u16, Ready) {
        let args = [
            "--http".to_owned(),
            listen(self.sandbox_http),
            "--smtp".to_owned(),
            listen(self.sandbox_smtp),
            "--webhook-url".to_owned(),
            format!("{}/webhooks/sandbox", url(self.origin_webhooks)),
            "--webhook-secret".to_owned(),
            self.payments_webhook_secret.clone(),
            "--api-key".to_owned(),
            self.payments_api_key.clone(),
            "--data".to_owned(),
            self.data.join("sandbox").display().to_string(),
        ];
        let launch = self.launch("sandbox", "doorbuster-sandbox", &args, &[]);
        (launch, self.sandbox_http, Ready::Http { path: "/livez" })
    }

    fn origin(&self) -> (Launch, u16, Ready) {
        let launch = self.launch("origin", "doorbuster-origin", &[], &self.origin_environment);
        (launch, self.origin_ops, Ready::Http { path: "/readyz" })
    }

    fn edge(&self) -> (Launch, u16, Ready) {
        let args = [
            "--manifest".to_owned(),
            workspace::top().join("spin.toml").display().to_string(),
            "--listen".to_owned(),
            listen(self.edge),
            "--data".to_owned(),
            self.data.join("edge").display().to_string(),
        ];
        let launch = self.launch(EDGE, "doorbuster-edge", &args, &self.edge_environment);
        (
            launch,
            self.edge,
            Ready::Http {
                path: "/.well-known/spin/health",
            },
        )
    }

    fn launch(
        &self,
        name: &str,
        program: &str,
        args: &[String],
        environment: &[(String, String)],
    ) -> Launch {
        Launch {
            name: name.to_owned(),
            program: self.binaries.join(program),
            args: args.iter().map(Into::into).collect(),
            environment: environment.to_vec(),
            folder: workspace::top(),
            log: self.data.join("logs").join(format!("{name}.log")),
            lock: Some(Arc::clone(&self.lock)),
        }
    }

    fn for_origin(&self, secrets: &Secrets, stores: &Servers) -> Vec<(String, String)> {
        let settings = [
            ("MYSQL_URL", stores.mysql_database_url()),
            ("REDIS_URL", stores.redis_url()),
            ("NATS_URL", stores.nats_url()),
            ("STREAM_PREFIX", "doorbuster".to_owned()),
            ("EDGE_LISTEN", listen(self.origin_edge)),
            ("WEBHOOKS_LISTEN", listen(self.origin_webhooks)),
            ("OPS_LISTEN", listen(self.origin_ops)),
            ("POPS", format!("{POP}:{}", secrets.pop_secret)),
            ("SESSION_KEY", secrets.session_key.clone()),
            ("PUBLIC_URL", url(self.edge)),
            ("SMTP_URL", format!("smtp://{}", listen(self.sandbox_smtp))),
            ("MAIL_FROM", "Doorbuster <shop@example.test>".to_owned()),
            ("PAYMENTS_URL", url(self.sandbox_http)),
            ("PAYMENTS_API_KEY", secrets.payments_api_key.clone()),
            (
                "PAYMENTS_WEBHOOK_SECRET",
                secrets.payments_webhook_secret.clone(),
            ),
        ];
        settings
            .map(|(key, value)| (format!("DOORBUSTER_{key}"), value))
            .to_vec()
    }

    fn for_edge(
        &self,
        secrets: &Secrets,
        stores: &Servers,
        more: &[(String, String)],
    ) -> Vec<(String, String)> {
        let variables = [
            ("POP_ID", POP.to_owned()),
            ("POP_SECRET", secrets.pop_secret.clone()),
            ("ORIGIN_URL", url(self.origin_edge)),
            ("POP_REDIS_URL", stores.pop_redis_url()),
            ("SITE_URL", url(self.edge)),
            ("CHECKOUT_ORIGINS", url(self.sandbox_http)),
        ]
        .map(|(key, value)| (key.to_owned(), value));
        let variables = variables.into_iter().chain(more.iter().cloned());
        variables
            .map(|(key, value)| (format!("SPIN_VARIABLE_{key}"), value))
            .collect()
    }
}

impl Cli {
    /// Where the program is.
    pub fn program(&self) -> &Path {
        &self.program
    }

    /// Writes the settings for a shell; only its owner can read them.
    pub fn write_environment(&self, data: &Path) -> anyhow::Result<PathBuf> {
        let path = data.join("doorbuster.env");
        let lines = self
            .environment
            .iter()
            .map(|(key, value)| format!("{key}='{value}'\n"));
        OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&path)?
            .write_all(lines.collect::<String>().as_bytes())?;
        Ok(path)
    }

    /// Runs a command and gives what it printed, without the last line end.
    pub fn run(&self, args: &[&str]) -> anyhow::Result<String> {
        let output = Command::new(&self.program)
            .args(args)
            .env_clear()
            .envs(programs::plain_environment())
            .envs(self.environment.iter().map(|(key, value)| (key, value)))
            .current_dir(&self.folder)
            .stdin(Stdio::null())
            .output()
            .with_context(|| format!("cannot run {}", self.program.display()))?;
        if !output.status.success() {
            let words = args.get(..2).unwrap_or(args).join(" ");
            let said = String::from_utf8_lossy(&output.stderr);
            bail!(
                "`doorbuster {words}` failed ({}):\n{}",
                output.status,
                said.trim_end()
            );
        }
        Ok(String::from_utf8(output.stdout)?.trim_end().to_owned())
    }
}

fn listen(port: u16) -> String {
    format!("127.0.0.1:{port}")
}

fn url(port: u16) -> String {
    format!("http://{}", listen(port))
}
