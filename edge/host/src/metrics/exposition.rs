//! All counters in Prometheus' text format.

use std::sync::{Arc, atomic::Ordering::Relaxed};

use prometheus::{
    TextEncoder,
    proto::{
        Bucket, Counter, Gauge, Histogram as Told, LabelPair, Metric, MetricFamily, MetricType,
    },
};

use super::{
    Metrics, Shard, connections,
    histogram::{CALL_BOUNDS_US, Histogram, REQUEST_BOUNDS_US, Total},
    process::Process,
    shard::{End, METHODS, Operation, STATUSES, Shed},
};

const PREFIX: &str = "doorbuster_edge_host_";

/// Families of metrics on their way out.
#[derive(Default)]
struct Page(Vec<MetricFamily>);

impl Metrics {
    /// All of them as text.
    pub fn text(&self) -> Result<String, prometheus::Error> {
        let mut page = Page::default();
        let components: Vec<_> = self.components().values().cloned().collect();
        page.requests(&components);
        page.instances(&components);
        page.calls(&components);
        page.connections();
        page.add(
            MetricType::COUNTER,
            "reloads_total",
            "Reloads of the app",
            [
                (vec![("result", "done")], self.reloads.load(Relaxed)),
                (
                    vec![("result", "failed")],
                    self.reloads_failed.load(Relaxed),
                ),
            ],
        );
        page.add(
            MetricType::COUNTER,
            "access_log_dropped_total",
            "Lines of the access log that could not be written in time",
            [(vec![], self.access_log_dropped.load(Relaxed))],
        );
        page.process();
        TextEncoder::new().encode_to_string(&page.0)
    }
}

type Components = [Arc<[Arc<Shard>]>];
type Labels<'a> = Vec<(&'static str, &'a str)>;

/// What a component's threads counted, added up.
fn total(shards: &[Arc<Shard>], count: impl Fn(&Shard) -> u64) -> u64 {
    shards.iter().map(|shard| count(shard)).sum()
}

fn id(shards: &[Arc<Shard>]) -> &str {
    shards.first().map_or("", |shard| &*shard.component)
}

impl Page {
    fn requests(&mut self, components: &Components) {
        let mut requests = Vec::new();
        for shards in components {
            for (method, method_name) in METHODS.iter().enumerate() {
                for (status, status_name) in STATUSES.iter().enumerate() {
                    let count = total(shards, |shard| shard.requests(method, status));
                    let labels = vec![
                        ("component", id(shards)),
                        ("method", *method_name),
                        ("status", *status_name),
                    ];
                    requests.push((labels, count));
                }
            }
        }
        self.add(
            MetricType::COUNTER,
            "requests_total",
            "Requests by component, method and status class",
            requests.into_iter().filter(|(_, count)| *count > 0),
        );
        self.each(
            components,
            MetricType::GAUGE,
            "requests_in_flight",
            "Requests that wait for the head of their component's answer",
            Shard::in_flight,
        );
        let latencies = components.iter().map(|shards| {
            let all = shards.iter().map(|shard| &shard.latency);
            (
                vec![("component", id(shards))],
                Histogram::sum(&REQUEST_BOUNDS_US, all),
            )
        });
        self.histograms(
            "request_duration_seconds",
            "From a request to the head of its answer",
            latencies,
        );
        let sheds = components.iter().flat_map(|shards| {
            Shed::ALL.iter().map(|(reason, name)| {
                let labels = vec![("component", id(shards)), ("reason", *name)];
                (labels, total(shards, |shard| shard.sheds(*reason)))
            })
        });
        self.add(
            MetricType::COUNTER,
            "requests_shed_total",
            "Requests answered with 503 because a limit was reached",
            sheds.filter(|(_, count)| *count > 0),
        );
    }

    fn instances(&mut self, components: &Components) {
        self.each(
            components,
            MetricType::COUNTER,
            "instances_made_total",
            "Instances made",
            Shard::instances_made,
        );
        self.each(
            components,
            MetricType::COUNTER,
            "instances_reused_total",
            "Requests served by an instance that had served others",
            Shard::instances_reused,
        );
        self.each(
            components,
            MetricType::GAUGE,
            "instances_live",
            "Instances there are",
            Shard::instances_live,
        );
        let ends = components.iter().flat_map(|shards| {
            End::ALL.iter().map(|(why, name)| {
                let labels = vec![("component", id(shards)), ("reason", *name)];
                (labels, total(shards, |shard| shard.instances_ended(*why)))
            })
        });
        self.add(
            MetricType::COUNTER,
            "instances_ended_total",
            "Instances ended, by reason",
            ends.filter(|(_, count)| *count > 0),
        );
    }

