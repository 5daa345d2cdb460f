//! The runtime configuration: where stores with other labels than `default` lie.

use std::{collections::BTreeMap, fs, path::Path, path::PathBuf};

use anyhow::{Context, Result, bail};
use serde::Deserialize;

use crate::manifest::at_line;

/// What the file may say; the rest is refused by name.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RuntimeConfig {
    /// Stores by label.
    #[serde(default, rename = "key_value_store")]
    pub key_value_stores: BTreeMap<String, KeyValueStore>,
    /// Outbound HTTP.
    #[serde(default)]
    pub outbound_http: OutboundHttp,
}

/// One `[key_value_store.<label>]`.
#[derive(Debug, Deserialize)]
#[serde(tag = "type", deny_unknown_fields)]
pub enum KeyValueStore {
    /// The host's own store, in a file.
    #[serde(rename = "spin")]
    Spin {
        /// Relative to the configuration file.
        path: PathBuf,
    },
}

/// `[outbound_http]`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OutboundHttp {
    /// Whether connections to other servers are kept for the next request.
    #[serde(default = "pooled")]
    pub connection_pooling: bool,
}

impl Default for OutboundHttp {
    fn default() -> Self {
        Self {
            connection_pooling: pooled(),
        }
    }
}

fn pooled() -> bool {
    true
}

impl RuntimeConfig {
    /// Reads the file, if there is one to read, and places the stores.
    pub fn load(file: Option<&Path>) -> Result<Self> {
        let Some(file) = file else {
            return Ok(Self::default());
        };
        let name = file.display();
        let text = fs::read_to_string(file).with_context(|| format!("cannot read {name}"))?;
        let mut config = match toml::from_str::<Self>(&text) {
            Ok(config) => config,
            Err(error) => bail!("{name}: {}", at_line(&text, &error)),
        };
        let folder = file.parent().unwrap_or(Path::new(""));
        for KeyValueStore::Spin { path } in config.key_value_stores.values_mut() {
            *path = folder.join(&path);
        }
        Ok(config)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_keys_are_refused_by_name() {
        fn check(text: &str, expected: Result<(), &str>) {
            let answer = toml::from_str::<RuntimeConfig>(text).map(drop);
            match (answer, expected) {
                (Ok(()), Ok(())) => {}
                (Err(error), Err(expected)) => {
                    assert!(
                        error.message().contains(expected),
                        "{text}: {}",
                        error.message()
                    );
                }
                (answer, _) => panic!("{text}: {answer:?}"),
            }
        }
        check("", Ok(()));
        check(
            "[key_value_store.a]\ntype = \"spin\"\npath = \"a.db\"",
            Ok(()),
        );
        check("[outbound_http]\nconnection_pooling = false", Ok(()));
        check("[llm_compute]\ntype = \"spin\"", Err("`llm_compute`"));
        check(
            "[key_value_store.a]\ntype = \"redis\"\nurl = \"redis://x\"",
            Err("`redis`"),
        );
        check(
            "[key_value_store.a]\ntype = \"spin\"\npath = \"a\"\nfoo = 1",
            Err("`foo`"),
        );
        check("[outbound_http]\nmax = 1", Err("`max`"));
    }
}
