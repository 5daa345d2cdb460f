//! Components and instances that misbehave, beside others that do not.

#![expect(clippy::float_cmp, reason = "counts are whole numbers")]

use std::{
    thread,
    time::{Duration, Instant},
};

use crate::{
    app::{App, Host, wait_for},
    client::get,
    kept::Kept,
};

/// The probe once more, as a component of its own below `/second`.
const SECOND: &str = "[[trigger.http]]\nroute = \"/second/...\"\ncomponent = \"second\"\n\
                      [component.second]\nsource = \"probe.wasm\"\n";

fn second(host: &Host, command: &str) -> u16 {
    get(host.address, &format!("/second/{command}"), &[]).status
}

fn limited(limits: &[&str]) -> App {
    let flags: Vec<&str> = limits
        .iter()
        .flat_map(|limit| ["--component-limit", limit])
        .collect();
    App::new("", SECOND)
        .arguments(&flags)
        .arguments(&["--ops", "127.0.0.1:0"])
}

#[test]
fn a_component_at_its_limit_is_shed_while_others_are_served() {
    for (limit, reason) in [
        (&["second.max-requests=2"][..], "component-requests"),
        (
            &[
                "second.max-instances=2",
                "second.max-concurrency-per-instance=1",
            ],
            "component-instances",
        ),
    ] {
        let app = limited(limit).arguments(&["--threads", "1"]);
        let host = app.start();
        thread::scope(|scope| {
            let slow: Vec<_> = (0..2)
                .map(|_| scope.spawn(|| second(&host, "sleep?3000")))
                .collect();
            wait_for("both places to be taken", || {
                host.metric("requests_in_flight", &["second"]) == 2.0
            });
            let shed = get(host.address, "/second/sleep?1", &[]);
            assert_eq!(
                (shed.status, shed.header("retry-after")),
                (503, Some("1")),
                "{limit:?}"
            );
            assert_eq!(host.tell("sleep?1"), "slept", "{limit:?}");
            for slow in slow {
                assert_eq!(slow.join().unwrap(), 200);
            }
        });
        assert_eq!(
            host.metric("requests_shed_total", &["second", reason]),
            1.0,
            "{}",
            host.ops("/metrics").body
        );
        assert_eq!(host.metric("requests_shed_total", &[]), 1.0);
        wait_for("the place to be free", || second(&host, "sleep?1") == 200);
    }
}

#[test]
fn each_component_has_its_own_memory_and_time() {
    let app = limited(&[
        "second.max-memory-mib=128",
        "second.request-timeout=1s",
        "second.max-requests-per-instance=1",
    ]);
    let app = app.arguments(&["--max-memory-mib", "32", "--threads", "1"]);
    let host = app.start();
    assert_eq!(
        (second(&host, "allocate?100"), second(&host, "allocate?130")),
        (200, 500)
    );
    assert_eq!(
        (
            host.probe("allocate?20").status,
            host.probe("allocate?40").status
        ),
        (200, 500)
    );
    assert_eq!(second(&host, "sleep?5000"), 500);
    assert_eq!(host.tell("sleep?1500"), "slept");
    for _ in 0..2 {
        assert_eq!(get(host.address, "/second/requests", &[]).body, "1");
    }
    assert_eq!(
        host.metric("instances_ended_total", &["second", "used-up"]),
        5.0 - 2.0
    );
    assert_eq!(
        host.metric("instances_ended_total", &["second", "trapped"]),
        1.0
    );
}

#[test]
fn a_limit_of_no_component_or_no_use_stops_the_start() {
    fn check(limit: &str, expected: &str) {
        let app = limited(&[limit]).arguments(&["--threads", "2", "--check"]);
        let (success, log) = app.run();
        assert!(!success && log.contains(expected), "{limit}: {log}");
    }
    check("third.max-requests=1", "the app has no component `third`");
    check("second.max-request=1", "no limit `max-request`");
    check("second.max-requests=none", "whole number");
    check(
        "second.max-instances=1",
        "second.max-instances must be 2 or more",
    );
    let (success, log) = limited(&["second.max-instances=2"])
        .arguments(&["--threads", "2", "--check"])
        .run();
    assert!(success, "{log}");
}

