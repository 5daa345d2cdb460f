//! Stages with their times and results, and the report at the end.

use std::time::{Duration, Instant};

use anyhow::bail;

use super::count::Count;
use crate::interrupt;

/// What has been run so far.
#[derive(Default)]
pub struct Stages {
    done: Vec<Stage>,
}

struct Stage {
    name: &'static str,
    time: Duration,
    count: Count,
    succeeded: bool,
}

impl Stages {
    /// Runs a stage without tests of its own and says whether it succeeded.
    pub fn run(
        &mut self,
        name: &'static str,
        work: impl FnOnce() -> anyhow::Result<()>,
    ) -> anyhow::Result<bool> {
        self.run_tests(name, |_| work())
    }

    /// Runs a stage that counts tests. An error only if somebody stopped it.
    pub fn run_tests(
        &mut self,
        name: &'static str,
        work: impl FnOnce(&mut Count) -> anyhow::Result<()>,
    ) -> anyhow::Result<bool> {
        eprintln!("── {name}");
        let began = Instant::now();
        let mut count = Count::default();
        let result = work(&mut count);
        if interrupt::requested() {
            bail!("interrupted");
        }
        if let Err(error) = &result {
            eprintln!("{name}: {error:#}");
            // A stage that fails without a failed test is itself what failed.
            count.failed = count.failed.max(1);
        }
        let succeeded = count.failed == 0;
        self.done.push(Stage {
            name,
            time: began.elapsed(),
            count,
            succeeded,
        });
        Ok(succeeded)
    }

    /// Prints the table and the last line; whether all succeeded.
    pub fn report(&self) -> bool {
        println!();
        let mut sum = Count::default();
        for Stage {
            name,
            time,
            count,
            succeeded,
        } in &self.done
        {
            let verdict = if *succeeded { "ok" } else { "FAILED" };
            let seconds = time.as_secs_f64();
            print!("{name:<10} {seconds:>8.1} s  {verdict:<6}");
            if count.passed > 0 {
                print!("  {} passed, {} failed", count.passed, count.failed);
            }
            println!();
            sum.passed += count.passed;
            sum.failed += count.failed;
        }
        println!("{} passed, {} failed", sum.passed, sum.failed);
        sum.failed == 0
    }
}