    fn calls(&mut self, components: &Components) {
        let calls = components.iter().flat_map(|shards| {
            Operation::ALL.iter().map(|(operation, interface, name)| {
                let all = shards.iter().map(|shard| &shard.calls[*operation as usize]);
                let labels = vec![
                    ("component", id(shards)),
                    ("interface", *interface),
                    ("operation", *name),
                ];
                (labels, Histogram::sum(&CALL_BOUNDS_US, all))
            })
        });
        self.histograms(
            "host_call_duration_seconds",
            "Calls of components to the host; of HTTP, to the head of the answer",
            calls.filter(|(_, sum)| sum.count() > 0),
        );
    }

    fn connections(&mut self) {
        let labels = |name| vec![("listener", name)];
        self.add(
            MetricType::COUNTER,
            "connections_opened_total",
            "Connections opened, by listener",
            connections::counts().map(|(name, opened, _)| (labels(name), opened)),
        );
        self.add(
            MetricType::GAUGE,
            "connections_open",
            "Open connections, by listener",
            connections::counts().map(|(name, _, open)| (labels(name), open)),
        );
        self.add(
            MetricType::COUNTER,
            "connections_refused_total",
            "Connections refused because their network has too many",
            [(vec![], connections::refused())],
        );
    }

    fn process(&mut self) {
        let Some(process) = Process::now() else {
            return;
        };
        self.add(
            MetricType::GAUGE,
            "resident_memory_bytes",
            "Memory of the process that is really there",
            [(vec![], process.resident_bytes)],
        );
        self.add(
            MetricType::GAUGE,
            "open_files",
            "Open file descriptors of the process",
            [(vec![], process.open_files)],
        );
        let mut metric = Metric::default();
        let mut counter = Counter::default();
        counter.set_value(float(process.cpu_ms) / 1e3);
        metric.set_counter(counter);
        self.family(
            MetricType::COUNTER,
            "cpu_seconds_total",
            "Time of processors, user and system",
            vec![metric],
        );
    }

    /// One number a component.
    fn each(
        &mut self,
        components: &Components,
        kind: MetricType,
        name: &str,
        help: &str,
        count: impl Fn(&Shard) -> u64 + Copy,
    ) {
        let values = components
            .iter()
            .map(|shards| (vec![("component", id(shards))], total(shards, count)));
        self.add(kind, name, help, values);
    }

    /// Counters or gauges.
    fn add<'a>(
        &mut self,
        kind: MetricType,
        name: &str,
        help: &str,
        values: impl IntoIterator<Item = (Labels<'a>, u64)>,
    ) {
        let values = values.into_iter().map(|(labels, value)| {
            let mut metric = labelled(labels);
            if kind == MetricType::GAUGE {
                let mut gauge = Gauge::default();
                gauge.set_value(float(value));
                metric.set_gauge(gauge);
            } else {
                let mut counter = Counter::default();
                counter.set_value(float(value));
                metric.set_counter(counter);
            }
            metric
        });
        self.family(kind, name, help, values.collect());
    }

    fn histograms<'a, const N: usize>(
        &mut self,
        name: &str,
        help: &str,
        values: impl Iterator<Item = (Labels<'a>, Total<N>)>,
    ) {
        let values = values.map(|(labels, sum)| {
            let mut below = 0;
            let buckets = sum.bounds_us.iter().zip(&sum.counts).map(|(bound, count)| {
                below += count;
                let mut bucket = Bucket::default();
                bucket.set_upper_bound(float(*bound) / 1e6);
                bucket.set_cumulative_count(below);
                bucket
            });
            let mut told = Told::default();
            told.set_bucket(buckets.collect());
            told.set_sample_count(sum.count());
            told.set_sample_sum(float(sum.sum_us) / 1e6);
            let mut metric = labelled(labels);
            metric.set_histogram(told);
            metric
        });
        self.family(MetricType::HISTOGRAM, name, help, values.collect());
    }

    /// The encoder refuses a family without a metric, so it is left out.
    fn family(&mut self, kind: MetricType, name: &str, help: &str, metrics: Vec<Metric>) {
        if metrics.is_empty() {
            return;
        }
        let mut family = MetricFamily::default();
        family.set_name(format!("{PREFIX}{name}"));
        family.set_help(help.into());
        family.set_field_type(kind);
        family.set_metric(metrics);
        self.0.push(family);
    }
}

fn labelled(labels: Labels<'_>) -> Metric {
    let pairs = labels.into_iter().map(|(name, value)| {
        let mut pair = LabelPair::default();
        pair.set_name(name.into());
        pair.set_value(value.into());
        pair
    });
    Metric::from_label(pairs.collect())
}

#[expect(
    clippy::cast_precision_loss,
    reason = "the format's numbers are floats, and counts stay far below 2^52"
)]
fn float(count: u64) -> f64 {
    count as f64
}
