//! The runtime configuration, as Spin reads it: stores behind their labels, where variables get their
//! values, and limits of what goes out.
//!
//! Every key is honoured, or refused by name and with its line.

mod keys;

use std::{
    collections::BTreeMap,
    fmt, fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, anyhow};
use serde::Deserialize;

use crate::{
    faults::Faults,
    manifest::at_line,
    variables::{Provider, Vault},
};

const MIB: u64 = 1 << 20;

/// What the file says. Paths are complete.
#[derive(Debug, Default, Deserialize)]
pub struct RuntimeConfig {
    /// The folder for stores, compiled code and mounted files, unless the command line names one.
    pub state_dir: Option<PathBuf>,
    /// Linear memory of an instance, in bytes; the command line may set less.
    max_instance_memory: Option<u64>,
    /// Stores by label.
    #[serde(default, rename = "key_value_store")]
    pub key_value_stores: BTreeMap<String, KeyValueStore>,
    /// Where variables get their values, in this order.
    #[serde(default, rename = "variables_provider", alias = "config_provider")]
    variables_providers: Vec<VariablesProvider>,
    /// Outbound HTTP.
    #[serde(default)]
    pub outbound_http: OutboundHttp,
    /// Outbound Redis.
    #[serde(default)]
    pub outbound_redis: OutboundRedis,
}

/// One `[key_value_store.<label>]`.
#[derive(Clone, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum KeyValueStore {
    /// The host's own store, in a file.
    Spin {
        /// Relative to the configuration file.
        path: PathBuf,
    },
    /// A Redis server.
    Redis {
        /// Where it is. It may hold a password.
        url: RedisUrl,
    },
}

/// The address of a Redis server, which is never printed.
#[derive(Clone, Deserialize, Eq, Ord, PartialEq, PartialOrd)]
pub struct RedisUrl(pub String);

impl fmt::Debug for RedisUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("redis://…")
    }
}

impl RedisUrl {
    /// Says what is wrong with it, and not what it is.
    fn check(&self) -> Result<(), &'static str> {
        if self.0.starts_with("rediss:") {
            return Err(
                "asks for TLS, which this host does not speak to Redis: put a proxy between",
            );
        }
        let client = redis::Client::open(self.0.as_str()).ok();
        match client
            .as_ref()
            .map(|client| client.get_connection_info().addr())
        {
            Some(redis::ConnectionAddr::Tcp(..)) => Ok(()),
            _ => Err("is not `redis://[user:password@]host[:port][/database]`"),
        }
    }
}

/// One `[[variables_provider]]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum VariablesProvider {
    Static {
        values: Secrets,
    },
    Env {
        prefix: Option<String>,
        dotenv_path: Option<PathBuf>,
    },
    Vault(Vault),
}

/// Values by name, which are never printed.
#[derive(Clone, Deserialize)]
struct Secrets(BTreeMap<String, String>);

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

/// `[outbound_http]`.
#[derive(Clone, Debug, Deserialize)]
pub struct OutboundHttp {
    /// Whether connections to other servers are kept for the next request.
    #[serde(default = "pooled")]
    pub connection_pooling: bool,
    /// Connections to other servers, in use or kept; more have to wait. None is no limit.
    max_connections: Option<usize>,
    /// The former name, which allowed one more.
    max_concurrent_requests: Option<usize>,
}

impl Default for OutboundHttp {
    fn default() -> Self {
        Self {
            connection_pooling: pooled(),
            max_connections: None,
            max_concurrent_requests: None,
        }
    }
}

impl OutboundHttp {
    /// Connections to other servers, in use or kept. None is no limit.
    pub fn max_connections(&self) -> Option<usize> {
        let former = self.max_concurrent_requests;
        self.max_connections
            .or(former.map(|count| count.saturating_add(1)))
    }
}

fn pooled() -> bool {
    true
}

/// `[outbound_redis]`.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct OutboundRedis {
    /// Connections that components hold open; more have to wait. None is no limit.
    pub max_connections: Option<usize>,
}

impl RuntimeConfig {
    /// Reads the file, if there is one to read, and places the stores.
    pub fn load(file: Option<&Path>) -> Result<Self> {
        let Some(file) = file else {
            return Ok(Self::default());
        };
        let name = file.display();
        let text = fs::read_to_string(file).with_context(|| format!("cannot read {name}"))?;
        let folder = file.parent().unwrap_or(Path::new(""));
        parse(&text, folder).map_err(|faults| anyhow!("{name}: {faults}"))
    }

    /// The configured sources of variables.
    pub fn variables_providers(&self) -> Vec<Provider> {
        let provider = |one: &VariablesProvider| match one.clone() {
            VariablesProvider::Static { values } => Provider::Static(values.0),
            VariablesProvider::Env {
                prefix,
                dotenv_path,
            } => Provider::Environment {
                prefix,
                dotenv: dotenv_path,
            },
            VariablesProvider::Vault(vault) => Provider::Vault(vault),
        };
        self.variables_providers.iter().map(provider).collect()
    }

    /// The linear memory that an instance may have, where the command line allows `mebibytes`.
    pub fn max_memory_mib(&self, mebibytes: usize) -> usize {
        let own = self.max_instance_memory.map(|bytes| bytes / MIB);
        let own = own.and_then(|own| usize::try_from(own).ok());
        own.map_or(mebibytes, |own| own.min(mebibytes))
    }
}

/// Reads a configuration whose relative paths begin at `folder`.
fn parse(text: &str, folder: &Path) -> Result<RuntimeConfig, Faults> {
    let mut faults = Faults::default();
    keys::check(text, &mut faults);
    faults.into_result()?;

    let mut faults = Faults::default();
    let read = toml::from_str::<RuntimeConfig>(text).map_err(|error| at_line(text, &error));
    let Some(mut config) = faults.take(read) else {
        return Err(faults);
    };
    check(&config, &mut faults);
    for store in config.key_value_stores.values_mut() {
        if let KeyValueStore::Spin { path } = store {
            *path = folder.join(&path);
        }
    }
    faults.into_result().map(|()| config)
}

/// What the types cannot say.
fn check(config: &RuntimeConfig, faults: &mut Faults) {
    for (label, store) in &config.key_value_stores {
        if let KeyValueStore::Redis { url } = store
            && let Err(reason) = url.check()
        {
            faults.add(format!("`key_value_store.{label}.url` {reason}"));
        }
    }
    let http = &config.outbound_http;
    if http.max_connections.is_some() && http.max_concurrent_requests.is_some() {
        faults.add(
            "`outbound_http.max_concurrent_requests` is the former name of `max_connections`: \
             leave it out",
        );
    }
    if config
        .max_instance_memory
        .is_some_and(|bytes| bytes == 0 || bytes % MIB != 0)
    {
        faults.add(
            "`max_instance_memory` must be a whole number of MiB, in bytes: 67108864 is 64 MiB",
        );
    }
    if config
        .state_dir
        .as_ref()
        .is_some_and(|folder| folder.as_os_str().is_empty())
    {
        faults.add("`state_dir` must name a folder: this host keeps no store in memory");
    }
}

#[cfg(test)]
mod tests;
