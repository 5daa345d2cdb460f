//! The kernel against what others wrote.

// `cfg(test)` is always set here; it tells clippy that helpers are tests, too.
#[cfg(test)]
mod altcha;
