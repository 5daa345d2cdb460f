//! A slice of the search behind a proof of work.
//!
//! Invariant: what it finds is what `kernel::challenge::pow` checks, for it is the same code.

use kernel::challenge::pow::{Parameters, Search, Solution};
use serde::Serialize;

/// What the page hears.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
enum Said {
    Solution(Option<Solution>),
    Error(&'static str),
}

/// Tries `tries` counters from `first` on.
pub(crate) fn run(parameters: &[u8], first: u32, tries: u32) -> Vec<u8> {
    let parameters = serde_json::from_slice::<Parameters>(parameters).ok();
    let search = parameters.as_ref().and_then(Search::of);
    let said = match search {
        Some(search) => Said::Solution(search.run(first..first.saturating_add(tries))),
        None => Said::Error("this challenge is of a kind that the page cannot solve"),
    };
    serde_json::to_vec(&said).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use kernel::challenge::{Binding, Purpose, pow};
    use kernel::keys::PopKeys;
    use kernel::time::UnixMillis;

    const NOON: UnixMillis = UnixMillis(1_800_000_000_000);

    fn said(parameters: &str, first: u32, tries: u32) -> String {
        String::from_utf8(run(parameters.as_bytes(), first, tries)).unwrap()
    }

    #[test]
    fn slices_find_what_the_challenge_was_made_of() {
        let keys = PopKeys::derive("pop-1", &"5a".repeat(32)).unwrap();
        let binding = || Binding::new(Purpose::Code, None, None, "127.0.0.1/32".into());
        let challenge = pow::make(&keys, binding(), 1_000, NOON, &[200; 40]);
        let parameters = serde_json::to_string(&challenge.parameters).unwrap();

        assert_eq!(said(&parameters, 0, 500), r#"{"solution":null}"#);
        assert_eq!(said(&parameters, u32::MAX, 500), r#"{"solution":null}"#);
        let found = said(&parameters, 500, 500);
        let solution = found.strip_prefix(r#"{"solution":"#).unwrap();
        let solution = serde_json::from_str(solution.strip_suffix('}').unwrap()).unwrap();
        let answer = pow::answer(challenge, solution);
        assert!(kernel::challenge::verify(&keys, &answer, &binding(), NOON).is_ok());

        for other in ["", "{}", &parameters.replace("SHA-256", "SHA-512")] {
            assert!(said(other, 0, 500).starts_with(r#"{"error":"#), "{other}");
        }
    }
}
