//! How many tests passed and failed, from what the test runners print.

/// Passed and failed tests.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Count {
    pub passed: u64,
    pub failed: u64,
}

impl Count {
    /// `test result: ok. 5 passed; 0 failed; 0 ignored; …`
    pub fn see_cargo(&mut self, line: &str) {
        let Some((_, counts)) = line
            .strip_prefix("test result: ")
            .and_then(|rest| rest.split_once(". "))
        else {
            return;
        };
        for count in counts.split("; ") {
            match count.split_once(' ') {
                Some((number, "passed")) => self.passed += number.parse().unwrap_or(0),
                Some((number, "failed")) => self.failed += number.parse().unwrap_or(0),
                _ => {}
            }
        }
    }

    /// `# pass 5`, `# fail 0`, `# cancelled 0`: the end of what Node's TAP reporter prints.
    pub fn see_node(&mut self, line: &str) {
        match line
            .strip_prefix("# ")
            .and_then(|rest| rest.split_once(' '))
        {
            Some(("pass", number)) => self.passed += number.parse().unwrap_or(0),
            Some(("fail" | "cancelled", number)) => self.failed += number.parse().unwrap_or(0),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Count;

    #[test]
    fn results_are_added_up() {
        let mut count = Count::default();
        for line in [
            "running 7 tests",
            "test result: ok. 5 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out",
            "test result: FAILED. 2 passed; 3 failed; 0 ignored; 0 measured; 0 filtered out",
            "a test result: ok. 5 passed; 0 failed",
        ] {
            count.see_cargo(line);
        }
        assert_eq!(
            count,
            Count {
                passed: 7,
                failed: 3
            }
        );
        for line in [
            "# Subtest: pass 9",
            "# tests 6",
            "# pass 4",
            "# fail 1",
            "# cancelled 1",
        ] {
            count.see_node(line);
        }
        assert_eq!(
            count,
            Count {
                passed: 11,
                failed: 5
            }
        );
    }
}
