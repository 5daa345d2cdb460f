//! What processes took: CPU time and memory, from `/proc` (proc(5)).
//!
//! Invariant: a process that has ended has no figures; it is an error.

use crate::measurement::Measurement;
use anyhow::{Context, ensure};
use std::fs;
use std::str::FromStr;

/// `/proc` counts CPU time in hundredths of a second, on every Linux that Debian runs on.
const TICKS_PER_SECOND: u64 = 100;
const MICROSECONDS_PER_TICK: u64 = 1_000_000 / TICKS_PER_SECOND;

/// A process and what it is called in the figures.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Watched {
    name: String,
    id: String,
}

impl FromStr for Watched {
    type Err = String;

    /// Reads `name=process id`.
    fn from_str(text: &str) -> Result<Self, String> {
        let (name, id) = text.split_once('=').ok_or("is name=process id")?;
        let number: u32 = id.parse().map_err(|_| "the process id is no number")?;
        Ok(Self {
            name: name.to_owned(),
            id: number.to_string(),
        })
    }
}

/// CPU time that processes had taken at one moment.
pub struct Clock<'a> {
    watched: Vec<(&'a str, &'a str, u64)>,
}

impl<'a> Clock<'a> {
    /// Looks at all of them and at this process, which is called `own`.
    pub fn start(processes: &'a [Watched], own: &'a str) -> anyhow::Result<Self> {
        let ids = processes
            .iter()
            .map(|process| (process.name.as_str(), process.id.as_str()));
        let watched = ids
            .chain([(own, "self")])
            .map(|(name, id)| Ok((name, id, cpu_ticks(id)?)))
            .collect::<anyhow::Result<_>>()?;
        Ok(Self { watched })
    }

    /// What each took since, divided by `count`: `cpu-<name>` in microseconds, as `unit` says.
    pub fn stop(self, count: u32, unit: &'static str) -> anyhow::Result<Vec<Measurement>> {
        let taken = |(name, id, before): (&str, &str, u64)| {
            let ticks = cpu_ticks(id)?.saturating_sub(before);
            let microseconds = u32::try_from(ticks * MICROSECONDS_PER_TICK)?;
            let each = f64::from(microseconds) / f64::from(count);
            Ok(Measurement::new(format!("cpu-{name}"), each, unit))
        };
        self.watched.into_iter().map(taken).collect()
    }
}

/// The most memory that each process ever had resident: `memory-<name>` in MiB.
pub fn memory_peaks(processes: &[Watched]) -> anyhow::Result<Vec<Measurement>> {
    let peak = |process: &Watched| {
        let path = format!("/proc/{}/status", process.id);
        let status = fs::read_to_string(&path).with_context(|| format!("cannot read {path}"))?;
        let kib = peak_kib(&status).with_context(|| format!("{path} names no VmHWM"))?;
        let name = format!("memory-{}", process.name);
        Ok(Measurement::new(name, f64::from(kib) / 1_024.0, "MiB"))
    };
    processes.iter().map(peak).collect()
}

fn cpu_ticks(id: &str) -> anyhow::Result<u64> {
    let path = format!("/proc/{id}/stat");
    let stat = fs::read_to_string(&path).with_context(|| format!("cannot read {path}"))?;
    ticks(&stat).with_context(|| format!("{path} is not as expected"))
}

/// User and system time of the process and of its children that have ended, the 14th to the 17th
/// field. The second, the program's name, may hold blanks and brackets, so that the count begins
/// behind its last bracket.
fn ticks(stat: &str) -> anyhow::Result<u64> {
    let (_, rest) = stat.rsplit_once(')').context("no name")?;
    let fields: Vec<&str> = rest.split_ascii_whitespace().collect();
    ensure!(fields.len() > 14, "too short");
    let times = fields[11..15].iter().map(|field| field.parse::<u64>());
    Ok(times.sum::<Result<u64, _>>()?)
}

fn peak_kib(status: &str) -> Option<u32> {
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix(" kB")?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::{Watched, peak_kib, ticks};

    #[test]
    fn cpu_time_is_found_behind_any_name() {
        let fields = "S 1 2 3 4 5 6 7 8 9 10 40 30 20 10 20 0";
        for name in ["redis-server", "a b", "x) S 9 (y"] {
            assert_eq!(ticks(&format!("12 ({name}) {fields}")).unwrap(), 100);
        }
        assert!(ticks("12 (short) S 1").is_err());
    }

    #[test]
    fn the_peak_of_memory_is_read() {
        let status = "Name:\torigin\nVmPeak:\t  99 kB\nVmHWM:\t   34816 kB\n";
        assert_eq!(peak_kib(status), Some(34_816));
        assert_eq!(peak_kib("Name:\torigin\n"), None);
    }

    #[test]
    fn a_process_is_named_and_numbered() {
        assert!("origin=12".parse::<Watched>().is_ok());
        assert!("origin".parse::<Watched>().is_err());
        assert!("origin=../1".parse::<Watched>().is_err());
    }
}
