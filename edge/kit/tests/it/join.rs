use crate::server::Server;
use crate::token::NOON;
use std::collections::HashSet;

const JOIN: &str = concat!(
    include_str!("../../../../lua/edge/limits.lua"),
    include_str!("../../../../lua/edge/places.lua"),
    include_str!("../../../../lua/edge/join.lua"),
);
const LOBBY: &str = include_str!("../../../../lua/edge/lobby.lua");
const CLOSE: &str = include_str!("../../../../lua/edge/close.lua");
const FOLD: &str = include_str!("../../../../lua/edge/fold.lua");

struct Lobby {
    server: Server,
    requests: u32,
}

impl Lobby {
    fn start() -> Self {
        Self {
            server: Server::start(),
            requests: 0,
        }
    }

    fn key(name: &str) -> String {
        format!("gate:{{5}}:{name}")
    }

    fn open(&mut self, continue_above: u32) {
        let arguments = [
            continue_above.to_string(),
            "0".into(),
            NOON.to_string(),
            "3600000".into(),
        ];
        let reply = self.server.run(LOBBY, &[Self::key("lobby")], &arguments);
        assert_eq!(reply, ["kept"]);
    }

    fn join(&mut self, account: u32) -> Vec<String> {
        self.requests += 1;
        let nonce = self.requests.to_string();
        self.join_with(account, &nonce)
    }

    fn join_with(&mut self, account: u32, nonce: &str) -> Vec<String> {
        self.requests += 1;
        let keys = [
            Self::key(&format!("nonce:{nonce}")),
            Self::key(&format!("place:{account}")),
            Self::key("lobby"),
            Self::key("tickets"),
            Self::key(&format!("account:{account}")),
        ];
        let arguments = [
            format!("r{}", self.requests),
            NOON.to_string(),
            "121000".into(),
            account.to_string(),
            format!("serial{account}"),
            "3600000".into(),
            "1000".into(),
            "3".into(),
        ];
        self.server.run(JOIN, &keys, &arguments)
    }

    fn close(&mut self) -> Vec<String> {
        self.server.run(CLOSE, &[Self::key("lobby")], &[])
    }

    fn tickets(&mut self) -> String {
        self.server.command("LLEN", &[&Self::key("tickets")])
    }
}

#[test]
fn an_account_has_one_arrival_however_often_it_joins() {
    let mut lobby = Lobby::start();
    assert_eq!(
        lobby.join(1),
        ["report"],
        "the origin knows nothing of it yet"
    );
    lobby.open(0);
    let first = lobby.join(1);
    assert_eq!(first[..1], ["joined"]);
    assert_eq!(first[3..], ["1", &NOON.to_string(), "serial1", "0"]);
    assert_eq!(lobby.join(2)[3], "2");
    let again = lobby.join(1);
    assert_eq!(again[..1], ["again"]);
    assert_eq!(again[3..6], first[3..6]);
    assert_eq!(
        lobby.join(1),
        ["limited", "1", "20000"],
        "a minute takes three"
    );
    assert_eq!(lobby.tickets(), "2");
}

#[test]
fn a_challenge_lets_one_account_in() {
    let mut lobby = Lobby::start();
    lobby.open(0);
    assert_eq!(lobby.join_with(1, "n")[0], "joined");
    assert_eq!(lobby.join_with(2, "n"), ["spent"]);
}

#[test]
fn what_comes_after_closing_has_no_ticket_in_the_tree() {
    let mut lobby = Lobby::start();
    assert_eq!(lobby.close(), ["report"]);
    lobby.open(40);
    lobby.join(1);
    lobby.join(2);
    assert_eq!(lobby.close(), ["closed", "42", "40"]);
    assert_eq!(lobby.join(3)[3], "43");
    assert_eq!(lobby.close(), ["closed", "42", "40"], "the count stays");
    assert_eq!(lobby.tickets(), "2");
}

#[test]
fn arrivals_are_dense_and_go_on_above_a_report_after_a_loss() {
    let mut lobby = Lobby::start();
    lobby.open(0);
    let mut arrivals: HashSet<u32> = (1..=50)
        .map(|account| lobby.join(account)[3].parse().unwrap())
        .collect();
    assert_eq!(arrivals, (1..=50).collect());
    lobby.server.command("FLUSHALL", &[]);
    lobby.open(1_050);
    lobby.open(9_999);
    for account in 1..=50 {
        assert!(arrivals.insert(lobby.join(account)[3].parse().unwrap()));
    }
    assert_eq!(arrivals.iter().max(), Some(&1_100));
}

#[test]
fn a_chunk_is_folded_once_and_in_order() {
    let mut lobby = Lobby::start();
    let mut fold = |number: &str, root: &str| {
        let arguments = [number, root, &root.repeat(2), "3600000"].map(str::to_owned);
        let keys = [
            Lobby::key("chunks"),
            Lobby::key(&format!("leaves:{number}")),
        ];
        lobby.server.run(FOLD, &keys, &arguments)
    };
    assert_eq!(fold("0", "aa"), ["folded"]);
    assert_eq!(fold("0", "bb"), ["kept"]);
    assert_eq!(fold("2", "cc"), ["kept"]);
    assert_eq!(fold("1", "dd"), ["folded"]);
    for (number, expected) in [(0, "aaaa"), (1, "dddd"), (2, "nil")] {
        let key = Lobby::key(&format!("leaves:{number}"));
        assert_eq!(lobby.server.command("GET", &[&key]), expected);
    }
}
