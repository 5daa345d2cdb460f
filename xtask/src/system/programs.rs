//! Our own programs: their ports, their command lines and what they are told by the environment.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;

use anyhow::{Context, bail};

use super::Addresses;
use super::pop::{Pop, Site, known_to_origin, share_compiled};
use super::secrets::Secrets;
use crate::servers::{Launch, Ready, Servers, ports};
use crate::{programs, workspace};

/// Everything that is known before the first of our programs starts.
pub struct Programs {
    data: PathBuf,
    lock: Arc<File>,
    binaries: PathBuf,
    pops: Vec<Pop>,
    origin_edge: u16,
    origin_ops: u16,
    origin_webhooks: u16,
    origin_admin: u16,
    sandbox_http: u16,
    sandbox_smtp: u16,
    origin_environment: Vec<(String, String)>,
    edge_variables: Vec<(String, String)>,
    payments_api_key: String,
    payments_webhook_secret: String,
}

/// The operator's command line, told which system it works on.
pub struct Cli {
    program: PathBuf,
    folder: PathBuf,
    /// Where the command line would keep a session.
    configuration: PathBuf,
    environment: Vec<(String, String)>,
}

impl Programs {
    pub fn new(
        data: &Path,
        lock: Arc<File>,
        secrets: &Secrets,
        stores: &Servers,
        edge_ports: &[u16],
        edge_variables: &[(String, String)],
    ) -> anyhow::Result<Self> {
        let mut programs = Self {
            data: data.to_owned(),
            lock,
            binaries: workspace::binaries()?,
            pops: pops(secrets, stores, edge_ports),
            origin_edge: ports::free()?,
            origin_ops: ports::free()?,
            origin_webhooks: ports::free()?,
            origin_admin: ports::free()?,
            sandbox_http: ports::free()?,
            sandbox_smtp: ports::free()?,
            origin_environment: Vec::new(),
            edge_variables: edge_variables.to_vec(),
            payments_api_key: secrets.payments_api_key.clone(),
            payments_webhook_secret: secrets.payments_webhook_secret.clone(),
        };
        programs.origin_environment = programs.for_origin(secrets, stores);
        Ok(programs)
    }

    pub fn addresses(&self, stores: &Servers) -> Addresses {
        Addresses {
            edge_url: self.site_url(),
            ops_url: url(self.origin_ops),
            webhooks_url: url(self.origin_webhooks),
            admin_url: url(self.origin_admin),
            sandbox_url: url(self.sandbox_http),
            mysql_url: stores.mysql_database_url(),
            redis_url: stores.redis_url(),
            pop_redis_url: stores.pop_redis_url(),
            nats_url: stores.nats_url(),
            pops: self.pops.iter().map(Pop::address).collect(),
            sales: Vec::new(),
            account: None,
        }
    }

    pub fn cli(&self) -> Cli {
        Cli {
            program: self.binaries.join("doorbuster"),
            folder: workspace::top(),
            configuration: self.data.join("configuration"),
            environment: self.origin_environment.clone(),
        }
    }

    /// Sandbox, origin, the PoPs' edges: in the order of their start.
    pub fn launches(&self) -> Vec<(Launch, u16, Ready)> {
        let edges = self.pops.iter().map(|pop| self.edge(pop));
        [self.sandbox(), self.origin()]
            .into_iter()
            .chain(edges)
            .collect()
    }

    /// What is to be done before the edge of this name starts.
    pub fn before_edge(&self, name: &str) -> anyhow::Result<()> {
        if let [first, others @ ..] = self.pops.as_slice()
            && let Some(pop) = others.iter().find(|pop| pop.edge == name)
        {
            share_compiled(&self.data, first, pop)?;
        }
        Ok(())
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

    fn edge(&self, pop: &Pop) -> (Launch, u16, Ready) {
        let args = [
            "--manifest".to_owned(),
            workspace::top().join("spin.toml").display().to_string(),
            "--listen".to_owned(),
            listen(pop.port),
            "--data".to_owned(),
            self.data.join(&pop.edge).display().to_string(),
        ];
        let site = Site {
            url: self.site_url(),
            origin_url: url(self.origin_edge),
            checkout_origins: url(self.sandbox_http),
        };
        let environment = pop.environment(&site, &self.edge_variables);
        let launch = self.launch(&pop.edge, "doorbuster-edge", &args, &environment);
        (
            launch,
            pop.port,
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
            ("ADMIN_LISTEN", listen(self.origin_admin)),
            ("POPS", known_to_origin(&self.pops)),
            ("SESSION_KEY", secrets.session_key.clone()),
            ("PUBLIC_URL", self.site_url()),
            ("SMTP_URL", format!("smtp://{}", listen(self.sandbox_smtp))),
            ("MAIL_FROM", "Doorbuster <shop@example.test>".to_owned()),
            // Whoever listens in development listens on this machine.
            ("WEBHOOKS_OUT_PRIVATE", "true".to_owned()),
            ("PAYMENTS_URL", url(self.sandbox_http)),
            ("PAYMENTS_API_KEY", secrets.payments_api_key.clone()),
            (
                "PAYMENTS_WEBHOOK_SECRET",
                secrets.payments_webhook_secret.clone(),
            ),
            ("TEXTS_URL", url(self.sandbox_http)),
            ("TEXTS_API_KEY", secrets.payments_api_key.clone()),
        ];
        settings
            .map(|(key, value)| (format!("DOORBUSTER_{key}"), value))
            .to_vec()
    }

    /// All PoPs are one site; the first PoP's edge is where it is found.
    fn site_url(&self) -> String {
        self.pops
            .first()
            .map_or_else(String::new, |pop| url(pop.port))
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
            // Whoever is signed in elsewhere on this machine is not meant.
            .env("XDG_CONFIG_HOME", &self.configuration)
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

fn pops(secrets: &Secrets, stores: &Servers, edge_ports: &[u16]) -> Vec<Pop> {
    let others = secrets.more_pops.iter();
    let secrets = std::iter::once(&secrets.pop_secret).chain(others);
    let each = edge_ports.iter().zip(secrets).zip(stores.pop_redis_urls());
    each.enumerate()
        .map(|(index, ((port, secret), redis_url))| Pop::new(index, secret, *port, redis_url))
        .collect()
}

fn listen(port: u16) -> String {
    format!("127.0.0.1:{port}")
}

fn url(port: u16) -> String {
    format!("http://{}", listen(port))
}