#[test]
fn an_endless_loop_hinders_no_neighbour_on_its_thread() {
    let app = limited(&[]).arguments(&["--threads", "1", "--request-timeout", "3s"]);
    let host = app.start();
    thread::scope(|scope| {
        let begun = Instant::now();
        let endless = scope.spawn(|| host.probe("loop").status);
        wait_for("the loop", || host.log().contains("out looping"));
        let mut served = 0;
        while !endless.is_finished() {
            assert_eq!(
                (host.tell("sleep?1").as_str(), second(&host, "requests")),
                ("slept", 200)
            );
            served += 2;
        }
        assert_eq!(endless.join().unwrap(), 500);
        assert!(served >= 20, "{served} requests beside the loop");
        assert!(begun.elapsed() < Duration::from_secs(30));
    });
    wait_for("its end to be counted", || {
        host.metric("instances_ended_total", &["probe", "timed-out"]) == 1.0
    });
}

#[test]
fn a_trap_is_felt_in_its_own_instance_only() {
    let app = limited(&["probe.max-concurrency-per-instance=1"]).arguments(&["--threads", "1"]);
    let host = app.start();
    let mut beside = [Kept::open(host.address), Kept::open(host.address)];
    for kept in &mut beside {
        kept.send("/probe/x/sleep?3000").unwrap();
    }
    wait_for("both to run", || {
        host.metric("requests_in_flight", &["probe"]) >= 2.0
    });
    for _ in 0..5 {
        assert_eq!(host.probe("trap").status, 500);
    }
    for kept in &mut beside {
        assert_eq!(kept.answer().unwrap(), (200, "slept".into()));
    }
    assert_eq!(host.metric("instances_ended_total", &["trapped"]), 5.0);
}

#[test]
fn memory_bombs_are_bounded_and_leave_nothing_behind() {
    let app = limited(&[]).arguments(&["--max-memory-mib", "64", "--max-instances", "8"]);
    let host = app.start();
    host.tell("allocate?16");
    let before = host.resident_mib();
    let mut highest = 0;
    for _ in 0..4 {
        thread::scope(|scope| {
            let bombs: Vec<_> = (0..8)
                .map(|_| scope.spawn(|| host.probe("allocate?1000").status))
                .collect();
            while !bombs.iter().all(thread::ScopedJoinHandle::is_finished) {
                highest = highest.max(host.resident_mib());
            }
            for bomb in bombs {
                let status = bomb.join().unwrap();
                assert!(status == 500 || status == 503, "{status}");
            }
        });
    }
    assert!(host.metric("instances_ended_total", &["trapped"]) >= 4.0);
    assert!(
        highest < before + 8 * 64 + 128,
        "{before} MiB became {highest}"
    );
    wait_for("the memory to be given back", || {
        host.resident_mib() < before + 64
    });
    assert_eq!(host.tell("allocate?16"), "16");
}

#[test]
fn of_a_thousand_instances_only_as_many_are_made_as_there_may_be() {
    const ASKED: usize = 1000;
    const MAX: usize = 100;
    let app = limited(&["probe.max-concurrency-per-instance=1"]);
    let app = app.arguments(&[
        "--max-instances",
        "100",
        "--max-requests",
        "2000",
        "--instance-idle-timeout",
        "300ms",
    ]);
    let host = app.start();
    host.tell("requests");
    let before = host.resident_mib();
    let mut rounds = Vec::new();
    for _ in 0..3 {
        let mut asked: Vec<Kept> = (0..ASKED).map(|_| Kept::open(host.address)).collect();
        for kept in &mut asked {
            kept.send("/probe/x/sleep?4000").unwrap();
        }
        let live = host.metric("instances_live", &[]);
        assert!(live <= f64::from(u32::try_from(MAX).unwrap()), "{live}");
        let statuses: Vec<u16> = asked
            .iter_mut()
            .map(|kept| kept.answer().unwrap().0)
            .collect();
        let served = statuses.iter().filter(|status| **status == 200).count();
        let shed = statuses.iter().filter(|status| **status == 503).count();
        assert!(
            served >= MAX && served + shed == ASKED,
            "{served} served, {shed} shed"
        );
        drop(asked);
        wait_for("the instances to go", || {
            host.metric("instances_live", &[]) == 0.0
        });
        rounds.push(host.resident_mib());
    }
    let bound = before + MAX as u64 * 2 + 64;
    assert!(
        rounds.iter().all(|mib| *mib < bound),
        "{before} MiB became {rounds:?}"
    );
    // The first round fills the pool, which keeps some of each place for the next instance.
    assert!(
        rounds[2] <= rounds[1] + 32,
        "every round leaves something: {rounds:?}"
    );
    assert_eq!(host.tell("sleep?1"), "slept");
}
