//! Limits of one component: the host's own, unless a flag says otherwise for that component.

use std::{str::FromStr, sync::Arc, time::Duration};

use super::{Limits, duration};

/// The largest number a limit may have.
const COUNT_MAX: usize = 1_000_000;

/// What one component may use.
#[derive(Clone, Debug)]
pub struct ComponentLimits {
    /// Requests that wait for its answer at once, besides the limit of all.
    pub max_requests: Option<usize>,
    /// Its instances, besides the limit of all.
    pub max_instances: Option<usize>,
    /// Requests an instance serves in its life.
    pub max_requests_per_instance: usize,
    /// Requests an instance serves at once.
    pub max_concurrency_per_instance: usize,
    /// How long an instance without a request is kept.
    pub instance_idle_timeout: Duration,
    /// Linear memory of an instance.
    pub max_memory_mib: usize,
    /// From a request to the head of its answer, and for computing without a pause.
    pub request_timeout: Duration,
    /// The body of an answer.
    pub stream_timeout: Duration,
}

/// One `--component-limit ID.NAME=VALUE`.
#[derive(Clone, Debug)]
pub struct ComponentLimit {
    /// The component's id.
    pub id: Arc<str>,
    limit: Limit,
}

#[derive(Clone, Copy, Debug)]
enum Limit {
    Requests(usize),
    Instances(usize),
    RequestsPerInstance(usize),
    ConcurrencyPerInstance(usize),
    MemoryMib(usize),
    InstanceIdle(Duration),
    Request(Duration),
    Stream(Duration),
}

impl ComponentLimits {
    /// Those of the component `id`; of several flags for the same limit the last counts.
    pub fn of(id: &str, all: &Limits, flags: &[ComponentLimit]) -> Self {
        let mut limits = Self {
            max_requests: None,
            max_instances: None,
            max_requests_per_instance: all.max_requests_per_instance,
            max_concurrency_per_instance: all.max_concurrency_per_instance,
            instance_idle_timeout: all.instance_idle_timeout,
            max_memory_mib: all.max_memory_mib,
            request_timeout: all.request_timeout,
            stream_timeout: all.stream_timeout,
        };
        for flag in flags.iter().filter(|flag| *flag.id == *id) {
            match flag.limit {
                Limit::Requests(count) => limits.max_requests = Some(count),
                Limit::Instances(count) => limits.max_instances = Some(count),
                Limit::RequestsPerInstance(count) => limits.max_requests_per_instance = count,
                Limit::ConcurrencyPerInstance(count) => limits.max_concurrency_per_instance = count,
                Limit::MemoryMib(count) => limits.max_memory_mib = count,
                Limit::InstanceIdle(time) => limits.instance_idle_timeout = time,
                Limit::Request(time) => limits.request_timeout = time,
                Limit::Stream(time) => limits.stream_timeout = time,
            }
        }
        limits
    }

    /// The most memory that any component's instance may have, in MiB.
    pub fn max_memory_mib(all: &Limits, flags: &[ComponentLimit]) -> usize {
        let flags = flags.iter().filter_map(|flag| match flag.limit {
            Limit::MemoryMib(count) => Some(count),
            _ => None,
        });
        flags.fold(all.max_memory_mib, usize::max)
    }
}

impl FromStr for ComponentLimit {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parts = text.split_once('=').and_then(|(key, value)| {
            let (id, name) = key.split_once('.')?;
            (!id.is_empty()).then_some((id, name, value))
        });
        let (id, name, value) =
            parts.ok_or("write ID.NAME=VALUE, such as gate.max-requests=200")?;
        let limit = match name {
            "max-requests" => Limit::Requests(count(value)?),
            "max-instances" => Limit::Instances(count(value)?),
            "max-requests-per-instance" => Limit::RequestsPerInstance(count(value)?),
            "max-concurrency-per-instance" => Limit::ConcurrencyPerInstance(count(value)?),
            "max-memory-mib" => Limit::MemoryMib(count(value)?),
            "instance-idle-timeout" => Limit::InstanceIdle(duration(value)?),
            "request-timeout" => Limit::Request(duration(value)?),
            "stream-timeout" => Limit::Stream(duration(value)?),
            _ => {
                return Err(format!(
                    "there is no limit `{name}` of a component; there are max-requests, max-instances, \
                     max-requests-per-instance, max-concurrency-per-instance, max-memory-mib, \
                     instance-idle-timeout, request-timeout and stream-timeout"
                ));
            }
        };
        Ok(Self {
            id: id.into(),
            limit,
        })
    }
}

fn count(text: &str) -> Result<usize, String> {
    let count = text.parse().ok();
    count
        .filter(|count| (1..=COUNT_MAX).contains(count))
        .ok_or_else(|| format!("write a whole number from 1 to {COUNT_MAX}"))
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::cli::Arguments;

    #[test]
    fn a_flag_changes_a_limit_of_its_component_only() {
        let arguments = Arguments::parse_from([
            "doorbuster-edge",
            "--max-memory-mib",
            "32",
            "--component-limit",
            "gate.max-requests=200",
            "--component-limit",
            "gate.max-memory-mib=128",
            "--component-limit",
            "gate.request-timeout=1s",
            "--component-limit",
            "gate.request-timeout=10s",
        ]);
        let (all, flags) = (&arguments.limits, &arguments.limits.of_components);
        let gate = ComponentLimits::of("gate", all, flags);
        assert_eq!((gate.max_requests, gate.max_memory_mib), (Some(200), 128));
        assert_eq!(gate.request_timeout, Duration::from_secs(10));
        let pages = ComponentLimits::of("pages", all, flags);
        assert_eq!((pages.max_requests, pages.max_memory_mib), (None, 32));
        assert_eq!(pages.request_timeout, Duration::from_secs(30));
        assert_eq!(ComponentLimits::max_memory_mib(all, flags), 128);
    }

    #[test]
    fn what_is_no_limit_is_refused() {
        fn check(text: &str, expected: &str) {
            let error = text.parse::<ComponentLimit>().unwrap_err();
            assert!(error.contains(expected), "{text}: {error}");
        }
        check("gate", "write ID.NAME=VALUE");
        check("gate.max-requests", "write ID.NAME=VALUE");
        check(".max-requests=1", "write ID.NAME=VALUE");
        check("gate.max-request=1", "no limit `max-request`");
        check("gate.max-requests=0", "whole number");
        check("gate.max-requests=1000001", "whole number");
        check("gate.request-timeout=1", "ms, s, m or h");
    }
}
