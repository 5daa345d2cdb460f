//! Rules as requests meet them.

use super::*;
use kernel::flow::{
    Adaptive, BreakerRule, Concurrency, Limit, Pacing, Period, Rate, Rule, route_of,
};
use std::time::Duration;

const NOTHING: Duration = Duration::ZERO;

fn rule(name: &str, mode: Mode, limit: Limit) -> Rule {
    Rule {
        name: name.to_owned(),
        routes: vec!["place".to_owned()],
        each: Each::All,
        mode,
        limit,
    }
}

fn flow(rules: Vec<Rule>) -> Flow {
    let flow = Flow::default();
    let set = RuleSet { rules };
    set.check().unwrap();
    flow.enforce(1, &set);
    flow
}

fn place(flow: &Flow) -> Result<Pass, Shed> {
    flow.at(route_of("POST", "/api/orders")).enter()
}

fn rate(burst: u32) -> Limit {
    Limit::Rate(Rate {
        requests: 1,
        per: Period::Minute,
        burst,
    })
}

const TWO: Limit = Limit::Concurrency(Concurrency { in_flight: 2 });
const BREAKER: BreakerRule = BreakerRule {
    window_ms: 600_000,
    min_calls: 3,
    error_percent: Some(50),
    slow_ms: None,
    slow_percent: None,
    open_ms: 600_000,
    probes: 1,
};

#[test]
fn places_come_back_when_a_request_is_done_or_given_up() {
    let adaptive = Limit::Adaptive(Adaptive {
        initial: 2,
        min: 2,
        max: 2,
        smoothing_percent: 20,
        tolerance_percent: 150,
        frozen: false,
    });
    for limit in [TWO, adaptive] {
        let flow = flow(vec![rule("unit-places", Mode::On, limit)]);
        let (first, second) = (place(&flow).unwrap(), place(&flow).unwrap());
        let shed = place(&flow).unwrap_err();
        assert_eq!(
            (shed.rule.as_str(), shed.of_account),
            ("unit-places", false)
        );
        first.done(Outcome::Failed, NOTHING);
        let third = place(&flow).unwrap();
        assert!(place(&flow).is_err());
        drop((second, third));
        let both = (place(&flow).unwrap(), place(&flow).unwrap());
        assert!(place(&flow).is_err());
        drop(both);
    }
}

#[test]
fn what_one_rule_let_in_is_given_back_when_another_sheds() {
    let flow = flow(vec![
        rule("unit-first", Mode::On, TWO),
        rule("unit-second", Mode::On, rate(1)),
    ]);
    drop(place(&flow).unwrap());
    for _ in 0..10 {
        assert_eq!(place(&flow).unwrap_err().rule, "unit-second");
    }
}

#[test]
fn a_rule_that_stays_goes_on_from_where_it_stood() {
    let flow = flow(vec![rule("unit-stays", Mode::On, rate(3))]);
    let passes = |flow: &Flow| (0..10).filter(|_| place(flow).is_ok()).count();
    assert_eq!(passes(&flow), 3);
    let mut other = rule("unit-other", Mode::Off, rate(1));
    let stays = rule("unit-stays", Mode::On, rate(4));
    let set = |rules: &[&Rule]| RuleSet {
        rules: rules.iter().map(|rule| (*rule).clone()).collect(),
    };
    flow.enforce(2, &set(&[&other, &stays]));
    assert_eq!(passes(&flow), 1, "a burst of 4, of which 3 are spent");
    flow.enforce(3, &set(&[&other]));
    assert_eq!(passes(&flow), 10, "a rule that is off does nothing");
    flow.enforce(4, &set(&[&stays]));
    assert_eq!(passes(&flow), 4, "one that was gone begins anew");
    other.name = "unit-stays".to_owned();
    other.mode = Mode::On;
    other.limit = TWO;
    flow.enforce(5, &set(&[&other]));
    assert_eq!(passes(&flow), 10, "one of another kind begins anew");
}

