//! MariaDB or MySQL, whichever is installed, with one user that may do everything.

use std::ffi::OsString;
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use anyhow::Context;

use super::{Launch, Ready, Server, Setting, ports};
use crate::programs;

pub const USER: &str = "doorbuster";
pub const DATABASE: &str = "doorbuster";

pub fn start(setting: &Setting<'_>) -> anyhow::Result<Server> {
    let folder = setting.data.join("mysql");
    if !folder.exists() {
        // A half-made folder must not look like a database after an interruption.
        let fresh = setting.data.join("mysql.new");
        if fresh.exists() {
            fs::remove_dir_all(&fresh)?;
        }
        fs::create_dir_all(&fresh)?;
        install(setting, &fresh)?;
        fs::rename(&fresh, &folder)?;
    }
    let init = setting.data.join("mysql-init.sql");
    write_init(&init, setting.mysql_password)?;

    let port = ports::free()?;
    let mut args = words(
        "--no-defaults --skip-networking=0 --bind-address=127.0.0.1 --skip-name-resolve \
         --loose-mysqlx=OFF --character-set-server=utf8mb4 --max-connections=500",
    );
    args.extend(account());
    args.push(flag("--port=", port.to_string()));
    args.push(flag("--datadir=", &folder));
    args.push(flag("--init-file=", &init));
    // Relative to the data folder, as the path of a socket may have 107 bytes only.
    args.push("--socket=mysql.sock".into());
    args.push("--pid-file=mysql.pid".into());
    let launch = Launch {
        name: "mysql".to_owned(),
        program: programs::need(&["mariadbd", "mysqld"])?,
        args,
        environment: environment(setting)?,
        folder,
        log: setting.data.join("logs/mysql.log"),
        lock: setting.lock.clone(),
    };
    Server::start(launch, port, Ready::Mysql)
}

fn install(setting: &Setting<'_>, folder: &Path) -> anyhow::Result<()> {
    let (program, options) = match programs::find(&["mariadb-install-db"]) {
        Some(program) => (
            program,
            "--no-defaults --auth-root-authentication-method=normal --skip-test-db",
        ),
        None => (
            programs::need(&["mysqld"])?,
            "--no-defaults --initialize-insecure",
        ),
    };
    let mut args = words(options);
    args.extend(account());
    args.push(flag("--datadir=", folder));
    Launch {
        name: "mysql-install".to_owned(),
        program,
        args,
        environment: environment(setting)?,
        folder: folder.to_owned(),
        log: setting.data.join("logs/mysql-install.log"),
        lock: setting.lock.clone(),
    }
    .run()
}

/// What the server runs at each start, before it takes connections: one statement a line.
fn write_init(path: &Path, password: &str) -> anyhow::Result<()> {
    let user = format!("'{USER}'@'127.0.0.1'");
    let text = format!(
        "CREATE DATABASE IF NOT EXISTS {DATABASE} CHARACTER SET utf8mb4;\n\
         CREATE USER IF NOT EXISTS {user} IDENTIFIED BY '{password}';\n\
         ALTER USER {user} IDENTIFIED BY '{password}';\n\
         GRANT ALL ON *.* TO {user} WITH GRANT OPTION;\n"
    );
    OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(path)
        .and_then(|mut file| file.write_all(text.as_bytes()))
        .with_context(|| format!("cannot write {}", path.display()))
}

/// A starting server removes what it takes for its own leftovers from the folder of temporary
/// files, so two of them must not share one.
fn environment(setting: &Setting<'_>) -> anyhow::Result<Vec<(String, String)>> {
    let folder = setting.data.join("mysql-tmp");
    fs::create_dir_all(&folder)?;
    Ok(vec![("TMPDIR".to_owned(), folder.display().to_string())])
}

/// The server refuses to run as root unless it is told to.
fn account() -> Option<OsString> {
    programs::is_root().then(|| "--user=root".into())
}

fn words(text: &str) -> Vec<OsString> {
    text.split_ascii_whitespace().map(Into::into).collect()
}

fn flag(name: &str, value: impl Into<OsString>) -> OsString {
    let mut flag = OsString::from(name);
    flag.push(value.into());
    flag
}
