//! Randomness from the host, fit for secrets.

use spin_sdk::wasip3::random::random::get_random_bytes;

/// `N` random bytes; `None` if the host gives fewer.
pub fn bytes<const N: usize>() -> Option<[u8; N]> {
    get_random_bytes(N as u64).try_into().ok()
}

/// 16 random bytes in hexadecimal: a name that nobody guesses and nothing else has.
pub fn name() -> String {
    use std::fmt::Write;
    let bytes = get_random_bytes(16);
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a string does not fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}
