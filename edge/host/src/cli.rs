//! The command line: where the app lies, where to listen, and every limit.
//!
//! Nothing else is read from the outside but the files named here, `SPIN_VARIABLE_*` and `.env` (values of the
//! app's variables) and `RUST_LOG`.

mod component_limits;
mod front;
mod operation;

use std::{num::NonZero, path::PathBuf, time::Duration};

use clap::Parser;

pub use component_limits::{ComponentLimit, ComponentLimits};
pub use front::{Front, Networks};
pub use operation::Operation;

/// Runs a Spin app (manifest version 2) on wasmtime, where Spin is not installed.
///
/// It refuses by name what it does not support. Values of the app's variables come from the
/// providers of the runtime configuration, from SPIN_VARIABLE_<NAME> and from .env; the log goes to
/// stderr and is filtered by RUST_LOG. When the app is ready the log says
/// `listening on http://<address>`, or https, for each address.
#[derive(Debug, Parser)]
#[command(name = "doorbuster-edge", version, max_term_width = 100)]
pub struct Arguments {
    /// The app's manifest
    #[arg(long, value_name = "FILE", default_value = "spin.toml")]
    pub manifest: PathBuf,
    /// Where key-value stores, compiled code and mounted files are kept [default: state_dir of the
    /// runtime configuration, else .spin beside the manifest]
    #[arg(long, value_name = "FOLDER")]
    pub data: Option<PathBuf>,
    /// A Spin runtime configuration; what of it is understood stands in docs/spin-conformance.md
    #[arg(long, value_name = "FILE")]
    pub runtime_config: Option<PathBuf>,
    /// Threads that serve, each with its own instances [default: one a core]
    #[arg(long, value_name = "COUNT", value_parser = positive())]
    pub threads: Option<usize>,
    /// Check the manifest, the runtime configuration, the variables, the limits and the components,
    /// and leave
    #[arg(long)]
    pub check: bool,
    /// Where to listen, and what a connection may do
    #[command(flatten)]
    pub front: Front,
    /// What operators see of it and change while it runs
    #[command(flatten)]
    pub operation: Operation,
    /// Every other limit
    #[command(flatten)]
    pub limits: Limits,
}

impl Arguments {
    /// How many threads serve.
    pub fn threads(&self) -> usize {
        let cores = || std::thread::available_parallelism().map_or(1, NonZero::get);
        self.threads.unwrap_or_else(cores)
    }
}

/// What a request, an instance and the whole host may use.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "Limits")]
pub struct Limits {
    /// Requests that wait for an answer at once; more are shed with 503 and Retry-After
    #[arg(long, value_name = "COUNT", default_value = "1024", value_parser = positive())]
    pub max_requests: usize,
    /// Instances of all components together; without a free one a request is shed with 503
    #[arg(long, value_name = "COUNT", default_value = "512", value_parser = positive())]
    pub max_instances: usize,
    /// Requests an instance serves in its life; making one costs as much as some fifty requests
    #[arg(long, value_name = "COUNT", default_value = "1024", value_parser = positive())]
    pub max_requests_per_instance: usize,
    /// Requests an instance serves at once
    #[arg(long, value_name = "COUNT", default_value = "16", value_parser = positive())]
    pub max_concurrency_per_instance: usize,
    /// How long an instance without a request is kept
    #[arg(long, value_name = "TIME", default_value = "1s", value_parser = duration)]
    pub instance_idle_timeout: Duration,
    /// Linear memory of an instance, in MiB
    #[arg(long, value_name = "MIB", default_value = "64", value_parser = positive())]
    pub max_memory_mib: usize,
    /// Answers kept for others, in MiB of memory; one is kept up to 1 MiB or an eighth of this. 0
    /// switches the cache off
    #[arg(long, value_name = "MIB", default_value = "64", value_parser = zero_or_more())]
    pub cache_mib: usize,
    /// From a request to the head of its answer, and for computing without a pause; past it the
    /// answer is 500 and a busy instance is stopped
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = duration)]
    pub request_timeout: Duration,
    /// The body of an answer, from its head to its end (server-sent events are cut here and
    /// reconnect)
    #[arg(long, value_name = "TIME", default_value = "5m", value_parser = duration)]
    pub stream_timeout: Duration,
    /// Finishing requests in flight after SIGTERM or SIGINT
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = duration)]
    pub shutdown_timeout: Duration,
    /// Connecting to another server on behalf of a component
    #[arg(long, value_name = "TIME", default_value = "2s", value_parser = duration)]
    pub outbound_connect_timeout: Duration,
    /// The head of another server's answer, unless the component sets its own time-out
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = duration)]
    pub outbound_first_byte_timeout: Duration,
    /// A limit of one component instead of the one of all, such as gate.max-requests=200; may be
    /// repeated. Names are max-requests, max-instances, max-requests-per-instance,
    /// max-concurrency-per-instance, max-memory-mib, instance-idle-timeout, request-timeout and
    /// stream-timeout
    #[arg(long = "component-limit", value_name = "ID.NAME=VALUE")]
    pub of_components: Vec<ComponentLimit>,
}

/// Counts start at one: zero would switch a part of the host off.
fn positive() -> impl clap::builder::TypedValueParser<Value = usize> {
    use clap::builder::{RangedU64ValueParser, TypedValueParser};
    RangedU64ValueParser::<u32>::new()
        .range(1..=1_000_000)
        .map(|count| count as usize)
}

/// Here zero does switch a part of the host off.
fn zero_or_more() -> impl clap::builder::TypedValueParser<Value = usize> {
    use clap::builder::{RangedU64ValueParser, TypedValueParser};
    RangedU64ValueParser::<u32>::new()
        .range(0..=1_000_000)
        .map(|count| count as usize)
}

/// Reads `250ms`, `30s`, `5m` or `1h`; zero is refused.
fn duration(text: &str) -> Result<Duration, String> {
    let digits = text
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(text.len());
    let (count, unit) = text.split_at(digits);
    let milliseconds_per_unit: u64 = match unit {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        _ => return Err("write a whole number and ms, s, m or h, such as 30s".into()),
    };
    match count
        .parse::<u64>()
        .ok()
        .and_then(|count| count.checked_mul(milliseconds_per_unit))
    {
        Some(milliseconds @ 1..=86_400_000) => Ok(Duration::from_millis(milliseconds)),
        _ => Err("write a time between 1ms and 24h".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_with_their_unit() {
        fn check(text: &str, expected: Option<u64>) {
            assert_eq!(
                duration(text).ok(),
                expected.map(Duration::from_millis),
                "{text}"
            );
        }
        check("250ms", Some(250));
        check("30s", Some(30_000));
        check("5m", Some(300_000));
        check("24h", Some(86_400_000));
        check("0s", None);
        check("25h", None);
        check("30", None);
        check("s", None);
        check("-1s", None);
        check("99999999999999999999s", None);
    }

    #[test]
    fn a_limit_of_zero_is_refused() {
        assert!(Arguments::try_parse_from(["doorbuster-edge", "--max-requests", "0"]).is_err());
        assert!(Arguments::try_parse_from(["doorbuster-edge", "--max-requests", "1"]).is_ok());
    }
}
