//! A Redis that keeps what it was told and never evicts.

use std::fs;

use super::{Launch, Ready, Server, Setting, ports};
use crate::programs;

/// `name` is both the folder of its data and the name of its log.
pub fn start(setting: &Setting<'_>, name: &str) -> anyhow::Result<Server> {
    let folder = setting.data.join(name);
    fs::create_dir_all(&folder)?;
    let port = ports::free()?;
    let options = format!(
        "--port {port} --bind 127.0.0.1 --dir . --daemonize no --save  --appendonly yes \
         --maxmemory-policy noeviction"
    );
    let launch = Launch {
        name: name.to_owned(),
        program: programs::need(&["redis-server"])?,
        // `--save ""` is an empty word.
        args: options.split(' ').map(Into::into).collect(),
        environment: Vec::new(),
        folder,
        log: setting.data.join("logs").join(format!("{name}.log")),
        lock: setting.lock.clone(),
    };
    Server::start(launch, port, Ready::Redis)
}
