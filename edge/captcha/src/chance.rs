//! Numbers that follow from a seed: SplitMix64 over xoshiro256++'s state.
//!
//! Invariant: the same seed gives the same numbers. Source: Blackman and Vigna, "Scrambled linear
//! pseudorandom number generators", 2019. The seed is secret; the numbers themselves never leave.

/// A row of numbers.
pub(crate) struct Chance {
    state: [u64; 4],
}

impl Chance {
    /// The row that belongs to a seed.
    pub(crate) fn new(seed: &[u8; 32]) -> Self {
        let mut state = [0; 4];
        for (word, bytes) in state.iter_mut().zip(seed.chunks_exact(8)) {
            *word = bytes
                .iter()
                .fold(0_u64, |word, byte| word << 8 | u64::from(*byte));
        }
        // A state of zeros would stay there.
        state[0] |= 1;
        let mut chance = Self { state };
        // Seeds that differ in one bit differ everywhere after some steps.
        for _ in 0..16 {
            chance.next();
        }
        chance
    }

    fn next(&mut self) -> u64 {
        let s = &mut self.state;
        let drawn = s[0].wrapping_add(s[3]).rotate_left(23).wrapping_add(s[0]);
        let shifted = s[1] << 17;
        s[2] ^= s[0];
        s[3] ^= s[1];
        s[1] ^= s[2];
        s[0] ^= s[3];
        s[2] ^= shifted;
        s[3] = s[3].rotate_left(45);
        drawn
    }

    /// Evenly from `low` up to `high`.
    pub(crate) fn between(&mut self, low: f32, high: f32) -> f32 {
        // 16 bits, all of which a float holds.
        let [high_bits, low_bits, ..] = self.next().to_be_bytes();
        let part = f32::from(u16::from_be_bytes([high_bits, low_bits])) / 65_536.0;
        low + (high - low) * part
    }

    /// Evenly one of `0..count`.
    pub(crate) fn below(&mut self, count: usize) -> usize {
        let drawn = u128::from(self.next()) * count as u128;
        usize::try_from(drawn >> 64).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_says_it_all_and_one_bit_changes_it_all() {
        let row = |seed: [u8; 32]| {
            let mut chance = Chance::new(&seed);
            (0..8).map(|_| chance.next()).collect::<Vec<_>>()
        };
        assert_eq!(row([1; 32]), row([1; 32]));
        let mut other = [1; 32];
        other[31] = 0;
        let pairs = row([1; 32]).into_iter().zip(row(other));
        let differing: u32 = pairs.map(|(a, b)| (a ^ b).count_ones()).sum();
        assert!((200..312).contains(&differing), "{differing} of 512 bits");
        assert_ne!(row([0; 32])[0], 0);
    }

    #[test]
    fn numbers_stay_in_their_range() {
        let mut chance = Chance::new(&[3; 32]);
        for _ in 0..10_000 {
            assert!((-2.0..5.0).contains(&chance.between(-2.0, 5.0)));
            assert!(chance.below(3) < 3);
        }
    }
}
