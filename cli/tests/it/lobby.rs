//! Lobbies, receipts and PoPs, as an operator and as a shopper with a receipt sees them.

use crate::desk::{Desk, run};
use crate::draft;
use kernel::ids::SaleId;
use kernel::lobby::{Lobby, LobbyPop, Receipt, commitment, leaf, proof, tree_root};
use kernel::time::UnixMillis;
use serde_json::json;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::PathBuf;

/// The receipt of the second of three arrivals.
fn receipt() -> Receipt {
    let leaves: Vec<_> = (1..=3)
        .map(|arrival| leaf(arrival, &format!("t{arrival}")))
        .collect();
    let root = tree_root(&leaves);
    let pop = LobbyPop {
        id: "pop-1".into(),
        count: 3,
        size: 3,
        root: format!("{}", Hex(&root)),
    };
    let lobby = Lobby {
        commitment: commitment(&[7; 32]),
        seed: Some("07".repeat(32)),
        waiting: 3,
        beacon: None,
        drawn_at_ms: Some(UnixMillis(1)),
        pops: vec![pop],
    };
    Receipt {
        sale_id: SaleId(5),
        pop: "pop-1".into(),
        arrival: 2,
        ticket: "t2".into(),
        proof: proof(&leaves, &[root], 1)
            .iter()
            .map(|node| Hex(node).to_string())
            .collect(),
        place: lobby.draw(SaleId(5)).unwrap().place("pop-1", 2),
        lobby,
    }
}

struct Hex<'a>(&'a [u8]);

impl std::fmt::Display for Hex<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// A file of its own, removed at the end.
struct Saved(PathBuf);

impl Saved {
    fn new(name: &str, text: &str) -> Self {
        let path = std::env::temp_dir().join(format!("receipt-{}-{name}", std::process::id()));
        std::fs::write(&path, text).unwrap();
        Self(path)
    }

    fn verify(&self, more: &str) -> (i32, String, String) {
        run(&format!("lobby verify {} {more}", self.0.display()), &[])
    }
}

impl Drop for Saved {
    fn drop(&mut self) {
        drop(std::fs::remove_file(&self.0));
    }
}

/// A site that publishes this lobby, once.
fn site(lobby: &Lobby) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let body = json!({ "id": "5", "lobby": lobby }).to_string();
    std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut request = [0; 1_024];
        let length = stream.read(&mut request).unwrap();
        assert!(request[..length].starts_with(b"GET /api/sales/5 "));
        let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", body.len());
        stream
            .write_all(format!("{head}{body}").as_bytes())
            .unwrap();
    });
    format!("--site http://{address}")
}

#[test]
fn a_receipt_is_right_wrong_or_cannot_be_read() {
    let right = receipt();
    let saved = Saved::new("right", &serde_json::to_string(&right).unwrap());
    let (code, out, _) = saved.verify("");
    assert_eq!(code, 0);
    assert!(out.contains("RIGHT: arrival 2 at pop-1 has place"), "{out}");
    assert!(
        out.contains("the operator could have known the draw"),
        "{out}"
    );

    let check = |name: &str, change: fn(&mut Receipt), words: &str| {
        let mut changed = right.clone();
        change(&mut changed);
        let saved = Saved::new(name, &serde_json::to_string(&changed).unwrap());
        let (code, out, _) = saved.verify("");
        assert_eq!(code, 1, "{name}");
        assert!(out.starts_with("WRONG: ") && out.contains(words), "{out}");
    };
    check("place", |receipt| receipt.place += 1, "the place is not");
    check(
        "ticket",
        |receipt| receipt.ticket = "t3".into(),
        "the ticket does not stand",
    );
    check(
        "seed",
        |receipt| receipt.lobby.seed = Some("08".repeat(32)),
        "SHA-256",
    );
    check("arrival", |receipt| receipt.arrival = 4, "took no part");
    check("early", |receipt| receipt.lobby.seed = None, "saved before");

    let rubbish = Saved::new("rubbish", "{}");
    let (code, out, error) = rubbish.verify("");
    assert_eq!(
        (code, out.as_str(), error.lines().count()),
        (2, "", 1),
        "{error}"
    );
    assert_eq!(run("lobby verify /nowhere", &[]).0, 2);
}

