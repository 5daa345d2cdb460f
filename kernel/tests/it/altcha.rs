//! ALTCHA's library for Python against ours: what it made, solved and verified, in
//! `tests/altcha/vectors.json`; `make.py` beside it says how.

use kernel::challenge::{BadAnswer, Binding, Challenge, Purpose, answer, solve, verify};
use kernel::ids::{AccountId, SaleId};
use kernel::keys::PopKeys;
use kernel::time::UnixMillis;
use serde_json::Value;

const NOW: UnixMillis = UnixMillis(4_000_000_000_000);

fn vectors() -> Value {
    serde_json::from_str(include_str!("../altcha/vectors.json")).unwrap()
}

fn keys() -> PopKeys {
    PopKeys::derive("pop-1", &"5a".repeat(32)).unwrap()
}

fn binding() -> Binding {
    let (sale, account) = (Some(SaleId(5)), Some(AccountId(7)));
    Binding::new(Purpose::Token, sale, account, "2001:db8:1:2::/64".into())
}

fn challenge(of: &Value) -> Challenge {
    serde_json::from_value(of.clone()).unwrap()
}

#[test]
fn what_python_verified_is_what_we_make_and_answer() {
    let ours = &vectors()["ours"];
    assert_eq!(ours["secret"], keys().challenge.as_str());
    assert_eq!(ours["key_secret"], keys().challenge_key.as_str());
    let made = kernel::challenge::pow::make(&keys(), binding(), 3_000, NOW, &[181; 40]);
    assert_eq!(serde_json::to_value(&made).unwrap(), ours["challenge"]);
    let solution = solve(&made, 3_000).unwrap();
    assert_eq!(ours["answer"], answer(made, solution).as_str());
}

#[test]
fn python_solves_what_we_make() {
    let their_answer = vectors()["ours"]["their_answer"]
        .as_str()
        .unwrap()
        .to_owned();
    assert!(verify(&keys(), &their_answer, &binding(), NOW).is_ok());
    let other = Binding::new(Purpose::Token, None, None, String::new());
    let result = verify(&keys(), &their_answer, &other, NOW);
    assert_eq!(result, Err(BadAnswer::Wrong));
}

#[test]
fn we_solve_and_verify_what_python_makes() {
    let theirs = challenge(&vectors()["theirs"]);
    let solution = solve(&theirs, 10_000).unwrap();
    assert_eq!(solution.counter, 2_718);
    assert!(verify(&keys(), &answer(theirs, solution), &binding(), NOW).is_ok());
}
