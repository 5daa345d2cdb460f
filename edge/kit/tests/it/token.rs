use crate::server::Server;
use proptest::prelude::*;
use std::collections::HashSet;

pub const TOKEN: &str = concat!(
    include_str!("../../../../lua/edge/limits.lua"),
    include_str!("../../../../lua/edge/places.lua"),
    include_str!("../../../../lua/edge/turns.lua"),
    include_str!("../../../../lua/edge/slots.lua"),
    include_str!("../../../../lua/edge/token.lua"),
);
const LOBBY: &str = include_str!("../../../../lua/edge/lobby.lua");
const STANDING: &str = concat!(
    include_str!("../../../../lua/edge/places.lua"),
    include_str!("../../../../lua/edge/standing.lua"),
);
const ENDED: &str = include_str!("../../../../lua/edge/ended.lua");
const LEASE: &str = include_str!("../../../../lua/edge/lease.lua");
const NO_LEASE: &str = include_str!("../../../../lua/edge/no_lease.lua");

/// The sale opens.
pub const NOON: i64 = 1_800_000_000_000;

/// A gate's store and the settings of its sale.
pub struct Gate {
    pub server: Server,
    per_account: u32,
    per_network: u32,
    pub rate: u32,
    pub drawn: (u64, u64),
    requests: u32,
}

/// One call of the script.
#[derive(Clone)]
struct Ask {
    request: String,
    nonce: String,
    account: u32,
    network: String,
    count_it: bool,
    place: String,
}

impl Gate {
    pub fn start() -> Self {
        let mut gate = Self {
            server: Server::start(),
            per_account: 30,
            per_network: 120,
            rate: 100,
            drawn: (0, 0),
            requests: 0,
        };
        gate.report(0, 0);
        gate
    }

    /// A new request with a new challenge.
    fn request(&mut self, account: u32) -> Ask {
        self.requests += 1;
        Ask {
            request: format!("r{}", self.requests),
            nonce: format!("n{}", self.requests),
            account,
            network: format!("127.0.0.{account}/32"),
            count_it: true,
            place: String::new(),
        }
    }

    /// What the origin answers to a report.
    pub fn report(&mut self, continue_above: u64, count: u64) -> Vec<String> {
        let arguments = [continue_above, count].map(|number| number.to_string());
        let arguments = [&arguments[..], &[NOON.to_string(), "3600000".to_owned()]].concat();
        self.server.run(LOBBY, &[key("lobby")], &arguments)
    }

    /// Somebody whose arrival before the opening was turned into this place.
    pub fn ask_at(&mut self, account: u32, place: u64, now: i64) -> Vec<String> {
        let record = key(format!("place:{account}"));
        self.server.command("HSET", &[&record, "arrival", "1"]);
        let ask = Ask {
            place: place.to_string(),
            ..self.request(account)
        };
        self.run(&ask, now)
    }

    /// Where an account stands.
    pub fn standing(&mut self, account: u32, now: i64) -> Vec<String> {
        let keys = [format!("place:{account}"), "lobby".into(), "waiting".into()];
        self.server
            .run(STANDING, &keys.map(key), &[now.to_string()])
    }

    /// The account's token, of this lease and offset, is over.
    pub fn end(&mut self, account: u32, lease: &str, offset: &str, word: &str) -> Vec<String> {
        let arguments = [lease, offset, word].map(str::to_owned);
        self.server
            .run(ENDED, &[key(format!("place:{account}"))], &arguments)
    }

    pub fn ask(&mut self, account: u32, now: i64) -> Vec<String> {
        let ask = self.request(account);
        self.run(&ask, now)
    }

    fn run(&mut self, ask: &Ask, now: i64) -> Vec<String> {
        let mut keys = vec![
            format!("nonce:{}", ask.nonce),
            format!("place:{}", ask.account),
            "lobby".to_owned(),
            "lease".to_owned(),
            "asked".to_owned(),
            "waiting".to_owned(),
            "seen".to_owned(),
        ];
        let (drawn, drawn_here) = self.drawn;
        let mut arguments = vec![
            ask.request.clone(),
            now.to_string(),
            "121000".to_owned(),
            ask.account.to_string(),
            "serial".to_owned(),
            "3600000".to_owned(),
            NOON.to_string(),
            self.rate.to_string(),
            format!("{:.3}", 1_000.0 / f64::from(self.rate)),
            "120000".to_owned(),
            "3".to_owned(),
            "1000".to_owned(),
            drawn.to_string(),
            drawn_here.to_string(),
            "1".to_owned(),
            "0".to_owned(),
            ask.place.clone(),
        ];
        if ask.count_it {
            keys.push(format!("account:{}", ask.account));
            keys.push(format!("network:{}", ask.network));
            arguments.extend([self.per_account, self.per_network].map(|limit| limit.to_string()));
        }
        let keys: Vec<_> = keys.into_iter().map(key).collect();
        let reply = self.server.run(TOKEN, &keys, &arguments);
        match reply[0].as_str() {
            // Without what is left of the limits, which has a test of its own.
            "granted" | "again" | "used" | "over" => [&reply[..1], &reply[3..8]].concat(),
            // Without how many are wanted.
            "no-slots" => reply[..1].to_vec(),
            _ => reply,
        }
    }

