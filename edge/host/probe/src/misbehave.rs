//! What a host must survive.

use std::{hint::black_box, io::Write};

/// Never yields.
pub fn compute_for_ever() -> ! {
    let mut number = 0_u64;
    loop {
        number = black_box(number.wrapping_add(1));
    }
}

/// Takes memory and uses it.
pub fn allocate(mebibytes: usize) -> String {
    let pages: Vec<Vec<u8>> = (0..mebibytes)
        .map(|_| black_box(vec![1; 1 << 20]))
        .collect();
    pages.len().to_string()
}

/// Ends the instance with a trap.
pub fn trap() -> ! {
    std::process::abort()
}

/// Writes a line to each output.
pub fn print(line: &str) {
    // A test reads them in the host's log; if they cannot be written it fails there.
    drop(writeln!(std::io::stdout(), "out {line}"));
    drop(writeln!(std::io::stderr(), "err {line}"));
}
