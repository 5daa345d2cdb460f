//! The folder of an export.
//!
//! Invariant: whoever reads it sees a whole export, the old one or the new one; and nothing is
//! replaced that this command did not write.

use super::nginx;
use super::rules::Rules;
use super::site::Site;
use anyhow::{Context, bail, ensure};
use kernel::time::UnixMillis;
use rustix::fs::{CWD, RenameFlags, renameat_with};
use serde_json::json;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// By this file an export is known.
const MARK: &str = "export.json";

/// Where an export goes.
pub(super) struct Folder {
    target: PathBuf,
    /// Beside it, on the same file system.
    staging: PathBuf,
    replaces: bool,
}

impl Folder {
    /// Makes sure that the export may go there; `force` lets it replace another one.
    pub(super) fn prepare(path: &Path, force: bool) -> anyhow::Result<Self> {
        let shown = path.display();
        let (target, replaces) = match fs::canonicalize(path) {
            Ok(target) => {
                ensure!(target.is_dir(), "{shown} is no folder");
                let replaces = fs::read_dir(&target)?.next().is_some();
                if replaces && !target.join(MARK).is_file() {
                    bail!("{shown} is neither empty nor an export; please name another folder");
                }
                ensure!(
                    force || !replaces,
                    "{shown} holds an export; --force replaces it"
                );
                (target, replaces)
            }
            Err(error) if error.kind() == ErrorKind::NotFound => {
                (std::path::absolute(path)?, false)
            }
            Err(error) => return Err(error).with_context(|| format!("cannot look at {shown}")),
        };
        let name = target
            .file_name()
            .with_context(|| format!("{shown} has no name"))?;
        let mut staged = std::ffi::OsString::from(".");
        staged.push(name);
        staged.push(format!(".{}", std::process::id()));
        Ok(Self {
            staging: target.with_file_name(staged),
            target,
            replaces,
        })
    }

    /// Writes all files beside the folder, and then puts them in its place.
    pub(super) fn write(&self, site: &Site, rules: &Rules) -> anyhow::Result<()> {
        let written = self.fill(site, rules).and_then(|()| self.put_in_place());
        if self.staging.exists() {
            // The former export, or what was written of a new one that cannot be used.
            fs::remove_dir_all(&self.staging)
                .with_context(|| format!("cannot remove {}", self.staging.display()))?;
        }
        written
    }

    fn fill(&self, site: &Site, rules: &Rules) -> anyhow::Result<()> {
        if let Some(parent) = self.staging.parent() {
            fs::create_dir_all(parent)?;
        }
        fs::create_dir(&self.staging)?;
        let public = self.staging.join("public");
        for (name, body) in site.files() {
            let path = public.join(name);
            if let Some(parent) = path.parent() {
                fs::create_dir_all(parent)?;
            }
            fs::write(path, body)?;
        }
        fs::write(public.join("_headers"), rules.to_headers_file())?;
        fs::write(self.staging.join("nginx.conf"), nginx::text(site, rules)?)?;
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH)?;
        let mark = json!({
            "written_by": "doorbuster pages export",
            "written_at_ms": UnixMillis(i64::try_from(now.as_millis())?),
            "assets": site.assets,
            "addresses": site.pages.len(),
        });
        fs::write(self.staging.join(MARK), format!("{mark:#}\n"))?;
        Ok(())
    }

    fn put_in_place(&self) -> anyhow::Result<()> {
        if !self.replaces {
            // An empty folder gives way by itself.
            return Ok(fs::rename(&self.staging, &self.target)?);
        }
        let exchange = RenameFlags::EXCHANGE;
        let done = renameat_with(CWD, &self.staging, CWD, &self.target, exchange);
        done.context(
            "this file system cannot exchange two folders at one stroke; please export \
                      into a new folder and let a symbolic link point there",
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_ours_is_replaced() {
        let top = std::env::temp_dir().join(format!("doorbuster-export-{}", std::process::id()));
        let check = |name: &str, force, expected: bool| {
            let found = Folder::prepare(&top.join(name), force);
            assert_eq!(found.is_ok(), expected, "{name}, force: {force}");
        };
        for folder in ["empty", "foreign", "export"] {
            fs::create_dir_all(top.join(folder)).unwrap();
        }
        fs::write(top.join("foreign/notes.txt"), "mine").unwrap();
        fs::write(top.join("export").join(MARK), "{}").unwrap();
        fs::write(top.join("file"), "").unwrap();
        for force in [false, true] {
            check("new", force, true);
            check("deep/new", force, true);
            check("empty", force, true);
            check("foreign", force, false);
            check("file", force, false);
        }
        check("export", false, false);
        check("export", true, true);
        fs::remove_dir_all(&top).unwrap();
    }
}
