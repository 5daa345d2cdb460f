//! Who gives the app's variables their values: the `variables_provider`s of the runtime configuration in
//! their order, and always last the environment with `.env` of the working directory, as in Spin.
//!
//! The first that has a value decides. One that fails is a fault: a later one, or the default, must not
//! stand in for a secret that could not be read.

use std::{
    collections::BTreeMap,
    fmt,
    path::{Path, PathBuf},
};

use crate::faults::Faults;

use super::{dotenv, vault::Vault};

const PREFIX: &str = "SPIN_VARIABLE";
/// In the working directory; there need not be one.
const DOTENV: &str = ".env";

/// One source of values.
#[derive(Clone)]
pub enum Provider {
    /// Values that the runtime configuration spells out.
    Static(BTreeMap<String, String>),
    /// The environment of the process and a file behind it.
    Environment {
        /// Stands before the name, with an underscore; `SPIN_VARIABLE` if none is given.
        prefix: Option<String>,
        /// Read where the environment has no value. It must be there.
        dotenv: Option<PathBuf>,
    },
    /// HashiCorp Vault.
    Vault(Vault),
}

impl fmt::Debug for Provider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Static(_) => "static",
            Self::Environment { .. } => "env",
            Self::Vault(_) => "vault",
        })
    }
}

type Values = BTreeMap<String, String>;
/// Asked with the full name of an entry.
type Environment = Box<dyn Fn(&str) -> Option<String> + Send + Sync>;

/// All sources, in their order.
pub struct Providers {
    configured: Vec<Provider>,
    environment: Environment,
}

impl Providers {
    /// The configured ones, and the process's environment behind them.
    pub fn new(configured: Vec<Provider>) -> Self {
        Self::with_environment(configured, |key| std::env::var(key).ok())
    }

    /// With another environment, asked with the full name of an entry.
    pub fn with_environment(
        configured: Vec<Provider>,
        environment: impl Fn(&str) -> Option<String> + Send + Sync + 'static,
    ) -> Self {
        Self {
            configured,
            environment: Box::new(environment),
        }
    }

    /// The values of those `names` that some provider has; none if one failed, which is a fault then.
    pub fn values(&self, names: &[String], faults: &mut Faults) -> Option<Values> {
        let mut values = Values::new();
        for provider in &self.configured {
            let found = self.ask(provider, &missing(names, &values));
            let found =
                found.map_err(|fault| format!("the variables provider `{provider:?}`: {fault}"));
            values.extend(faults.take(found)?);
        }
        let file = faults.take(dotenv::read(Path::new(DOTENV)))?;
        let missing = missing(names, &values);
        values.extend(self.environment(&missing, PREFIX, &file.unwrap_or_default()));
        Some(values)
    }

    fn ask(&self, provider: &Provider, names: &[String]) -> Result<Values, String> {
        match provider {
            Provider::Static(known) => Ok(pick(names, |name| known.get(name).cloned())),
            Provider::Environment { prefix, dotenv } => {
                let file = match dotenv {
                    Some(file) => dotenv::read(file)?
                        .ok_or_else(|| format!("{} is not there", file.display()))?,
                    None => Values::new(),
                };
                Ok(self.environment(names, prefix.as_deref().unwrap_or(PREFIX), &file))
            }
            Provider::Vault(vault) => vault.values(names),
        }
    }

    fn environment(&self, names: &[String], prefix: &str, file: &Values) -> Values {
        pick(names, |name| {
            let key = format!("{prefix}_{}", name.to_ascii_uppercase());
            (self.environment)(&key).or_else(|| file.get(&key).cloned())
        })
    }
}

fn missing(names: &[String], values: &Values) -> Vec<String> {
    let missing = names.iter().filter(|name| !values.contains_key(*name));
    missing.cloned().collect()
}

fn pick(names: &[String], value: impl Fn(&str) -> Option<String>) -> Values {
    let known = names
        .iter()
        .filter_map(|name| Some((name.clone(), value(name)?)));
    known.collect()
}