#[test]
fn a_receipt_is_compared_with_what_the_site_publishes() {
    let receipt = receipt();
    let saved = Saved::new("site", &serde_json::to_string(&receipt).unwrap());
    let late = Lobby {
        waiting: 99,
        ..receipt.lobby.clone()
    };
    let (code, out, error) = saved.verify(&site(&late));
    assert_eq!(code, 0, "{out}{error}");
    let mut recounted = receipt.lobby.clone();
    recounted.pops[0].count = 4;
    let (code, out, _) = saved.verify(&site(&recounted));
    assert_eq!(code, 1);
    assert!(out.contains("publishes another list of PoPs"), "{out}");
    let (code, _, error) = saved.verify("--site http://127.0.0.1:9");
    assert_eq!((code, error.lines().count()), (2, 1), "{error}");
}

#[tokio::test]
async fn a_lobby_is_shown_with_its_draw() {
    let desk = Desk::new().await;
    let sale = draft(&desk);
    let show = format!("lobby show {sale}");
    let before = desk.says(&show);
    assert!(
        before.contains("lobby      open") && !before.contains("seed"),
        "{before}"
    );
    desk.says(&format!("sale publish {sale}"));
    let after = desk.says(&show);
    for words in [
        "lobby      drawn",
        "seed       ",
        "the operator could have known the draw",
    ] {
        assert!(after.contains(words), "{words} in {after}");
    }
    let json = desk.says(&format!("{show} --json"));
    assert!(json.contains(r#""state":"drawn""#), "{json}");
    let (code, _, error) = desk.run("lobby show 77");
    assert!(
        code == 1 && error.contains("there is no sale 77"),
        "{error}"
    );
}

#[tokio::test]
async fn a_sale_with_a_beacon_needs_a_source_to_be_published() {
    let desk = Desk::new().await;
    let item = desk.says("item add --title Console --list-price 59900 --currency USD");
    let sale = desk.says(&format!("{} --beacon", crate::create(&item, 10)));
    let publish = format!("sale publish {sale}");
    let (code, _, error) = desk.run(&publish);
    assert!(
        code == 1 && error.contains("DOORBUSTER_BEACON_URL"),
        "{error}"
    );
    let settings = [
        ("DOORBUSTER_BEACON_URL", "file:///rounds/{round}"),
        ("DOORBUSTER_BEACON_GENESIS_MS", "1000000"),
        ("DOORBUSTER_BEACON_PERIOD_MS", "3000"),
    ];
    let (code, _, error) = desk.run_with(&settings[..1], &publish);
    assert!(code == 1 && error.contains("_BEACON_GENESIS_MS"), "{error}");
    let (code, _, error) = desk.run_with(&settings, &publish);
    assert_eq!(code, 0, "{error}");
    let shown = desk.says(&format!("lobby show {sale}"));
    assert!(
        shown.contains("lobby      frozen") && shown.contains("beacon     round "),
        "{shown}"
    );
    assert!(!shown.contains("seed"), "{shown}");
}

#[tokio::test]
async fn pops_are_listed_rotated_revoked_and_restored() {
    let desk = Desk::new().await;
    desk.sql("INSERT INTO pops (id) VALUES ('pop-1')").await;
    assert!(
        desk.says("pop list")
            .contains("pop-1  silent   key 1  heard never  no address")
    );
    assert_eq!(
        desk.says("pop rotate pop-1"),
        "pop-1 signs with key version 2 now"
    );
    let (code, _, error) = desk.run("pop rotate pop-1");
    assert!(
        code == 1 && error.contains("still count: again in 15"),
        "{error}"
    );
    assert_eq!(desk.says("pop revoke pop-1"), "pop-1 is revoked");
    assert!(
        desk.says("pop list --json")
            .contains(r#""state":"revoked""#)
    );
    assert_eq!(desk.says("pop restore pop-1"), "pop-1 may come in again");
    for line in ["pop rotate pop-9", "pop revoke pop-9", "pop restore pop-9"] {
        let (code, _, error) = desk.run(line);
        assert!(
            code == 1 && error.contains("there is no PoP pop-9"),
            "{line}: {error}"
        );
    }
}
