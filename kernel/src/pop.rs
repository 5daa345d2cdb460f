//! Points of presence, as the snapshot lists them.
//!
//! Invariant: an account has one home among them, which all compute alike, so it has one place in a
//! lobby and one token at a time.

use crate::ids::AccountId;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// A PoP as all others know it; revoked ones are not listed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PopView {
    /// Its id.
    pub id: String,
    /// Where other PoPs reach it, `http(s)://host[:port]`; none until it has told the origin.
    pub url: Option<String>,
    /// Whether the origin heard from it lately.
    pub live: bool,
    /// The version of the key it signs tokens with.
    pub key_version: u32,
    /// The oldest version whose tokens still count; the same, or one less just after a rotation.
    pub oldest_key_version: u32,
    /// The public key of what it signs for other PoPs, hexadecimal.
    pub peer_key: String,
}

/// The account's home: the PoP with the highest SHA-256 over the account's id and its own
/// (rendezvous hashing, Thaler and Ravishankar 1998). Before a draw it is one of all PoPs, so that
/// nobody can have two arrivals in it; after it, one of those that live.
pub fn home(pops: &[PopView], account: AccountId, drawn: bool) -> Option<&PopView> {
    let weight = |pop: &PopView| -> [u8; 32] {
        let hash = Sha256::new().chain_update(account.0.to_be_bytes());
        hash.chain_update(pop.id.as_bytes()).finalize().into()
    };
    let living = pops.iter().filter(|pop| pop.live || !drawn);
    living
        .max_by_key(|pop| weight(pop))
        .or_else(|| pops.iter().max_by_key(|pop| weight(pop)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pops(ids: &[&str]) -> Vec<PopView> {
        let pop = |id: &&str| PopView {
            id: (*id).to_owned(),
            url: None,
            live: true,
            key_version: 1,
            oldest_key_version: 1,
            peer_key: String::new(),
        };
        ids.iter().map(pop).collect()
    }

    #[test]
    fn homes_are_spread_and_move_only_from_a_pop_that_is_gone() {
        let (three, two) = (pops(&["a", "b", "c"]), pops(&["a", "c"]));
        let mut counts = std::collections::BTreeMap::new();
        for account in 0..3_000 {
            let before = home(&three, AccountId(account), false).unwrap();
            *counts.entry(before.id.clone()).or_insert(0) += 1;
            let after = home(&two, AccountId(account), false).unwrap();
            assert!(before.id == "b" || before.id == after.id);
        }
        assert!(
            counts.values().all(|count| (850..1_150).contains(count)),
            "{counts:?}"
        );
    }

    #[test]
    fn a_dead_pop_keeps_its_accounts_until_the_draw() {
        let mut pops = pops(&["a", "b"]);
        let account = (0..).map(AccountId);
        let mut of_b = account.filter(|id| home(&pops, *id, false).unwrap().id == "b");
        let account = of_b.next().unwrap();
        drop(of_b);
        pops[1].live = false;
        assert_eq!(home(&pops, account, false).unwrap().id, "b");
        assert_eq!(home(&pops, account, true).unwrap().id, "a");
        pops[0].live = false;
        assert_eq!(home(&pops, account, true).unwrap().id, "b");
        assert_eq!(home(&[], account, true), None);
    }
}
