use crate::server::Server;

const PACE: &str = include_str!("../../../../lua/edge/pace.lua");
const NOW_MS: i64 = 1_800_000_000_000;

/// Asks for the turn of a slot: the word, and how long to wait.
fn ask(server: &mut Server, slot: u32, at_ms: i64, per_second: f64) -> (String, i64) {
    let keys = [
        "relay:{7}:pace".to_owned(),
        format!("relay:{{7}}:slot:{slot}"),
        format!("gate:{{7}}:place:{slot}"),
    ];
    let arguments = [
        (NOW_MS + at_ms).to_string(),
        (1_000.0 / per_second).to_string(),
        "2000".to_owned(),
        "120000".to_owned(),
        "9".to_owned(),
    ];
    let reply = server.run(PACE, &keys, &arguments);
    (reply[0].clone(), reply[1].parse().unwrap())
}

#[test]
fn a_second_s_worth_goes_at_once_and_the_rest_in_turn() {
    let mut server = Server::start();
    let replies: Vec<_> = (0..16).map(|slot| ask(&mut server, slot, 0, 5.0)).collect();
    let turn = |wait_ms| ("turn".to_owned(), wait_ms);
    let at_once = [0; 5].map(turn);
    let waiting = [200, 400, 600, 800, 1_000, 1_200, 1_400, 1_600, 1_800, 2_000].map(turn);
    assert_eq!(replies[..5], at_once);
    assert_eq!(replies[5..15], waiting);
    assert_eq!(replies[15], ("later".to_owned(), 2_200));
    // Who was told to come later has taken no turn from anybody.
    assert_eq!(ask(&mut server, 15, 200, 5.0), turn(2_000));
}

#[test]
fn a_fast_rate_is_kept_exactly() {
    let mut server = Server::start();
    let mut given = 0;
    for slot in 0..400 {
        given += i64::from(ask(&mut server, slot, 0, 100_000.0).1 == 0);
    }
    assert_eq!(given, 400);
    let whole_at: f64 = server.command("GET", &["relay:{7}:pace"]).parse().unwrap();
    assert!((whole_at - 1_800_000_000_004.0).abs() < 0.1, "{whole_at}");
}

#[test]
fn an_order_has_one_turn_while_its_token_lives() {
    let mut server = Server::start();
    let again = |wait_ms| ("again".to_owned(), wait_ms);
    ask(&mut server, 1, 0, 1.0);
    assert_eq!(ask(&mut server, 2, 0, 1.0), ("turn".to_owned(), 1_000));
    assert_eq!(ask(&mut server, 2, 400, 1.0), again(600));
    assert_eq!(ask(&mut server, 2, 9_000, 1.0), again(0));
    assert_eq!(ask(&mut server, 1, 400, 1.0), again(0));
    assert_eq!(ask(&mut server, 3, 400, 1.0), ("turn".to_owned(), 1_600));
    let left_ms: i64 = server
        .command("PTTL", &["relay:{7}:slot:2"])
        .parse()
        .unwrap();
    assert!((100_000..=120_000).contains(&left_ms), "{left_ms}");
}

#[test]
fn a_rate_that_was_changed_counts_from_now_on() {
    let mut server = Server::start();
    for slot in 0..4 {
        ask(&mut server, slot, 0, 0.1);
    }
    // Ten seconds an order were promised; at the new rate nobody waits longer than anybody may.
    let (word, wait_ms) = ask(&mut server, 5, 0, 1_000.0);
    assert!(word == "later" && wait_ms <= 2_001, "{word} {wait_ms}");
    assert_eq!(ask(&mut server, 6, 1, 1_000.0), ("turn".to_owned(), 2_000));
    assert_eq!(ask(&mut server, 7, 2_100, 1_000.0), ("turn".to_owned(), 0));
    // And slower: an order every two seconds.
    assert_eq!(ask(&mut server, 8, 2_100, 0.5), ("turn".to_owned(), 902));
    assert_eq!(ask(&mut server, 9, 2_100, 0.5), ("later".to_owned(), 2_902));
}

#[test]
fn the_gate_is_told_that_a_token_was_used() {
    let mut server = Server::start();
    let used = |server: &mut Server, slot| {
        server.command("HGET", &[&format!("gate:{{7}}:place:{slot}"), "used"])
    };
    server.command("HSET", &["gate:{7}:place:1", "lease", "9"]);
    server.command("HSET", &["gate:{7}:place:2", "lease", "8"]);
    for slot in 1..=3 {
        ask(&mut server, slot, 0, 5.0);
    }
    assert_eq!(used(&mut server, 1), "9");
    assert_eq!(
        used(&mut server, 2),
        "nil",
        "the account has another token by now"
    );
    assert_eq!(used(&mut server, 3), "nil");
}
