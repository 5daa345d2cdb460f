//! The program as operators start it.

use crate::support::{World, eventually};
use kernel::order::OrderState;
use std::net::{SocketAddr, TcpListener};
use std::process::{Child, Command, Stdio};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// The program with these roles and settings, beside those of the world's stores.
fn origin(world: &World, roles: &str, settings: &[(&str, &str)]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_doorbuster-origin"));
    command.args(["--roles", roles]).env_clear();
    command
        .envs(world.settings())
        .envs(settings.iter().copied());
    command
}

/// Ends the program with the test, also when that fails.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

fn free_address() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
}

async fn status(address: SocketAddr, path: &str) -> Option<String> {
    let mut stream = TcpStream::connect(address).await.ok()?;
    let request = format!("GET {path} HTTP/1.1\r\nhost: ops\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.ok()?;
    answer.lines().next().map(str::to_owned)
}

#[tokio::test]
async fn a_decider_alone_needs_the_stores_alone() {
    let world = World::new().await;
    let sale = world.sale(5, 1).await;
    let admitted = world.admit(sale, 1, 1).await;
    let id = admitted.order_id;
    world
        .stores
        .queue
        .publish(&admitted, &id.to_string())
        .await
        .unwrap();
    let ops = free_address();
    let listen = ops.to_string();
    let mut decider = origin(&world, "decider", &[("DOORBUSTER_OPS_LISTEN", &listen)]);
    let _running = Running(decider.stderr(Stdio::null()).spawn().unwrap());
    eventually("readiness", async || {
        status(ops, "/readyz")
            .await
            .is_some_and(|line| line.contains("200"))
    })
    .await;
    eventually("the decision", async || {
        let order = world.stores.ledger.order_of_anyone(id).await.unwrap();
        order.is_some_and(|order| order.state == OrderState::PendingPayment)
    })
    .await;
}

#[tokio::test]
async fn what_stops_the_start_is_one_line() {
    let world = World::new().await;
    let fails = |roles, settings: &[(&str, &str)], words: &[&str]| {
        let output = origin(&world, roles, settings).output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(
            (output.status.code(), said.lines().count()),
            (Some(1), 1),
            "{said}"
        );
        for word in words {
            assert!(said.contains(word), "{word} in {said}");
        }
    };
    let missing = [
        "DOORBUSTER_POPS is missing",
        "DOORBUSTER_SESSION_KEY is missing",
    ];
    fails("http", &[], &missing);
    fails(
        "decider",
        &[("DOORBUSTER_TYPO", "1")],
        &["DOORBUSTER_TYPO is no setting"],
    );
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let words = ["cannot listen at", address.as_str()];
    fails("decider", &[("DOORBUSTER_OPS_LISTEN", &address)], &words);
    let nowhere = free_address();
    let url = format!("redis://{nowhere}");
    fails(
        "decider",
        &[("DOORBUSTER_REDIS_URL", &url)],
        &["DOORBUSTER_REDIS_URL"],
    );
}