#[test]
fn a_dry_run_counts_and_lets_all_through() {
    let limits = [rate(2), TWO, Limit::Breaker(BREAKER)];
    for (number, limit) in limits.into_iter().enumerate() {
        let name = format!("unit-dry-{number}");
        let flow = flow(vec![rule(&name, Mode::DryRun, limit)]);
        let mut passes = Vec::new();
        for _ in 0..20 {
            let pass = place(&flow).unwrap();
            if matches!(limit, Limit::Breaker(_)) {
                pass.done(Outcome::Failed, NOTHING);
            } else {
                passes.push(pass);
            }
        }
        let meters = METRICS.flow.of(&name);
        let expected = if number == 2 { (3, 17) } else { (2, 18) };
        let counted = (meters.passed.get(), meters.dry_run_shed.get());
        assert_eq!((counted, meters.shed.get()), (expected, 0), "{name}");
    }
}

#[test]
fn each_account_has_a_limit_of_its_own() {
    let each = Rule {
        each: Each::Account,
        ..rule("unit-each", Mode::On, rate(2))
    };
    let flow = flow(vec![each]);
    let ask = |account: Option<u64>| {
        let here = flow.at(0);
        assert_eq!(
            here.needs(),
            Needs {
                account: true,
                sale: false
            }
        );
        drop(here.enter().unwrap());
        let key = Key {
            account,
            sale: None,
        };
        here.enter_each(&key).map(drop).map_err(|shed| shed.policy)
    };
    for account in [Some(1), Some(2)] {
        assert_eq!([ask(account), ask(account)], [Ok(()), Ok(())]);
        assert_eq!(ask(account), Err(Some((1, 60))));
    }
    for _ in 0..5 {
        assert_eq!(ask(None), Ok(()), "who is not signed in is refused behind");
    }
}

#[test]
fn a_breaker_opens_on_failures_and_not_on_what_other_rules_shed() {
    let flow = flow(vec![rule(
        "unit-breaker",
        Mode::On,
        Limit::Breaker(BREAKER),
    )]);
    let all = [
        Outcome::Served,
        Outcome::Refused,
        Outcome::Shed,
        Outcome::Served,
    ];
    for outcome in all.repeat(5) {
        place(&flow).unwrap().done(outcome, NOTHING);
    }
    for _ in 0..20 {
        drop(place(&flow).unwrap());
    }
    let mut failures = 0;
    while let Ok(pass) = place(&flow) {
        pass.done(
            if failures % 2 == 0 {
                Outcome::Late
            } else {
                Outcome::Failed
            },
            NOTHING,
        );
        failures += 1;
        assert!(failures < 100);
    }
    assert_eq!(failures, 15, "as many as were well");
    assert_eq!(METRICS.flow.of("unit-breaker").state.get(), 2);
}

#[tokio::test]
async fn who_is_paced_waits_for_the_turn_and_who_would_wait_too_long_is_shed() {
    let pacing = Limit::Pacing(Pacing {
        requests: 20,
        per: Period::Second,
        max_wait_ms: 100,
    });
    let flow = flow(vec![rule("unit-pacing", Mode::On, pacing)]);
    let here = flow.at(0);
    let began = Instant::now();
    let mut passes = [
        here.enter().unwrap(),
        here.enter().unwrap(),
        here.enter().unwrap(),
    ];
    assert!(here.enter().is_err(), "the fourth would wait for 150 ms");
    assert_eq!(METRICS.flow.of("unit-pacing").in_flight.get(), 2);
    for pass in &mut passes {
        pass.turn().await;
    }
    assert!(began.elapsed() >= Duration::from_millis(100));
    assert_eq!(METRICS.flow.of("unit-pacing").in_flight.get(), 0);
}

#[test]
fn rules_and_routes_that_do_not_meet_cost_nothing() {
    let flow = flow(vec![rule("unit-elsewhere", Mode::On, rate(1))]);
    for _ in 0..10 {
        drop(flow.at(route_of("GET", "/api/orders")).enter().unwrap());
        drop(flow.at(usize::MAX).enter().unwrap());
    }
    assert_eq!(METRICS.flow.of("unit-elsewhere").passed.get(), 0);
}
