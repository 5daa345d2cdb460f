use crate::server::Server;

const SPEND: &str = include_str!("../../../../lua/edge/spend.lua");

#[test]
fn a_challenge_is_spent_once_and_by_one_request() {
    let mut server = Server::start();
    let mut spend = |request: &str, nonce: &str| {
        let keys = [format!("spent:code:{nonce}")];
        server.run(SPEND, &keys, &[request.to_owned(), "5000".to_owned()])
    };
    assert_eq!(spend("a", "1"), ["ok"]);
    assert_eq!(
        spend("a", "1"),
        ["ok"],
        "the same request may repeat itself"
    );
    assert_eq!(spend("b", "1"), ["spent"]);
    assert_eq!(spend("b", "2"), ["ok"]);
    let left_ms: i64 = server.command("PTTL", &["spent:code:1"]).parse().unwrap();
    assert!((1..=5_000).contains(&left_ms), "{left_ms}");
}
