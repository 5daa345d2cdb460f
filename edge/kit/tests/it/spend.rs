use crate::server::Server;
use std::sync::Barrier;

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

#[test]
fn sent_by_a_hundred_at_the_same_moment_it_counts_once() {
    const SENDERS: usize = 100;
    let server = Server::start();
    let script = redis::Script::new(SPEND);
    let start = Barrier::new(SENDERS);
    let words = std::thread::scope(|scope| {
        let send = |number: usize| {
            let mut connection = server.connect();
            let (script, start) = (&script, &start);
            scope.spawn(move || {
                let mut call = script.key("spent:code:1");
                call.arg(format!("request-{number}")).arg(5_000);
                start.wait();
                call.invoke::<Vec<String>>(&mut connection).unwrap()
            })
        };
        let senders = (0..SENDERS).map(send).collect::<Vec<_>>();
        senders
            .into_iter()
            .flat_map(|sender| sender.join().unwrap())
            .collect::<Vec<_>>()
    });
    let counted = |word| words.iter().filter(|said| *said == word).count();
    assert_eq!((counted("ok"), counted("spent")), (1, SENDERS - 1));
}
