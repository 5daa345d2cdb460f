//! NATS with JetStream.

use std::fs;

use super::{Launch, Ready, Server, Setting, ports};
use crate::programs;

pub fn start(setting: &Setting<'_>) -> anyhow::Result<Server> {
    let folder = setting.data.join("nats");
    fs::create_dir_all(&folder)?;
    let port = ports::free()?;
    let server_name = format!("doorbuster-{}-{port}", std::process::id());
    let store = serde_json::to_string(&folder.join("store"))?;
    let config = folder.join("nats.conf");
    fs::write(
        &config,
        format!(
            "listen: \"127.0.0.1:{port}\"\nserver_name: \"{server_name}\"\n\
             jetstream {{ store_dir: {store} }}\n"
        ),
    )?;
    let launch = Launch {
        name: "nats".to_owned(),
        program: programs::need(&["nats-server"])?,
        args: vec!["--config".into(), config.into()],
        environment: Vec::new(),
        folder,
        log: setting.data.join("logs/nats.log"),
        lock: setting.lock.clone(),
    };
    Server::start(launch, port, Ready::Nats { server_name })
}
