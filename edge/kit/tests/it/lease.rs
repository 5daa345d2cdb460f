use crate::token::{Gate, NOON};

#[test]
fn a_lease_is_never_dealt_out_twice() {
    let mut gate = Gate::start();
    assert_eq!(gate.lease("7", 2, NOON + 30_000, NOON), ["stored"]);
    assert_eq!(gate.ask(1, NOON)[..4], ["granted", "7", "700", "0"]);
    assert_eq!(gate.lease("7", 2, NOON + 30_000, NOON), ["kept"]);
    assert_eq!(gate.ask(2, NOON)[..4], ["granted", "7", "700", "1"]);
    assert_eq!(gate.lease("7", 2, NOON + 30_000, NOON), ["kept"]);
    assert_eq!(gate.ask(3, NOON), ["no-slots"]);
}

#[test]
fn a_lease_with_slots_left_is_not_replaced_and_one_without_is() {
    let mut gate = Gate::start();
    gate.lease("7", 1, NOON + 30_000, NOON);
    assert_eq!(gate.lease("8", 5, NOON + 30_000, NOON), ["kept"]);
    gate.ask(1, NOON);
    assert_eq!(gate.lease("8", 5, NOON + 30_000, NOON), ["stored"]);
    assert_eq!(gate.ask(2, NOON)[..4], ["granted", "8", "800", "0"]);
    let later = NOON + 30_000;
    assert_eq!(
        gate.lease("9", 5, later + 30_000, later),
        ["stored"],
        "and one that ended is"
    );
}

#[test]
fn a_refusal_is_remembered_for_a_moment_and_forgotten_with_the_next_lease() {
    let mut gate = Gate::start();
    assert_eq!(gate.no_lease("quota", NOON + 500), ["stored"]);
    assert_eq!(gate.ask(1, NOON), ["quota", "500"]);
    assert_eq!(gate.ask(2, NOON + 500), ["no-slots"]);
    gate.no_lease("sold-out", NOON + 900);
    assert_eq!(gate.ask(3, NOON + 600), ["sold-out", "300"]);
    gate.lease("7", 1, NOON + 30_000, NOON + 600);
    assert_eq!(gate.ask(3, NOON + 600), ["no-slots"], "two wait before it");
    assert_eq!(gate.ask(1, NOON + 600)[0], "granted");
    assert_eq!(gate.ask(4, NOON + 600), ["no-slots"]);
}

#[test]
fn whoever_asked_the_origin_lets_the_next_one_ask() {
    let mut gate = Gate::start();
    let lock = "gate:{5}:lease-lock";
    for stored in [true, false] {
        gate.server
            .command("SET", &[lock, "me", "NX", "PX", "3000"]);
        if stored {
            gate.lease("7", 1, NOON + 30_000, NOON);
        } else {
            gate.no_lease("away", NOON + 1_000);
        }
        assert_eq!(gate.server.command("GET", &[lock]), "nil");
    }
}
