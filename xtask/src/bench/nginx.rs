//! nginx with one page, to compare with.

use std::fs;
use std::path::Path;

use anyhow::Context;

use super::page::Page;
use crate::programs;
use crate::servers::{Launch, Ready, Server, ports};

/// What it is called.
const NAME: &str = "nginx";

/// Starts nginx with a worker a core; it keeps the page open and writes no log of requests.
pub fn start(data: &Path, page: &Page, path: &str) -> anyhow::Result<Server> {
    let folder = data.join(NAME);
    let file = folder.join("site").join(path.trim_start_matches('/'));
    fs::create_dir_all(file.parent().context("a path without a folder")?)?;
    fs::write(&file, &page.body)?;
    let port = ports::free()?;
    let config = folder.join("nginx.conf");
    fs::write(&config, configuration(&folder, port, page))?;
    let launch = Launch {
        name: NAME.to_owned(),
        program: programs::need(&[NAME])?,
        args: vec![
            "-p".into(),
            folder.clone().into(),
            "-c".into(),
            config.into(),
        ],
        environment: Vec::new(),
        folder,
        log: data.join("logs/nginx.log"),
        lock: None,
    };
    Server::start(launch, port, Ready::Http { path: "/sign-in" })
}

fn configuration(folder: &Path, port: u16, page: &Page) -> String {
    let folder = folder.display();
    let is_type = |name: &str| name == "content-type";
    let media_type = page.headers.iter().find(|(name, _)| is_type(name));
    let media_type = media_type.map_or("text/html", |(_, value)| value.as_str());
    let own = ["content-type", "etag", "last-modified", "accept-ranges"];
    let said = page.headers.iter();
    let said = said.filter(|(name, _)| !own.contains(&name.as_str()));
    let lines = said.map(|(name, value)| {
        let value = value.replace('"', "\\\"");
        format!("    add_header {name} \"{value}\";\n")
    });
    let headers = lines.collect::<Vec<_>>().concat();
    format!(
        "daemon off;\nworker_processes auto;\npid {folder}/nginx.pid;\nerror_log stderr;\n\
         events {{ worker_connections 4096; }}\nhttp {{\n  access_log off;\n  \
         keepalive_requests 1000000000;\n  sendfile on;\n  tcp_nopush on;\n  \
         open_file_cache max=100;\n  open_file_cache_valid 1h;\n  \
         client_body_temp_path {folder}/body;\n  proxy_temp_path {folder}/proxy;\n  \
         fastcgi_temp_path {folder}/fastcgi;\n  uwsgi_temp_path {folder}/uwsgi;\n  \
         scgi_temp_path {folder}/scgi;\n  server {{\n    listen 127.0.0.1:{port};\n    \
         root {folder}/site;\n    default_type \"{media_type}\";\n{headers}  }}\n}}\n"
    )
}

/// The processes that serve: nginx's workers are children of the one that was started.
pub fn serving(server: &Server) -> anyhow::Result<Vec<u32>> {
    let own = server.process_id();
    let path = format!("/proc/{own}/task/{own}/children");
    let children = fs::read_to_string(&path).with_context(|| format!("cannot read {path}"))?;
    let children = children.split_ascii_whitespace().map(str::parse);
    let mut all = vec![own];
    all.extend(children.collect::<Result<Vec<u32>, _>>()?);
    Ok(all)
}
