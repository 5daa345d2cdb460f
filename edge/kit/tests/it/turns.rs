//! Whose turn it is: `turns.lua` and `places.lua`, behind `token.lua`.

use crate::token::{Gate, NOON, number};

/// A sale in whose lobby `count` were, all at this PoP.
fn drawn(count: u64) -> Gate {
    let mut gate = Gate::start();
    gate.drawn = (count, count);
    gate.server
        .command("HSET", &["gate:{5}:lobby", "arrivals", &count.to_string()]);
    gate
}

#[test]
fn a_slot_goes_to_the_lowest_place_that_waits_and_not_to_who_asks_fastest() {
    let mut gate = Gate::start();
    for account in 1..=4 {
        assert_eq!(gate.ask(account, NOON), ["no-slots"]);
    }
    gate.lease("7", 2, NOON + 30_000, NOON);
    assert_eq!(gate.ask(4, NOON + 100), ["no-slots"]);
    assert_eq!(gate.ask(3, NOON + 100), ["no-slots"]);
    assert_eq!(gate.ask(2, NOON + 100)[0], "granted");
    assert_eq!(gate.ask(3, NOON + 100), ["no-slots"]);
    assert_eq!(gate.ask(1, NOON + 100)[0], "granted");
}

#[test]
fn who_does_not_come_back_holds_nobody_up() {
    let mut gate = Gate::start();
    gate.ask(1, NOON);
    gate.lease("7", 1, NOON + 30_000, NOON);
    assert_eq!(gate.ask(2, NOON + 14_999), ["no-slots"]);
    assert_eq!(gate.ask(2, NOON + 15_000)[0], "granted");
}

#[test]
fn a_drawn_place_can_be_claimed_for_a_minute_and_is_then_passed_over() {
    // A turn comes each 10 ms.
    let mut gate = drawn(10);
    gate.lease("7", 5, NOON + 30_000, NOON);
    assert_eq!(
        gate.ask_at(8, 8, NOON),
        ["no-slots"],
        "eight may still come"
    );
    assert_eq!(gate.ask_at(2, 2, NOON)[0], "granted");
    assert_eq!(gate.ask_at(9, 9, NOON), ["no-slots"]);

    let later = NOON + 60_100;
    gate.lease("8", 5, later + 30_000, later);
    assert_eq!(
        gate.ask_at(8, 8, later)[0],
        "granted",
        "the others did not come"
    );
    // Place 0 has its turn long past, and a slot went to a higher one a minute ago.
    let reply = gate.ask_at(5, 0, later + 60_100);
    assert_eq!(reply, ["no-slots"]);
    let place = gate.server.command("HGET", &["gate:{5}:place:5", "place"]);
    assert_eq!(place, "10", "behind everybody");
    let stands = gate.standing(5, later + 60_100);
    assert_eq!(stands, ["standing", "1", "10", "1", "8", "10"]);
}

#[test]
fn where_one_stands_is_said_from_what_decides_it() {
    let mut gate = drawn(10);
    assert_eq!(gate.standing(1, NOON), ["none"]);
    gate.server
        .command("HSET", &["gate:{5}:place:1", "arrival", "4"]);
    assert_eq!(gate.standing(1, NOON), ["standing", "4", "", "0", "-1", ""]);
    gate.lease("7", 1, NOON + 30_000, NOON);
    assert_eq!(gate.ask_at(2, 0, NOON)[0], "granted");
    gate.ask_at(3, 6, NOON);
    assert_eq!(
        gate.standing(3, NOON),
        ["standing", "1", "6", "1", "-1", "6"]
    );
    // A minute after somebody was let in, lower places have had their turn, and no earlier.
    let at = |gate: &mut Gate, now| gate.standing(1, now)[4].clone();
    assert_eq!(at(&mut gate, NOON + 59_999), "-1");
    assert_eq!(at(&mut gate, NOON + 60_000), "0");
}

