//! Sets that are refused, and with which words.

use super::*;

fn rule(routes: &str, more: &str) -> String {
    format!(r#"{{"rules":[{{"name":"a","routes":[{routes}],"mode":"on",{more}}}]}}"#)
}

const RATE: &str = r#""limit":{"rate":{"requests":5,"per":"second","burst":5}}"#;

#[track_caller]
fn check(json: &str, words: &[&str]) {
    let found = RuleSet::from_json(json).err().map(|faults| faults.0);
    let found = found.unwrap_or_default();
    assert_eq!(found.len(), words.len(), "{json}: {found:?}");
    for (fault, words) in found.iter().zip(words) {
        assert!(fault.contains(words), "{words} in {fault}");
    }
}

#[test]
fn what_is_wrong_is_told_with_its_place() {
    let place = r#""place""#;
    check(r#"{"rules":[]}"#, &[]);
    check(&rule(place, RATE), &[]);
    check(&rule(r#""*""#, RATE), &[]);
    check(
        &rule(place, &RATE.replace('5', "0")),
        &[
            "rules[0] (a): limit.rate.requests: is 0, but must be 1 to 1000000",
            "limit.rate.burst",
        ],
    );
    check(&rule("", RATE), &["routes: is empty"]);
    check(
        &rule(r#""plaice""#, RATE),
        &["there is no route \"plaice\"; there are place, "],
    );
    check(&rule(r#""place","*""#, RATE), &["\"*\" stands alone"]);
    check(
        &rule(r#""place","place""#, RATE),
        &["place stands there twice"],
    );
    let each = |route: &str, each: &str| rule(route, &format!(r#""each":"{each}",{RATE}"#));
    check(&each(place, "account-and-sale"), &[]);
    check(
        &each(r#""order""#, "sale"),
        &["each: of each sale can be limited place alone"],
    );
    check(
        &each(r#""sign-in""#, "account"),
        &["nobody is signed in who asks for sign-in"],
    );
    check(
        &each(place, "city"),
        &["rules[0].each: unknown variant `city`"],
    );
    check(
        &rule(place, &RATE.replace("burst", "bursts")),
        &["rules[0].limit.rate.bursts: unknown field"],
    );
    check(
        &rule(place, &format!(r#""x":1,{RATE}"#)),
        &["unknown field `x`"],
    );
    check(
        &format!("{} x", rule(place, RATE)),
        &["trailing characters"],
    );
}

#[test]
fn each_kind_of_limit_is_bounded() {
    let limit = |json: &str| rule(r#""place""#, &format!(r#""limit":{json}"#));
    check(
        &limit(r#"{"concurrency":{"in_flight":0}}"#),
        &["in_flight: is 0"],
    );
    let pacing = |requests, wait| {
        limit(&format!(
            r#"{{"pacing":{{"requests":{requests},"per":"second","max_wait_ms":{wait}}}}}"#
        ))
    };
    check(&pacing(500, 1_000), &[]);
    check(
        &pacing(1_000, 1_000),
        &["lets 1000 requests wait, but at most 512 may"],
    );
    check(&pacing(1, 3_000), &["max_wait_ms: is 3000"]);
    let adaptive = |initial, min, max| {
        limit(&format!(
            r#"{{"adaptive":{{"initial":{initial},"min":{min},"max":{max}}}}}"#
        ))
    };
    check(&adaptive(20, 10, 100), &[]);
    check(
        &adaptive(5, 10, 100),
        &["initial: is 5, but must be min to max, 10 to 100"],
    );
    check(&adaptive(5, 100, 10), &["min: is 100, above max, 10"]);
    let breaker = |more: &str| {
        limit(&format!(
            r#"{{"breaker":{{"window_ms":1000,"min_calls":5,"open_ms":500,"probes":1{more}}}}}"#
        ))
    };
    check(&breaker(r#","error_percent":50"#), &[]);
    check(&breaker(""), &["limit.breaker: needs error_percent"]);
    check(&breaker(r#","slow_ms":5"#), &["go together"]);
    check(
        &breaker(r#","error_percent":101"#),
        &["error_percent: is 101"],
    );
    let each = limit(r#"{"concurrency":{"in_flight":1}}"#).replace("concurrency", "concurrence");
    check(&each, &["unknown variant `concurrence`"]);
}

#[test]
fn a_set_of_too_many_rules_or_of_two_with_one_name_is_refused() {
    let one = rule(r#""place""#, RATE);
    let set = RuleSet::from_json(&one).unwrap();
    let mut twice = set.clone();
    twice.rules.push(set.rules[0].clone());
    let faults = twice.check().unwrap_err();
    assert_eq!(faults.0, ["rules[1] (a): name: another rule has it"]);
    let mut many = RuleSet::default();
    for number in 0..=RULES_MAX {
        let mut rule = set.rules[0].clone();
        rule.name = format!("rule-{number}");
        many.rules.push(rule);
    }
    assert_eq!(
        many.check().unwrap_err().0,
        ["rules: there are more than 64"]
    );
}

#[test]
fn the_rules_shipped_pass_and_are_read_back_as_they_were() {
    let set = RuleSet::shipped();
    assert_eq!(RuleSet::from_json(&set.to_json()), Ok(set));
}
