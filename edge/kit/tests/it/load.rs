use crate::server::Server;

const LOAD: &str = include_str!("../../../../lua/edge/load.lua");
const NOW: i64 = 1_800_000_000_000;
const OVER_MS: i64 = 2_000;

fn count(server: &mut Server, made: u32, after_ms: i64) -> u32 {
    let arguments = [
        made.to_string(),
        (NOW + after_ms).to_string(),
        OVER_MS.to_string(),
    ];
    let reply = server.run(LOAD, &["gate:load".to_owned()], &arguments);
    reply[0].parse().unwrap()
}

#[test]
fn the_load_is_what_all_instances_make_a_second_on_average() {
    let mut server = Server::start();
    assert_eq!(count(&mut server, 0, 0), 0);
    // Two instances, 50 each every 250 ms: 400 a second.
    let mut told = 0;
    for turn in 0..100 {
        count(&mut server, 50, turn * 250);
        told = count(&mut server, 50, turn * 250 + 125);
    }
    assert!((380..=450).contains(&told), "{told}");

    // Ten times as many: known to more than half after two seconds.
    let from = 100 * 250;
    for turn in 0..8 {
        told = count(&mut server, 1_000, from + turn * 250);
    }
    assert!((2_200..4_000).contains(&told), "{told}");

    // And forgotten when they are gone.
    assert!(count(&mut server, 0, from + 20_000) < 5);
}

#[test]
fn a_clock_that_is_behind_does_not_make_the_load_greater() {
    let mut server = Server::start();
    let first = count(&mut server, 100, 1_000);
    assert_eq!(count(&mut server, 0, 0), first);
    assert!(count(&mut server, 0, 1_500) < first);
    let left_ms: i64 = server.command("PTTL", &["gate:load"]).parse().unwrap();
    assert!((1..=20 * OVER_MS).contains(&left_ms), "{left_ms}");
}
