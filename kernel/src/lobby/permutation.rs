//! A keyed permutation of the numbers below any size.
//!
//! Invariant: for a key and a size it is one to one. A balanced Feistel network over the smallest
//! even number of bits that holds the size (Luby and Rackoff 1988; ten rounds, as NIST SP 800-38G
//! takes for small domains), and cycle walking (Black and Rogaway 2002) where the size is no power
//! of four: on average less than four steps.

use crate::keys::hmac;
use hmac::Mac;

/// The largest size.
pub(super) const SIZE_MAX: u64 = 1 << 62;
const ROUNDS: u8 = 10;

/// The number that `index` is mapped to, both below `size`; `size` at most 2^62.
pub fn permute(key: &[u8; 32], size: u64, index: u64) -> u64 {
    assert!(index < size && size <= SIZE_MAX, "an index below the size");
    let half_bits = (64 - (size - 1).leading_zeros()).div_ceil(2);
    let mut number = index;
    loop {
        number = feistel(key, half_bits, number);
        if number < size {
            return number;
        }
    }
}

fn feistel(key: &[u8; 32], half_bits: u32, number: u64) -> u64 {
    let mask = (1_u64 << half_bits) - 1;
    let (mut left, mut right) = (number >> half_bits, number & mask);
    for round in 0..ROUNDS {
        (left, right) = (right, left ^ (mix(key, round, right) & mask));
    }
    left << half_bits | right
}

/// The first 8 bytes of HMAC-SHA-256 over the round (1 byte) and the half (8 bytes), big-endian.
fn mix(key: &[u8; 32], round: u8, half: u64) -> u64 {
    let mut mac = hmac(key);
    mac.update(&[round]);
    mac.update(&half.to_be_bytes());
    let digest = mac.finalize().into_bytes();
    let first = digest.iter().take(8);
    first.fold(0, |number, byte| number << 8 | u64::from(*byte))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::HashSet;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]
        #[test]
        fn no_two_numbers_meet(key: [u8; 32], size in 1_u64..600) {
            let seen: HashSet<_> = (0..size).map(|index| permute(&key, size, index)).collect();
            prop_assert_eq!(seen.len() as u64, size);
            prop_assert!(seen.iter().all(|number| *number < size));
        }
    }

    #[test]
    fn large_sizes_work_as_well() {
        for size in [1, 2, 3, 1 << 20, (1 << 20) + 1, SIZE_MAX] {
            assert!(permute(&[3; 32], size, size - 1) < size, "{size}");
        }
    }

    #[test]
    fn every_place_is_as_likely_as_any_other() {
        // Over 4,000 keys, where 16 arrivals land: chi-squared with 15 degrees of freedom each,
        // whose 99.99 % quantile is 44.3; keys are fixed, so this never flickers.
        for index in [0, 7, 15] {
            let mut counts = [0_u32; 16];
            for key in 0..4_000_u32 {
                let mut bytes = [0; 32];
                bytes[..4].copy_from_slice(&key.to_be_bytes());
                counts[usize::try_from(permute(&bytes, 16, index)).unwrap()] += 1;
            }
            let chi: f64 = counts
                .iter()
                .map(|count| (f64::from(*count) - 250.0).powi(2) / 250.0)
                .sum();
            assert!(chi < 44.3, "{index}: {chi} {counts:?}");
        }
    }
}
