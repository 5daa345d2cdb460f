//! A challenge, its answer and what signed it, as JSON: what `tests/altcha/make.py` gives to
//! ALTCHA's library for Python.
#![expect(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a tool for the one who calls it"
)]

use kernel::challenge::{Binding, Purpose, answer, pow, solve};
use kernel::ids::{AccountId, SaleId};
use kernel::keys::PopKeys;
use kernel::time::UnixMillis;

/// In the year 2096, so that no library finds it expired.
const NOW: UnixMillis = UnixMillis(4_000_000_000_000);

fn main() {
    let keys = PopKeys::derive("pop-1", &"5a".repeat(32)).unwrap();
    let (sale, account) = (Some(SaleId(5)), Some(AccountId(7)));
    let binding = Binding::new(Purpose::Token, sale, account, "2001:db8:1:2::/64".into());
    let challenge = pow::make(&keys, binding, 3_000, NOW, &[181; 40]);
    let answer = answer(challenge.clone(), solve(&challenge, 3_000).unwrap());
    let shown = serde_json::json!({
        "secret": keys.challenge,
        "key_secret": keys.challenge_key,
        "challenge": challenge,
        "answer": answer,
    });
    println!("{shown:#}");
}
