//! A real nginx in front of an export.

use crate::shop::Shop;
use std::path::Path;
use xtask::programs;
use xtask::servers::{Launch, Ready, Server, ports};

/// It serves until it is dropped.
pub struct Nginx {
    _server: Server,
    pub url: String,
}

impl Nginx {
    /// Serves the export in `export`; what is not public goes to the shop's edge.
    pub fn start(shop: &Shop, export: &Path) -> Self {
        let port = ports::free().unwrap();
        let folder = shop.data.join(format!("nginx-{port}"));
        std::fs::create_dir_all(&folder).unwrap();
        let (export, edge) = (export.display(), &shop.addresses.edge_url);
        let app = ["/api/", "/gate/", "/orders/"];
        let app = app.map(|path| format!("location {path} {{ proxy_pass {edge}; }}\n"));
        let paths = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"];
        let paths = paths.map(|name| format!("{name}_temp_path {name};\n"));
        let configuration = format!(
            "daemon off;\nmaster_process off;\npid pid;\nevents {{}}\nhttp {{\naccess_log off;\n{}\
             server {{\nlisten 127.0.0.1:{port};\nroot {export}/public;\n\
             include {export}/nginx.conf;\n{}}}\n}}\n",
            paths.concat(),
            app.concat(),
        );
        let file = folder.join("nginx.conf");
        std::fs::write(&file, configuration).unwrap();
        let launch = Launch {
            name: "nginx".to_owned(),
            program: programs::need(&["nginx"]).unwrap(),
            args: vec![
                "-p".into(),
                folder.clone().into(),
                "-c".into(),
                file.into(),
                "-e".into(),
                "stderr".into(),
            ],
            environment: Vec::new(),
            log: folder.join("log"),
            folder,
            lock: None,
        };
        let ready = Ready::Http {
            path: "/robots.txt",
        };
        Self {
            _server: Server::start(launch, port, ready).expect("nginx starts"),
            url: format!("http://127.0.0.1:{port}"),
        }
    }
}
