//! Randomness from the host, fit for secrets.

use spin_sdk::wasip3::random::random::get_random_bytes;

/// `N` random bytes; `None` if the host gives fewer.
pub fn bytes<const N: usize>() -> Option<[u8; N]> {
    get_random_bytes(N as u64).try_into().ok()
}

/// 16 random bytes in hexadecimal: a name that nobody guesses and nothing else has.
pub fn name() -> String {
    hex::encode(get_random_bytes(16))
}
