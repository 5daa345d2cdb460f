//! The stores by themselves.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use xtask::programs;
use xtask::servers::{Server, Servers, Setting};

/// Set for the copy of this test program that plays the parent which is killed.
const VICTIM: &str = "XTASK_TEST_VICTIM";

fn start(data: &Path) -> Servers {
    let setting = Setting {
        data,
        lock: None,
        mysql_password: "secret",
        pops: 1,
    };
    Servers::start(&setting, |_: &Server| {}).unwrap()
}

fn redis(port: u16, command: &str) -> String {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    stream
        .write_all(format!("{command}\r\nQUIT\r\n").as_bytes())
        .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

/// Runs SQL as the user `doorbuster` and gives the rows.
fn sql(servers: &Servers, statement: &str) -> String {
    let output = Command::new(programs::need(&["mariadb", "mysql"]).unwrap())
        .args([
            "--no-defaults",
            "--host=127.0.0.1",
            "--user=doorbuster",
            "--skip-column-names",
        ])
        .arg(format!("--port={}", servers.mysql.port()))
        .env("MYSQL_PWD", "secret")
        .arg(format!("--execute={statement}"))
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).unwrap()
}

fn runs(process_id: u32) -> bool {
    // A zombie has ended, even if nobody has waited for it yet.
    fs::read_to_string(format!("/proc/{process_id}/stat")).is_ok_and(|stat| {
        !stat
            .rsplit(')')
            .next()
            .unwrap()
            .trim_start()
            .starts_with('Z')
    })
}

fn process_ids(servers: &Servers) -> [u32; 4] {
    [
        &servers.redis,
        &servers.pop_redis,
        &servers.nats,
        &servers.mysql,
    ]
    .map(Server::process_id)
}

fn eventually(what: &str, condition: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(30);
    while !condition() {
        assert!(Instant::now() < deadline, "{what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn two_copies_run_side_by_side_and_keep_their_data() {
    let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let mut first = start(one.path());
    let second = start(two.path());

    redis(first.redis.port(), "SET who first");
    redis(second.redis.port(), "SET who second");
    assert!(redis(first.redis.port(), "GET who").contains("first"));
    assert!(redis(second.redis.port(), "GET who").contains("second"));
    assert!(!redis(first.pop_redis.port(), "GET who").contains("first"));
    assert!(redis(first.redis.port(), "CONFIG GET appendonly").contains("yes"));
    assert!(redis(first.redis.port(), "CONFIG GET maxmemory-policy").contains("noeviction"));

    // The database exists, and the user may make more of them.
    sql(
        &first,
        "CREATE TABLE doorbuster.t (n INT); INSERT INTO doorbuster.t VALUES (42)",
    );
    sql(&first, "CREATE DATABASE another; DROP DATABASE another");
    assert_eq!(sql(&second, "SHOW TABLES IN doorbuster"), "");

    // A crash loses nothing that was kept; the address stays.
    let url = first.redis_url();
    first.redis.kill();
    assert!(first.check().is_err());
    first.redis.restart().unwrap();
    first.check().unwrap();
    assert_eq!(first.redis_url(), url);
    assert!(redis(first.redis.port(), "GET who").contains("first"));

    let ids = process_ids(&first);
    drop(first);
    assert!(ids.iter().all(|id| !runs(*id)), "dropping stops them");
    let first = start(one.path());
    assert!(redis(first.redis.port(), "GET who").contains("first"));
    assert_eq!(sql(&first, "SELECT n FROM doorbuster.t").trim(), "42");
}

#[test]
fn servers_die_with_a_killed_parent() {
    if let Some(data) = std::env::var_os(VICTIM) {
        // The copy: start, say who was started, and wait for the end.
        let servers = start(Path::new(&data));
        println!("\nservers {:?}", process_ids(&servers));
        std::thread::sleep(Duration::from_mins(1));
        return;
    }
    let data = tempfile::tempdir().unwrap();
    let mut victim = Command::new(std::env::current_exe().unwrap())
        .args([
            "--exact",
            "servers::servers_die_with_a_killed_parent",
            "--nocapture",
        ])
        .env(VICTIM, data.path())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(victim.stdout.take().unwrap()).lines();
    let ids: Vec<u32> = lines
        .find_map(|line| {
            let line = line.unwrap();
            let ids = line
                .strip_prefix("servers [")?
                .strip_suffix(']')?
                .split(", ");
            Some(ids.map(|id| id.parse().unwrap()).collect())
        })
        .unwrap();
    assert_eq!(ids.len(), 4);
    assert!(ids.iter().all(|id| runs(*id)));
    victim.kill().unwrap();
    victim.wait().unwrap();
    eventually("a server outlived its parent", || {
        ids.iter().all(|id| !runs(*id))
    });
}
