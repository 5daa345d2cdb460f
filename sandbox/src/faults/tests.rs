//! Which documents are taken, and that chance repeats itself.

use serde_json::{Value, json};

use super::{Faults, Switches, Verdict};

#[test]
fn only_bounded_faults_are_taken() {
    let check = |document: Value, fault: Option<&str>| {
        let faults: Faults = serde_json::from_value(document.clone()).unwrap();
        match (faults.fault(), fault) {
            (None, None) => {}
            (Some(found), Some(named)) => assert!(found.contains(named), "{document}: {found}"),
            (found, _) => panic!("{document}: {found:?}"),
        }
    };
    check(json!({}), None);
    check(json!({"late_payments": true, "seed": 7}), None);
    check(json!({"api": {"fail_share": 1.0}}), None);
    check(json!({"refunds": {"state_first": "pending"}}), None);
    let wrong = [
        (json!({"api": {"fail_share": 1.1}}), "api.fail_share"),
        (
            json!({"api": {"fail_after_effect_share": -0.1}}),
            "fail_after_effect_share",
        ),
        (
            json!({"api": {"fail_share": 0.6, "fail_after_effect_share": 0.6}}),
            "more than 1",
        ),
        (json!({"api": {"delay_ms": 60_001}}), "api.delay_ms"),
        (
            json!({"webhooks": {"delay_ms_max": 60_001}}),
            "delay_ms_max",
        ),
        (json!({"webhooks": {"copies": 0}}), "copies"),
        (json!({"webhooks": {"copies": 6}}), "copies"),
        (
            json!({"webhooks": {"drop_first_attempts": 101}}),
            "drop_first",
        ),
        (json!({"refunds": {"state_first": "failed"}}), "state_first"),
        (json!({"refunds": {"pending_ms": 0}}), "pending_ms"),
        (json!({"refunds": {"fail_share": 2}}), "refunds.fail_share"),
    ];
    for (document, fault) in wrong {
        check(document, Some(fault));
    }
    let unknown = json!({"webhooks": {"copy": 2}});
    assert!(serde_json::from_value::<Faults>(unknown).is_err());
}

fn calls(seed: u64) -> Vec<Verdict> {
    let mut faults = Faults {
        seed,
        ..Faults::default()
    };
    faults.api.fail_share = 0.2;
    faults.api.fail_after_effect_share = 0.4;
    let switches = Switches::default();
    switches.set(faults);
    (0..1_000).map(|_| switches.call().1).collect()
}

#[test]
fn a_seed_repeats_its_faults_in_their_shares() {
    let first = calls(1);
    assert_eq!(first, calls(1));
    assert_ne!(first, calls(2));
    let count = |verdict| first.iter().filter(|found| **found == verdict).count();
    for (verdict, around) in [
        (Verdict::Pass, 400),
        (Verdict::Fail, 200),
        (Verdict::FailAfterEffect, 200),
        (Verdict::CutAfterEffect, 200),
    ] {
        let found = count(verdict);
        assert!(found.abs_diff(around) < 60, "{verdict:?}: {found}");
    }
}

#[test]
fn without_faults_nothing_goes_wrong() {
    let switches = Switches::default();
    assert!((0..100).all(|_| switches.call().1 == Verdict::Pass));
    assert_eq!(switches.ending(5).at_ms, 5);
    assert!(switches.webhook_delay().is_zero());
}
