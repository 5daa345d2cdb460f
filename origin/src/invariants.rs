//! The invariants by name, one name in code, report, metrics and docs.
//!
//! Invariant: each says how it is checked. What is a matter of behaviour and leaves nothing in the
//! stores names the tests that show it, and is never reported as read.

use std::fmt;

/// What is promised, whatever breaks. ARCHITECTURE.md says each in a sentence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Invariant {
    /// No unit is promised that is not there.
    NeverOversold,
    /// Every reservation ends, and its units are sold or for sale again.
    NothingLeaks,
    /// A unit goes back into Redis after MySQL has committed that it is free, once.
    LedgerFirst,
    /// No order without a purchase token.
    OnlyTokened,
    /// What comes twice has its effect once.
    Once,
    /// The database's clock decides whether an order has expired.
    OneClock,
    /// "Sold out" passes as soon as it is not true.
    NeverSticky,
    /// Without a store buying waits and nothing is lost.
    FailsClosed,
    /// Counters, stock entries and orders add up to the same.
    BooksBalance,
    /// No account holds more than its limit.
    LimitPerAccount,
    /// An order is paid if and only if its payment is.
    PaidOnce,
}

use Invariant::{
    BooksBalance, FailsClosed, LedgerFirst, LimitPerAccount, NeverOversold, NeverSticky,
    NothingLeaks, Once, OneClock, OnlyTokened, PaidOnce,
};

impl Invariant {
    /// All of them, in the order of reports.
    pub const ALL: [Self; 11] = [
        NeverOversold,
        NothingLeaks,
        LedgerFirst,
        OnlyTokened,
        Once,
        OneClock,
        NeverSticky,
        FailsClosed,
        BooksBalance,
        LimitPerAccount,
        PaidOnce,
    ];

    /// Its name.
    pub fn as_str(self) -> &'static str {
        match self {
            NeverOversold => "never-oversold",
            NothingLeaks => "nothing-leaks",
            LedgerFirst => "ledger-first",
            OnlyTokened => "only-tokened",
            Once => "once",
            OneClock => "one-clock",
            NeverSticky => "never-sticky",
            FailsClosed => "fails-closed",
            BooksBalance => "books-balance",
            LimitPerAccount => "limit-per-account",
            PaidOnce => "paid-once",
        }
    }

    /// Whether the stores' contents can break it. The others are kept by construction, and their
    /// tests show it.
    pub fn is_read(self) -> bool {
        !matches!(self, NeverSticky | FailsClosed)
    }

    /// Tests of what the stores do not tell: a file and a test's name.
    pub fn shown_by(self) -> &'static [(&'static str, &'static str)] {
        match self {
            OnlyTokened => &[(
                "e2e/tests/it/untokened.rs",
                "without_token_session_or_pass_nothing_reaches_the_origin",
            )],
            NeverSticky => &[
                (
                    "e2e/tests/it/purchase.rs",
                    "a_cancelled_unit_is_on_sale_again",
                ),
                (
                    "e2e/browser/pages.test.mjs",
                    "sold out is shown when it happens, and taken back",
                ),
            ],
            FailsClosed => &[
                (
                    "e2e/tests/it/away.rs",
                    "without_the_origin_browsing_goes_on_and_buying_waits",
                ),
                (
                    "e2e/tests/it/away.rs",
                    "a_store_that_goes_and_comes_back_loses_nothing",
                ),
            ],
            _ => &[],
        }
    }
}

impl fmt::Display for Invariant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// What breaks an invariant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The one it breaks.
    pub invariant: Invariant,
    /// In which way: with `subject` it tells whether a later look finds the same.
    pub way: &'static str,
    /// The id of the sale, order, account or payment.
    pub subject: u64,
    /// All of it in words.
    pub text: String,
}

impl Finding {
    /// Whether both tell of the same fault, though its numbers may have changed.
    pub fn is_same(&self, other: &Self) -> bool {
        let same = |finding: &Self| (finding.invariant, finding.way, finding.subject);
        same(self) == same(other)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    #[test]
    fn tests_that_show_an_invariant_are_there() {
        let top = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        for invariant in Invariant::ALL {
            let shown_by = invariant.shown_by();
            assert!(invariant.is_read() || !shown_by.is_empty(), "{invariant}");
            for (file, test) in shown_by {
                let text = std::fs::read_to_string(top.join(file)).unwrap();
                let there = [format!("async fn {test}()"), format!("test('{test}'")];
                assert!(there.iter().any(|line| text.contains(line)), "{test}");
            }
        }
    }

    #[test]
    fn a_finding_is_known_by_its_way_and_subject_whatever_its_numbers() {
        let finding = |way, subject, text: &str| Finding {
            invariant: NothingLeaks,
            way,
            subject,
            text: text.into(),
        };
        let before = finding("missing", 1, "2 units");
        assert!(before.is_same(&finding("missing", 1, "3 units")));
        assert!(!before.is_same(&finding("missing", 2, "2 units")));
        assert!(!before.is_same(&finding("ended", 1, "2 units")));
    }

    #[test]
    fn the_map_and_the_report_name_the_same_invariants() {
        let map = Path::new(env!("CARGO_MANIFEST_DIR")).join("../ARCHITECTURE.md");
        let map = std::fs::read_to_string(map).unwrap();
        let rows = map.lines().skip_while(|line| *line != "## Invariants");
        let rows = rows
            .take_while(|line| *line != "## Glossary")
            .filter_map(|line| line.strip_prefix("| `")?.split('`').next());
        let names = Invariant::ALL.map(Invariant::as_str);
        assert_eq!(rows.collect::<Vec<_>>(), names);
    }
}
