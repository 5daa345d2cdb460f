//! What a rule remembers, for all requests together or for each account and sale.
//!
//! Invariant: no more than [`KEYS_MAX`] keys are remembered, and the one that is forgotten is one of
//! the half that was not seen for the longest time.

use kernel::flow::Each;
use std::collections::HashMap;
use std::mem;

/// Accounts and sales that a rule remembers.
pub const KEYS_MAX: usize = 65_536;

/// Whose a request is, and what about, as far as that is known and asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Key {
    /// The account's id.
    pub account: Option<u64>,
    /// The sale's id.
    pub sale: Option<u64>,
}

impl Key {
    /// The part that a rule looks at; `None` if it is not known.
    pub(super) fn part(&self, each: Each) -> Option<Self> {
        let (account, sale) = (self.account, self.sale);
        match each {
            Each::All => Some(Self::default()),
            Each::Account => account.is_some().then_some(Self {
                sale: None,
                ..*self
            }),
            Each::Sale => sale.is_some().then_some(Self {
                account: None,
                ..*self
            }),
            Each::AccountAndSale => (account.is_some() && sale.is_some()).then_some(*self),
        }
    }
}

/// A value for each key.
#[derive(Debug, Default)]
pub(super) struct Keys<T> {
    /// That of the empty key, which all requests share.
    all: T,
    fresh: HashMap<Key, T>,
    /// Those seen before `fresh` was last full.
    old: HashMap<Key, T>,
}

impl<T: Default> Keys<T> {
    pub(super) fn of(&mut self, key: Key) -> &mut T {
        if key == Key::default() {
            return &mut self.all;
        }
        if !self.fresh.contains_key(&key) && self.fresh.len() >= KEYS_MAX / 2 {
            self.old = mem::take(&mut self.fresh);
        }
        let Self { fresh, old, .. } = self;
        fresh
            .entry(key)
            .or_insert_with(|| old.remove(&key).unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(account: u64) -> Key {
        Key {
            account: Some(account),
            sale: None,
        }
    }

    #[test]
    fn what_is_seen_again_is_remembered_and_all_else_is_bounded() {
        let mut keys = Keys::<u64>::default();
        *keys.of(key(1)) = 7;
        *keys.of(Key::default()) = 9;
        for account in 2..200_000 {
            *keys.of(key(account)) += 1;
            if account % 1_000 == 0 {
                assert_eq!(*keys.of(key(1)), 7, "seen often");
            }
            assert!(keys.fresh.len() + keys.old.len() <= KEYS_MAX);
        }
        assert_eq!(*keys.of(key(2)), 0, "seen long ago");
        assert_eq!(*keys.of(key(199_999)), 1);
        assert_eq!(*keys.of(Key::default()), 9);
    }

    #[test]
    fn a_rule_looks_at_its_part_of_a_key() {
        let both = Key {
            account: Some(1),
            sale: Some(2),
        };
        let check = |of: Key, each, expected: Option<(Option<u64>, Option<u64>)>| {
            let part = of.part(each).map(|key| (key.account, key.sale));
            assert_eq!(part, expected, "{each:?} of {of:?}");
        };
        check(both, Each::All, Some((None, None)));
        check(both, Each::Account, Some((Some(1), None)));
        check(both, Each::Sale, Some((None, Some(2))));
        check(both, Each::AccountAndSale, Some((Some(1), Some(2))));
        check(key(1), Each::Sale, None);
        check(key(1), Each::AccountAndSale, None);
        check(Key::default(), Each::Account, None);
    }
}
