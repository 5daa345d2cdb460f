//! One system a folder.

use std::fs::{File, TryLockError};
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::bail;

/// Long enough for the children of a system that was killed to end.
const PATIENCE: Duration = Duration::from_secs(2);
const POLL: Duration = Duration::from_millis(50);

/// Takes the lock of a data folder. It is held as long as any copy of the file is open, also in a
/// child process.
pub fn take(data: &Path) -> anyhow::Result<File> {
    let file = File::create(data.join("lock"))?;
    let deadline = Instant::now() + PATIENCE;
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(TryLockError::WouldBlock) if Instant::now() < deadline => thread::sleep(POLL),
            Err(TryLockError::WouldBlock) => {
                bail!("{} is in use by another system", data.display())
            }
            Err(TryLockError::Error(error)) => return Err(error.into()),
        }
    }
}