#[test]
fn nobody_is_passed_over_while_nobody_is_admitted() {
    let mut gate = drawn(10);
    let later = NOON + 3_600_000;
    gate.lease("7", 5, later + 30_000, later);
    assert_eq!(gate.ask_at(1, 3, later)[0], "granted");
    let place = gate.server.command("HGET", &["gate:{5}:place:1", "place"]);
    assert_eq!(place, "3");
}

#[test]
fn a_token_is_given_ten_seconds_ahead_and_holds_the_rest_of_the_wait() {
    let mut gate = drawn(2_000);
    gate.lease("7", 4_000, NOON + 30_000, NOON);
    assert_eq!(gate.ask_at(1, 1_100, NOON), ["wait", "1000"]);
    let reply = gate.ask_at(2, 1_000, NOON);
    assert_eq!(
        (reply[0].as_str(), number(&reply, 4)),
        ("granted", NOON + 10_000)
    );
}

#[test]
fn an_arrival_without_a_place_is_to_be_drawn_first() {
    let mut gate = drawn(10);
    gate.server
        .command("HSET", &["gate:{5}:place:1", "arrival", "4"]);
    assert_eq!(gate.ask(1, NOON), ["draw", "4"]);
    // One that came after the lobby had closed has its place behind the draw.
    gate.server
        .command("HSET", &["gate:{5}:place:2", "arrival", "12"]);
    gate.ask(2, NOON);
    let place = gate.server.command("HGET", &["gate:{5}:place:2", "place"]);
    assert_eq!(place, "11");
}

#[test]
fn a_wasted_token_puts_behind_everybody_and_three_are_the_end() {
    let mut gate = Gate::start();
    let mut now = NOON;
    let mut places = Vec::new();
    for id in 7..10 {
        let lease = id.to_string();
        gate.lease(&lease, 1, now + 30_000, now);
        assert_eq!(gate.ask(1, now)[0], "granted");
        places.push(gate.server.command("HGET", &["gate:{5}:place:1", "place"]));
        gate.ask(id, now);
        now += 121_000;
        assert_eq!(gate.ask(1, now)[0], "over");
        gate.end(1, &lease, "0", "behind");
    }
    assert_eq!(places, ["0", "2", "4"]);
    assert_eq!(gate.ask(1, now), ["attempts"]);
}

#[test]
fn what_was_not_the_buyers_fault_costs_neither_place_nor_attempt() {
    let mut gate = Gate::start();
    for id in 7..12 {
        let lease = id.to_string();
        gate.lease(&lease, 1, NOON + 30_000, NOON);
        assert_eq!(gate.ask(1, NOON)[..2], ["granted", &lease]);
        assert_eq!(gate.end(1, &lease, "0", "keep"), ["ended"]);
        assert_eq!(gate.end(1, &lease, "0", "keep"), ["kept"], "once");
    }
    let place = gate.server.command("HGET", &["gate:{5}:place:1", "place"]);
    assert_eq!(place, "0");
}

#[test]
fn a_token_that_was_used_is_said_to_be() {
    let mut gate = Gate::start();
    gate.lease("7", 1, NOON + 30_000, NOON);
    gate.ask(1, NOON);
    assert_eq!(gate.ask(1, NOON)[0], "again");
    gate.server
        .command("HSET", &["gate:{5}:place:1", "used", "7"]);
    assert_eq!(gate.ask(1, NOON)[..2], ["used", "7"]);
}

#[test]
fn arrivals_run_ahead_of_the_report_only_so_far() {
    let mut gate = Gate::start();
    gate.server
        .command("HSET", &["gate:{5}:lobby", "arrivals", "1000"]);
    assert_eq!(gate.ask(1, NOON), ["report"]);
    gate.report(0, 1_000);
    assert_eq!(gate.ask(1, NOON), ["no-slots"]);
    // A store that lost everything asks first, and goes on above what it can have given.
    gate.server.command("FLUSHALL", &[]);
    assert_eq!(gate.ask(1, NOON), ["report"]);
    gate.report(2_000, 0);
    gate.ask(1, NOON);
    assert_eq!(
        gate.server
            .command("HGET", &["gate:{5}:place:1", "arrival"]),
        "2001"
    );
}
