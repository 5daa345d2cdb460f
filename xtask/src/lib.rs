//! What `cargo xtask` does, as a library, so that integration tests start the same servers and the
//! same system as `cargo xtask up`.
//!
//! Whatever is started here stops with the process that started it, however that process ends.
#![expect(
    clippy::print_stdout,
    reason = "its standard output is read by people and scripts"
)]

pub mod interrupt;
pub mod programs;
pub mod workspace;

pub mod compile;
pub mod install;
pub mod python;
pub mod tool;

pub mod servers;
pub mod system;

pub mod bench;
pub mod sqlx;
pub mod test;
pub mod tidy;
pub mod up;
