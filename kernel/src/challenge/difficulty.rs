//! How hard a proof of work is, by how much the PoP has to do.
//!
//! Invariant: between `at_rest` and `most`, whatever the load; not knowing the load is being at
//! rest.

/// The bounds, and the load up to which nothing gets harder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Difficulty {
    /// The most hashes that a challenge takes at rest; half of them on average.
    pub at_rest: u32,
    /// The same however great the load is.
    pub most: u32,
    /// Challenges a second that the PoP makes with ease.
    pub easy_per_second: u32,
}

impl Difficulty {
    /// The most hashes that a challenge takes while the PoP makes `per_second` of them.
    ///
    /// Above what is easy it grows as the load does, so that twice the challenges cost those who
    /// ask for them four times the work.
    pub fn at(&self, per_second: u32) -> u32 {
        let product = u64::from(self.at_rest) * u64::from(per_second);
        let grown = product / u64::from(self.easy_per_second.max(1));
        let grown = u32::try_from(grown).unwrap_or(u32::MAX);
        grown.min(self.most).max(self.at_rest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_challenge_gets_harder_with_the_load_within_its_bounds() {
        let check = |at_rest, most, easy_per_second, per_second, expected| {
            let difficulty = Difficulty {
                at_rest,
                most,
                easy_per_second,
            };
            assert_eq!(
                difficulty.at(per_second),
                expected,
                "{difficulty:?} {per_second}"
            );
        };
        check(50_000, 500_000, 1_000, 0, 50_000);
        check(50_000, 500_000, 1_000, 1_000, 50_000);
        check(50_000, 500_000, 1_000, 1_500, 75_000);
        check(50_000, 500_000, 1_000, 9_999, 499_950);
        check(50_000, 500_000, 1_000, 10_000, 500_000);
        check(50_000, 500_000, 1_000, u32::MAX, 500_000);
        check(u32::MAX, u32::MAX, 1, u32::MAX, u32::MAX);
        // Bounds the wrong way round keep what it takes at rest.
        check(50_000, 10, 1_000, 10_000, 50_000);
        check(50_000, 500_000, 0, 3, 150_000);
    }
}
