use crate::server::Server;

const TRY_CODE: &str = include_str!("../../../../lua/edge/try_code.lua");
const NOW: i64 = 1_800_000_000_000;
/// Wrong tries at once, and how long one takes to be forgotten.
const WRONG_MAX: i64 = 3;
const EVERY_MS: i64 = 1_000;

struct Tries {
    server: Server,
}

impl Tries {
    fn new() -> Self {
        Self {
            server: Server::start(),
        }
    }

    fn at(&mut self, after_ms: i64, nonce: &str, right: bool) -> Vec<String> {
        let keys = [
            format!("code:{{127.0.0.1/32}}:ended:{nonce}"),
            "code:{127.0.0.1/32}:wrong".to_owned(),
        ];
        let arguments = [
            u8::from(right).to_string(),
            (NOW + after_ms).to_string(),
            "5000".to_owned(),
            WRONG_MAX.to_string(),
            EVERY_MS.to_string(),
        ];
        self.server.run(TRY_CODE, &keys, &arguments)
    }
}

#[test]
fn a_code_can_be_guessed_once() {
    let mut tries = Tries::new();
    assert_eq!(tries.at(0, "a", false), ["wrong"]);
    assert_eq!(tries.at(0, "a", true), ["spent"], "too late to be right");
    assert_eq!(tries.at(0, "a", false), ["spent"]);
    assert_eq!(tries.at(0, "b", true), ["ok"]);
    assert_eq!(
        tries.at(0, "b", true),
        ["ok"],
        "whoever acts on it spends it"
    );
}

#[test]
fn wrong_tries_of_a_network_are_limited_and_come_back() {
    let mut tries = Tries::new();
    for nonce in ["a", "b", "c"] {
        assert_eq!(tries.at(0, nonce, false), ["wrong"]);
    }
    // Right ones too, or whoever goes on guessing would learn which one was.
    for right in [false, true] {
        assert_eq!(tries.at(0, "d", right), ["limited", "1000"]);
    }
    assert_eq!(tries.at(999, "d", true), ["limited", "1"]);
    assert_eq!(
        tries.at(1_000, "d", true),
        ["ok"],
        "it was not lost meanwhile"
    );
    assert_eq!(tries.at(1_000, "e", false), ["wrong"]);
    assert_eq!(tries.at(1_000, "f", false), ["limited", "1000"]);
    for nonce in ["g", "h", "i"] {
        assert_eq!(tries.at(4_000, nonce, false), ["wrong"]);
    }
    assert_eq!(tries.at(4_000, "j", false)[0], "limited");
}

#[test]
fn what_is_known_of_tries_goes_by_itself() {
    let mut tries = Tries::new();
    tries.at(0, "a", false);
    for key in ["code:{127.0.0.1/32}:ended:a", "code:{127.0.0.1/32}:wrong"] {
        let left_ms: i64 = tries.server.command("PTTL", &[key]).parse().unwrap();
        assert!((1..=5_000).contains(&left_ms), "{key}: {left_ms}");
    }
}
