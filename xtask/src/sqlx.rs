//! `cargo xtask sqlx`: writes `.sqlx/`, so that SQL is checked where no database runs.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::SystemTime;

use anyhow::{Context, ensure};
use tempfile::TempDir;

use crate::install::{self, Purpose};
use crate::servers::{Servers, Setting, spawner};
use crate::{programs, tool, workspace};

const PASSWORD: &str = "sqlx";

/// Applies all migrations to a database of its own and compiles the origin against it.
pub fn run() -> anyhow::Result<()> {
    install::missing(Purpose::Database)?;
    let data = TempDir::new()?;
    let setting = Setting {
        data: data.path(),
        lock: None,
        mysql_password: PASSWORD,
        pops: 1,
    };
    let mysql = Servers::start_mysql(&setting)?;
    let url = format!(
        "mysql://doorbuster:{PASSWORD}@127.0.0.1:{}/doorbuster",
        mysql.port()
    );
    for migration in migrations()? {
        apply(&migration, mysql.port())
            .with_context(|| format!("cannot apply {}", migration.display()))?;
    }

    let top = workspace::top();
    let fresh = data.path().join("sqlx");
    fs::create_dir(&fresh)?;
    // The macros write their files when the compiler runs them, so it must run.
    let library = File::options()
        .append(true)
        .open(top.join("origin/src/lib.rs"))?;
    library.set_modified(SystemTime::now())?;
    let mut command = workspace::cargo();
    command
        .args(["check", "--package", "origin", "--all-targets"])
        .env("DATABASE_URL", url)
        .env("SQLX_OFFLINE", "false")
        .env("SQLX_OFFLINE_DIR", &fresh);
    tool::run_quiet(command)?;
    let count = replace(&fresh, &top.join(".sqlx"))?;
    eprintln!("{count} statements in .sqlx/");
    Ok(())
}

/// Puts the files of `fresh` in the place of all in `folder`.
fn replace(fresh: &Path, folder: &Path) -> anyhow::Result<usize> {
    if folder.exists() {
        fs::remove_dir_all(folder)?;
    }
    fs::create_dir_all(folder)?;
    let mut count = 0;
    for entry in fs::read_dir(fresh)? {
        let entry = entry?;
        fs::copy(entry.path(), folder.join(entry.file_name()))?;
        count += 1;
    }
    Ok(count)
}

/// In the order of their names, which is that of their numbers.
fn migrations() -> anyhow::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(workspace::top().join("migrations"))? {
        let path = entry?.path();
        if path.extension().is_some_and(|kind| kind == "sql") {
            files.push(path);
        }
    }
    ensure!(!files.is_empty(), "there are no migrations");
    files.sort();
    Ok(files)
}

fn apply(migration: &Path, port: u16) -> anyhow::Result<()> {
    let mut command = spawner::command(programs::need(&["mariadb", "mysql"])?);
    command
        .args([
            "--no-defaults",
            "--host=127.0.0.1",
            "--user=doorbuster",
            "--database=doorbuster",
        ])
        .arg(format!("--port={port}"))
        .env("MYSQL_PWD", PASSWORD)
        .stdin(Stdio::from(File::open(migration)?));
    tool::run_quiet(command)
}