    /// A lease whose slots begin at its id × 100.
    pub fn lease(&mut self, id: &str, count: u32, until: i64, now: i64) -> Vec<String> {
        let arguments = [
            id.to_owned(),
            format!("{id}00"),
            count.to_string(),
            until.to_string(),
            now.to_string(),
            "3600000".to_owned(),
            "0".to_owned(),
        ];
        self.server
            .run(LEASE, &["lease", "lease-lock"].map(key), &arguments)
    }

    pub fn no_lease(&mut self, word: &str, until: i64) -> Vec<String> {
        let arguments = [word.to_owned(), until.to_string(), "3600000".to_owned()];
        self.server
            .run(NO_LEASE, &["lease", "lease-lock"].map(key), &arguments)
    }
}

pub fn key(name: impl AsRef<str>) -> String {
    format!("gate:{{5}}:{}", name.as_ref())
}

pub fn number(reply: &[String], index: usize) -> i64 {
    reply[index].parse().unwrap()
}

#[test]
fn a_live_token_comes_again_and_ends_with_its_time() {
    let mut gate = Gate::start();
    gate.lease("7", 5, NOON + 30_000, NOON);
    let first = gate.ask(1, NOON);
    let exp = NOON + 120_000;
    let expected = [
        "granted",
        "7",
        "700",
        "0",
        &NOON.to_string(),
        &exp.to_string(),
    ];
    assert_eq!(first, expected);
    let again = gate.ask(1, NOON + 60_000);
    assert_eq!(again[0], "again");
    assert_eq!(again[1..], first[1..]);
    gate.lease("8", 5, exp + 30_000, exp);
    assert_eq!(
        gate.ask(1, exp)[0],
        "over",
        "somebody must find out what became of it"
    );
    assert_eq!(
        gate.end(1, "7", "1", "bought"),
        ["kept"],
        "that is another token"
    );
    assert_eq!(gate.end(1, "7", "0", "bought"), ["ended"]);
    assert_eq!(gate.ask(1, exp)[..4], ["granted", "8", "800", "0"]);
}

#[test]
fn a_challenge_serves_one_request_which_may_repeat_itself() {
    let mut gate = Gate::start();
    let ask = gate.request(1);
    assert_eq!(
        gate.run(&ask, NOON),
        ["no-slots"],
        "nothing given, nothing spent"
    );
    gate.lease("7", 5, NOON + 30_000, NOON);
    assert_eq!(gate.run(&ask, NOON)[0], "granted");
    assert_eq!(gate.run(&ask, NOON)[0], "again");
    let other = Ask {
        request: "other".to_owned(),
        ..ask.clone()
    };
    assert_eq!(gate.run(&other, NOON), ["spent"]);
    let stranger = Ask {
        account: 2,
        ..other
    };
    assert_eq!(gate.run(&stranger, NOON), ["spent"]);
}

#[test]
fn attempts_of_an_account_are_limited_without_a_window_to_slip_through() {
    let mut gate = Gate::start();
    gate.per_account = 3;
    for _ in 0..3 {
        assert_eq!(gate.ask(1, NOON), ["no-slots"]);
    }
    assert_eq!(gate.ask(1, NOON), ["limited", "1", "20000"]);
    assert_eq!(gate.ask(2, NOON), ["no-slots"], "others are not");
    assert_eq!(gate.ask(1, NOON + 19_999), ["limited", "1", "1"]);
    assert_eq!(gate.ask(1, NOON + 20_000), ["no-slots"]);
    assert_eq!(gate.ask(1, NOON + 20_000), ["limited", "1", "20000"]);
    let again = Ask {
        count_it: false,
        ..gate.request(1)
    };
    assert_eq!(
        gate.run(&again, NOON + 20_000),
        ["no-slots"],
        "the same request goes on"
    );
}

