//! The audit's report: each invariant with what was found against it.
//!
//! Invariant: what was not read is never reported as holding.

use crate::invariants::{Finding, Invariant};
use kernel::ids::SaleId;
use kernel::time::UnixMillis;
use serde::Serialize;

/// One invariant and what was found against it.
#[derive(Clone, Debug, Serialize)]
pub struct Check {
    /// Its name.
    pub invariant: &'static str,
    /// `stores`, if it was checked by reading them; `tests`, if nothing in the stores tells.
    pub checked: &'static str,
    /// Whether it holds, if it was read.
    pub holds: Option<bool>,
    /// What breaks it; empty if nothing was found.
    pub findings: Vec<String>,
    /// What could not be compared now, and why. No breach by itself.
    pub notes: Vec<String>,
    /// Tests that show what the stores do not tell, as `file: test`.
    pub shown_by: Vec<String>,
}

/// The whole report.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// Whether no invariant is broken.
    pub holds: bool,
    /// When it was made.
    pub at_ms: UnixMillis,
    /// How many sales were read.
    pub sales: usize,
    /// Each invariant.
    pub checks: Vec<Check>,
    /// Sales whose count in Redis is not MySQL's while the books of MySQL are in order, with the
    /// epoch of both: counting them anew heals them.
    #[serde(skip)]
    pub drifted: Vec<(SaleId, u64)>,
}

impl Report {
    pub(super) fn new(sales: usize, found: &[Finding], notes: &[(Invariant, String)]) -> Self {
        let checks: Vec<Check> = Invariant::ALL
            .into_iter()
            .map(|invariant| check(invariant, found, notes))
            .collect();
        Self {
            holds: found.is_empty(),
            at_ms: crate::now(),
            sales,
            checks,
            drifted: Vec::new(),
        }
    }
}

fn check(invariant: Invariant, found: &[Finding], notes: &[(Invariant, String)]) -> Check {
    let found = found.iter().filter(|found| found.invariant == invariant);
    let findings: Vec<String> = found.map(|found| found.text.clone()).collect();
    let notes = notes.iter().filter(|(of, _)| *of == invariant);
    let shown_by = invariant.shown_by().iter();
    Check {
        invariant: invariant.as_str(),
        checked: if invariant.is_read() {
            "stores"
        } else {
            "tests"
        },
        holds: invariant.is_read().then_some(findings.is_empty()),
        findings,
        notes: notes.map(|(_, note)| note.clone()).collect(),
        shown_by: shown_by
            .map(|(file, test)| format!("{file}: {test}"))
            .collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_not_read_is_not_said_to_hold() {
        let report = Report::new(0, &[], &[]);
        assert!(report.holds);
        assert_eq!(report.checks.len(), Invariant::ALL.len());
        for check in report.checks {
            let expected = (check.checked == "stores").then_some(true);
            assert_eq!(check.holds, expected, "{}", check.invariant);
            assert!(expected.is_some() || !check.shown_by.is_empty());
        }
    }

    #[test]
    fn one_finding_breaks_one_invariant_and_the_report() {
        let finding = Finding {
            invariant: Invariant::Once,
            way: "entries",
            subject: 1,
            text: "twice".into(),
        };
        let report = Report::new(1, &[finding], &[]);
        assert!(!report.holds);
        let broken = report
            .checks
            .iter()
            .filter(|check| check.holds == Some(false));
        assert_eq!(
            broken.map(|check| check.invariant).collect::<Vec<_>>(),
            ["once"]
        );
    }
}
