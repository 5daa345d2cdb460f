//! Finds programs of the machine, also where Debian hides servers from ordinary users.

use std::env;
use std::ffi::OsStr;
use std::path::PathBuf;

use anyhow::Context;

const SERVER_FOLDERS: [&str; 3] = ["/usr/local/sbin", "/usr/sbin", "/sbin"];

/// The first of `names` that is installed.
pub fn find(names: &[&str]) -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let folders: Vec<PathBuf> = env::split_paths(&path)
        .chain(SERVER_FOLDERS.iter().map(PathBuf::from))
        .collect();
    names
        .iter()
        .flat_map(|name| folders.iter().map(move |folder| folder.join(name)))
        .find(|program| program.is_file())
}

/// As [`find`]; an error that names the program if there is none.
pub fn need(names: &[&str]) -> anyhow::Result<PathBuf> {
    find(names).with_context(|| format!("{} is not installed", names.join(" or ")))
}

/// Whether this process is root, as it is in many containers.
pub fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// What a program needs of the environment whatever it is; nothing of ours may leak into it.
pub fn plain_environment() -> impl Iterator<Item = (&'static str, std::ffi::OsString)> {
    [
        "PATH",
        "HOME",
        "LANG",
        "TMPDIR",
        "RUST_LOG",
        "RUST_BACKTRACE",
    ]
    .into_iter()
    .filter_map(|key| Some((key, env::var_os(OsStr::new(key))?)))
}
