//! Chance that can be repeated: SHA-256 over the seed, the kind of draw and how many came before.
//!
//! Draws of one kind do not depend on those of another.

use std::collections::HashMap;

use sha2::{Digest, Sha256};

/// Chance from a seed.
#[derive(Default)]
pub struct Dice {
    seed: u64,
    draws: HashMap<&'static str, u64>,
}

impl Dice {
    pub fn new(seed: u64) -> Self {
        Self {
            seed,
            draws: HashMap::new(),
        }
    }

    /// The next number of this kind, all equally likely.
    pub fn draw(&mut self, kind: &'static str) -> u32 {
        let before = self.draws.entry(kind).or_default();
        let digest = Sha256::new()
            .chain_update(self.seed.to_be_bytes())
            .chain_update(before.to_be_bytes())
            .chain_update(kind)
            .finalize();
        *before += 1;
        u32::from_be_bytes([digest[0], digest[1], digest[2], digest[3]])
    }

    /// The next share of this kind, from 0 to below 1.
    pub fn share(&mut self, kind: &'static str) -> f64 {
        f64::from(self.draw(kind)) / (f64::from(u32::MAX) + 1.0)
    }
}
