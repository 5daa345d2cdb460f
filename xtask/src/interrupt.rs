//! Ctrl-C, SIGTERM and SIGHUP as a flag that every wait looks at.
//!
//! A second signal ends the process at once; its children then stop by themselves.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use anyhow::bail;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::flag;

/// The exit code of a shell command that was interrupted.
pub const EXIT_CODE: u8 = 130;

static REQUESTED: LazyLock<Arc<AtomicBool>> = LazyLock::new(Arc::default);

/// Turns the signals into the flag; without this call they end the process at once.
pub fn listen() -> io::Result<()> {
    for signal in [SIGINT, SIGTERM, SIGHUP] {
        // First: it must see the flag as it was before this signal.
        flag::register_conditional_shutdown(signal, i32::from(EXIT_CODE), Arc::clone(&REQUESTED))?;
        flag::register(signal, Arc::clone(&REQUESTED))?;
    }
    Ok(())
}

/// Whether somebody wants this process to stop.
pub fn requested() -> bool {
    REQUESTED.load(Ordering::SeqCst)
}

/// Sleeps for `time`; an error if somebody wants this process to stop.
pub fn sleep(time: Duration) -> anyhow::Result<()> {
    if requested() {
        bail!("interrupted");
    }
    std::thread::sleep(time);
    Ok(())
}
