//! Cases of Redis against MySQL, as data.
//!
//! Invariant: what can happen to a sound sale while it is read is no finding.

use super::*;
use kernel::time::UnixMillis;

const NOON: UnixMillis = UnixMillis(1_800_000_000_000);

fn held(order: u64, units: u32) -> Reservation {
    Reservation {
        order: OrderId(order),
        units,
        is_older: false,
        is_withdrawal: false,
        admitted_at: NOON.plus_ms(-1_000),
    }
}

/// Ten units: two in order 1 (pending), three in order 2 (paid), one in order 3 (undecided).
fn sides() -> Sides {
    Sides {
        sale: SaleId(7),
        books: SaleBooks {
            total: 10,
            reserved: 2,
            sold: 3,
            limit: 5,
            epoch: 4,
            rebuild_asked: false,
            is_over: false,
        },
        is_changing: false,
        counted: Some(Tally {
            at: NOON,
            epoch: 4,
            state: "open".into(),
            available: 4,
            held: vec![held(1, 2), held(2, 3), held(3, 1)],
            releases: 0,
        }),
        states: [
            (OrderId(1), OrderState::PendingPayment),
            (OrderId(2), OrderState::Paid),
        ]
        .into(),
        waiting: Some(HashSet::new()),
    }
}

#[track_caller]
fn check(change: impl FnOnce(&mut Sides, &mut Tally), expected: &[(&str, &str)]) {
    let mut sides = sides();
    let mut counted = sides.counted.take().unwrap();
    change(&mut sides, &mut counted);
    sides.counted = Some(counted);
    let compared = compare(&sides);
    let findings = compared.findings.iter();
    let found: Vec<_> = findings
        .map(|finding| (finding.invariant.as_str(), finding.way))
        .collect();
    assert_eq!(found, expected, "{compared:?}");
}

#[test]
fn a_sound_sale_passes_whatever_happens_while_it_is_read() {
    check(|_, _| {}, &[]);
    // Admitted in the millisecond of the count: in `available` or not.
    check(
        |_, redis| {
            let at = redis.at;
            redis.held.push(Reservation {
                admitted_at: at,
                ..held(4, 1)
            });
        },
        &[],
    );
    // Decided after the counters were read.
    check(
        |sides, _| {
            sides.states.insert(OrderId(3), OrderState::PendingPayment);
        },
        &[],
    );
    // Released while the pages were read.
    check(
        |_, redis| {
            redis.held.remove(2);
            redis.releases = 1;
        },
        &[],
    );
    // Cancelled, and its release on its way.
    check(
        |sides, _| {
            sides.states.insert(OrderId(1), OrderState::Cancelled);
            sides.books.reserved = 0;
            sides.waiting = Some([OrderId(1)].into());
        },
        &[],
    );
    // Held before a rebuild, waiting for its refusal.
    check(
        |_, redis| {
            redis.held.push(Reservation {
                is_older: true,
                ..held(4, 2)
            });
        },
        &[],
    );
    // Two units are being withdrawn: by a reservation, and then by the total.
    let withdrawal = Reservation {
        is_withdrawal: true,
        admitted_at: NOON.plus_ms(-600_000),
        ..held(5, 2)
    };
    check(
        |_, redis| {
            redis.available = 2;
            redis.held.push(withdrawal);
        },
        &[],
    );
    check(
        |sides, redis| {
            redis.available = 2;
            redis.held.push(withdrawal);
            sides.books.total = 8;
            sides.is_changing = true;
        },
        &[],
    );
}

#[test]
fn each_difference_breaks_its_invariant() {
    let both = [("never-oversold", "too-many"), ("ledger-first", "too-many")];
    check(|_, redis| redis.available = 5, &both);
    // Given back by its order's id, but before MySQL has freed it.
    check(
        |_, redis| {
            redis.available = 6;
            redis.held.remove(0);
        },
        &both,
    );
    check(
        |_, redis| redis.available = 3,
        &[("nothing-leaks", "missing")],
    );
    check(
        |_, redis| {
            redis.held.remove(0);
        },
        &[("nothing-leaks", "missing")],
    );
    // One release cannot hide more units than an account may have.
    check(
        |_, redis| {
            redis.available = 0;
            redis.held.remove(1);
            redis.releases = 1;
        },
        &[("nothing-leaks", "missing")],
    );
    check(
        |sides, _| {
            sides.states.insert(OrderId(1), OrderState::Expired);
            sides.books.reserved = 0;
        },
        &[("nothing-leaks", "ended")],
    );
    check(
        |_, redis| redis.held[2].admitted_at = NOON.plus_ms(-90_001),
        &[("nothing-leaks", "undecided")],
    );
}

#[test]
fn a_sale_that_is_being_counted_anew_is_not_compared() {
    let untrusted = [("nothing-leaks", "untrusted")];
    check(|_, redis| redis.epoch = 3, &untrusted);
    check(|_, redis| redis.epoch = 5, &untrusted);
    check(|_, redis| redis.state = "counting".into(), &untrusted);
    check(|sides, _| sides.books.rebuild_asked = true, &untrusted);
    let lost = |is_over| {
        let mut sides = sides();
        sides.counted = None;
        sides.books.is_over = is_over;
        compare(&sides)
    };
    assert_eq!(lost(false).findings.len(), 1);
    assert_eq!(lost(true).findings.len(), 0);
}
