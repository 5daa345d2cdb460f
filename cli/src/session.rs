//! `doorbuster sign-in` and `sign-out`.
//!
//! Invariant: the token lies in a file that its owner alone can read; one of a session that is over
//! is as if there were none.

use crate::desk::Remote;
use crate::terminal;
use anyhow::{Context, ensure};
use clap::Args;
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::fs::{self, OpenOptions};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::PathBuf;

#[derive(Args)]
pub(crate) struct SignIn {
    /// The address of an origin's admin listener, as operators reach it.
    #[arg(long)]
    admin: String,
    /// Your name as an operator. Password and code are asked for, or are the two lines of standard
    /// input.
    name: String,
}

/// A session as the file keeps it.
#[derive(Serialize, Deserialize)]
pub(crate) struct Session {
    pub(crate) url: String,
    pub(crate) token: String,
    expires_at_ms: i64,
}

impl Session {
    /// `$XDG_CONFIG_HOME/doorbuster/session`, or below `$HOME/.config`.
    fn path() -> Option<PathBuf> {
        let folder = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
        let config = folder("XDG_CONFIG_HOME").map(PathBuf::from);
        let config = config.or_else(|| Some(PathBuf::from(folder("HOME")?).join(".config")))?;
        Some(config.join("doorbuster/session"))
    }

    /// The session of the last `sign-in`, if it can still be used.
    pub(crate) fn load() -> anyhow::Result<Option<Self>> {
        let Some(path) = Self::path() else {
            return Ok(None);
        };
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => {
                return Err(error).with_context(|| format!("cannot read {}", path.display()));
            }
        };
        let session: Self = serde_json::from_str(&text)
            .with_context(|| format!("{} is no session: delete it", path.display()))?;
        Ok(Some(session).filter(|session| session.expires_at_ms > origin::now().0))
    }

    fn save(&self) -> anyhow::Result<()> {
        let path = Self::path().context("neither XDG_CONFIG_HOME nor HOME is set")?;
        if let Some(folder) = path.parent() {
            let mut builder = fs::DirBuilder::new();
            builder.recursive(true).mode(0o700).create(folder)?;
        }
        // Made anew, so that it has this mode whatever was there.
        Self::forget()?;
        let mut options = OpenOptions::new();
        let mut file = options
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&path)?;
        Ok(file.write_all(serde_json::to_string(self)?.as_bytes())?)
    }

    fn forget() -> anyhow::Result<()> {
        match Self::path().map(fs::remove_file) {
            Some(Err(error)) if error.kind() != ErrorKind::NotFound => Err(error.into()),
            _ => Ok(()),
        }
    }
}

pub(crate) async fn sign_in(arguments: SignIn) -> anyhow::Result<()> {
    let SignIn { admin, name } = arguments;
    let is_web = admin.starts_with("https://") || admin.starts_with("http://");
    ensure!(is_web, "--admin is http(s)://host[:port]");
    let password = terminal::secret("Password: ")?;
    let code = terminal::line("Code: ")?;
    let remote = Remote::new(&admin, None)?;
    let body = json!({ "name": name, "password": password, "code": code.trim(), "bearer": true });
    let opened = remote
        .call("POST", "/admin/api/session", &body.to_string())
        .await?;
    let session = Session {
        url: admin,
        token: opened["token"].as_str().unwrap_or_default().to_owned(),
        expires_at_ms: opened["expires_at_ms"].as_i64().unwrap_or_default(),
    };
    ensure!(
        !session.token.is_empty(),
        "the answer has no token: is that the admin listener?"
    );
    session.save()?;
    println!(
        "signed in as {name}, {}",
        opened["role"].as_str().unwrap_or_default()
    );
    Ok(())
}

pub(crate) async fn sign_out() -> anyhow::Result<()> {
    let Some(session) = Session::load()? else {
        Session::forget()?;
        println!("nobody was signed in");
        return Ok(());
    };
    let remote = Remote::new(&session.url, Some(session.token))?;
    let ended = remote.call("DELETE", "/admin/api/session", "").await;
    // Whatever the origin says, this machine forgets the token.
    Session::forget()?;
    ended.context("the token is forgotten here; the session ends by itself after half an hour")?;
    println!("signed out");
    Ok(())
}
