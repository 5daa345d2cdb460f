//! What stops `cargo xtask up` before it starts anything, each with one clear line.

use std::net::TcpListener;
use std::process::Command;

fn up(args: &[&str], path: Option<&str>) -> (i32, String, String) {
    let data = tempfile::tempdir().unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_xtask"));
    command.args(["up", "--data"]).arg(data.path()).args(args);
    if let Some(path) = path {
        command.env("PATH", path);
    }
    let output = command.output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
    (
        output.status.code().unwrap(),
        text(&output.stdout),
        text(&output.stderr),
    )
}

#[test]
fn a_taken_port_is_named() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let (code, _, error) = up(&["--edge-port", &port], None);
    assert_eq!((code, error), (1, format!("port {port} is taken")));
}

#[test]
fn a_missing_server_gives_the_line_to_type() {
    let empty = tempfile::tempdir().unwrap();
    let (code, line, _) = up(&[], empty.path().to_str());
    assert_eq!(code, 3);
    // Servers in /usr/sbin are found without a PATH, too.
    let command = "sudo apt-get install -y --no-install-recommends ";
    assert!(
        line.starts_with(command) && line.contains(" redis-server"),
        "{line}"
    );
    assert_eq!(line.lines().count(), 1, "{line}");
}