#[test]
fn attempts_of_a_network_are_limited_and_a_refusal_costs_nothing() {
    let mut gate = Gate::start();
    (gate.per_account, gate.per_network) = (1, 2);
    let mut ask = |account, now| {
        let ask = Ask {
            network: "2001:db8::/64".to_owned(),
            ..gate.request(account)
        };
        gate.run(&ask, now)
    };
    assert_eq!(ask(1, NOON), ["no-slots"]);
    assert_eq!(ask(2, NOON), ["no-slots"]);
    assert_eq!(ask(3, NOON), ["limited", "2", "30000"]);
    assert_eq!(
        ask(3, NOON + 30_000),
        ["no-slots"],
        "its own limit was not touched"
    );
}

#[test]
fn turns_follow_the_rate_and_end_with_the_lease() {
    let mut gate = Gate::start();
    gate.rate = 4;
    gate.lease("7", 10, NOON + 1_000, NOON);
    let mut turn = |account| {
        let reply = gate.ask(account, NOON);
        assert_eq!(reply[0], "granted");
        number(&reply, 4) - NOON
    };
    let turns = [turn(1), turn(2), turn(3), turn(4), turn(5)];
    assert_eq!(turns, [0, 250, 500, 750, 1_000]);
    assert_eq!(gate.ask(6, NOON), ["paced", "250"]);
}

#[test]
fn before_the_opening_a_turn_counts_from_the_opening() {
    let mut gate = Gate::start();
    let early = NOON - 5_000;
    gate.lease("7", 10, early + 30_000, early);
    let reply = gate.ask(1, early);
    assert_eq!(number(&reply, 4), NOON);
    assert_eq!(number(&reply, 5), NOON + 120_000);
}

#[test]
fn ids_of_63_bits_stay_whole() {
    let mut gate = Gate::start();
    let id = i64::MAX.to_string();
    let first = (i64::MAX - 4_096).to_string();
    let arguments = [
        &id,
        &first,
        "2",
        &(NOON + 30_000).to_string(),
        &NOON.to_string(),
        "3600000",
        "0",
    ]
    .map(str::to_owned);
    gate.server
        .run(LEASE, &["lease", "lease-lock"].map(key), &arguments);
    let expected = ["granted", &id, &first, "0"];
    assert_eq!(gate.ask(1, NOON)[..4], expected);
    assert_eq!(gate.ask(1, NOON)[1..4], expected[1..]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    /// Whatever accounts, times and leases come, no slot goes to two accounts, no account has two
    /// live tokens, no lease gives more than it has or later than it may, and turns keep the rate.
    #[test]
    fn no_slot_is_given_twice(
        steps in prop::collection::vec((0_u32..12, 0_i64..4_000, 0_u32..5), 1..120),
    ) {
        let mut gate = Gate::start();
        (gate.per_account, gate.per_network, gate.rate) = (60_000, 60_000, 2);
        let (mut now, mut leases, mut until) = (NOON, 0_u32, NOON);
        let mut slots = HashSet::new();
        let mut turns: Vec<i64> = Vec::new();
        let mut live = std::collections::HashMap::new();
        for (account, step_ms, count) in steps {
            now += step_ms;
            let mut reply = gate.ask(account, now);
            if reply[0] == "over" {
                prop_assert_eq!(gate.end(account, &reply[1], &reply[3], "bought"), ["ended"]);
                reply = gate.ask(account, now);
            }
            if reply == ["no-slots"] && count > 0 {
                leases += 1;
                let stored = gate.lease(&leases.to_string(), count, now + 5_000, now);
                until = if stored == ["stored"] { now + 5_000 } else { until };
                reply = gate.ask(account, now);
            }
            match reply[0].as_str() {
                "granted" => {
                    let (nbf, exp) = (number(&reply, 4), number(&reply, 5));
                    prop_assert!(slots.insert((reply[1].clone(), reply[3].clone())));
                    prop_assert!(now <= nbf && nbf <= until && exp - nbf >= 120_000);
                    prop_assert!(turns.last().is_none_or(|last| nbf - last >= 499));
                    turns.push(nbf);
                    let before = live.insert(account, (exp, reply[1..].to_vec()));
                    prop_assert!(before.is_none_or(|(exp, _)| exp <= now));
                }
                "again" => {
                    let (exp, token) = &live[&account];
                    prop_assert!(now < *exp);
                    prop_assert_eq!(token, &reply[1..].to_vec());
                }
                "paced" | "wait" => prop_assert!(number(&reply, 1) > 0),
                word => prop_assert_eq!(word, "no-slots"),
            }
        }
    }
}
