//! Keys and passwords, drawn at the first start and kept, so that sessions and tokens stay valid
//! over a restart.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use anyhow::{Context, anyhow};
use serde::{Deserialize, Serialize};

/// All of them are lowercase hexadecimal digits. No `Debug`.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Secrets {
    pub session_key: String,
    /// The first PoP's.
    pub pop_secret: String,
    /// The other PoPs', as many as were ever started.
    #[serde(default)]
    pub more_pops: Vec<String>,
    pub payments_api_key: String,
    pub payments_webhook_secret: String,
    pub mysql_password: String,
    pub buyer_password: String,
}

impl Secrets {
    /// Reads them from a data folder; what it lacks is drawn and written there.
    pub fn load(data: &Path, pops: usize) -> anyhow::Result<Self> {
        let path = data.join("secrets.json");
        let (mut secrets, mut complete) = match fs::read(&path) {
            Ok(text) => {
                let secrets: Self = serde_json::from_slice(&text)
                    .with_context(|| format!("in {}", path.display()))?;
                (secrets, true)
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => (Self::draw()?, false),
            Err(error) => {
                return Err(error).with_context(|| format!("cannot read {}", path.display()));
            }
        };
        while secrets.more_pops.len() + 1 < pops {
            secrets.more_pops.push(random::<32>()?);
            complete = false;
        }
        if !complete {
            let fresh = data.join("secrets.json.new");
            OpenOptions::new()
                .write(true)
                .create(true)
                .truncate(true)
                .mode(0o600)
                .open(&fresh)?
                .write_all(&serde_json::to_vec_pretty(&secrets)?)?;
            fs::rename(&fresh, &path)?;
        }
        Ok(secrets)
    }

    fn draw() -> anyhow::Result<Self> {
        Ok(Self {
            session_key: random::<32>()?,
            pop_secret: random::<32>()?,
            more_pops: Vec::new(),
            payments_api_key: random::<16>()?,
            payments_webhook_secret: random::<32>()?,
            mysql_password: random::<16>()?,
            buyer_password: random::<8>()?,
        })
    }
}

/// Two digits a byte.
pub fn random<const BYTES: usize>() -> anyhow::Result<String> {
    let mut bytes = [0; BYTES];
    getrandom::fill(&mut bytes).map_err(|error| anyhow!("no random numbers: {error}"))?;
    Ok(hex::encode(bytes))
}
