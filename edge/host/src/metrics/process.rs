//! What the process uses, as the kernel tells it; nothing where there is no `/proc`.

use std::fs;

/// A page of `/proc/self/statm`, in bytes.
const PAGE_BYTES: u64 = 4096;
/// The clock of `/proc/self/stat`: a hundredth of a second wherever Linux runs.
const TICKS_PER_SECOND: u64 = 100;

/// Memory, time and files of this process.
pub struct Process {
    /// Memory that is really there, in bytes.
    pub resident_bytes: u64,
    /// Time of processors, user and system, in milliseconds.
    pub cpu_ms: u64,
    /// Open file descriptors.
    pub open_files: u64,
}

impl Process {
    /// As it is now.
    pub fn now() -> Option<Self> {
        let memory = fs::read_to_string("/proc/self/statm").ok()?;
        let pages: u64 = memory.split(' ').nth(1)?.parse().ok()?;
        let stat = fs::read_to_string("/proc/self/stat").ok()?;
        // The name of the program comes first and may hold anything, in parentheses.
        let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
        let ticks = |field: usize| fields.get(field)?.parse::<u64>().ok();
        Some(Self {
            resident_bytes: pages * PAGE_BYTES,
            cpu_ms: (ticks(11)? + ticks(12)?) * 1000 / TICKS_PER_SECOND,
            open_files: fs::read_dir("/proc/self/fd").ok()?.count() as u64,
        })
    }
}
