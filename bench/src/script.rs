//! `lua/stock/place.lua` run by redis-benchmark: what Redis itself can do with the same script and
//! as many connections.
//!
//! Invariant: the calls are those of the origin. Nearly every one of them took its unit; a script
//! that only refuses would be fast and worth nothing.

use crate::measurement::Measurement;
use crate::processes::{Clock, Watched};
use crate::world::World;
use anyhow::{Context, bail, ensure};
use kernel::ids::SaleId;
use redis::Script;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

const PLACE: &str = include_str!("../../lua/stock/place.lua");
/// redis-benchmark puts 12 digits below this here, each time others.
pub const RANDOM: &str = "__rand_int__";
const RANDOM_BELOW: u32 = 2_000_000_000;
/// Ids drawn twice are few: of 20,000 among two thousand million, one in ten runs.
const LEFT_PER_CENT_MAX: u32 = 1;

#[derive(clap::Args)]
pub struct Arguments {
    /// Where redis-benchmark is.
    #[arg(long)]
    program: PathBuf,
    /// How often the script runs.
    #[arg(long)]
    requests: u32,
    /// Over how many connections.
    #[arg(long)]
    connections: usize,
    /// Whose CPU time counts: name=process id.
    #[arg(long = "process")]
    processes: Vec<Watched>,
}

/// Runs the script for each unit of a new sale.
pub async fn measure(world: &World, arguments: &Arguments) -> anyhow::Result<Vec<Measurement>> {
    let Arguments {
        program,
        requests,
        connections,
        processes,
    } = arguments;
    let requests = *requests;
    let sale = world.sale(requests).await?;
    let mut connection = world.stores.stock.connection();
    let script = Script::new(PLACE);
    let hash = script.prepare_invoke().load_async(&mut connection).await?;
    let server: Option<String> = redis::cmd("HGET")
        .arg(keys(sale)[0].as_str())
        .arg("server")
        .query_async(&mut connection)
        .await?;
    let server = server.context("the sale was counted on no server")?;

    let call = call(&hash, sale, &server);
    let clock = Clock::start(processes, "generator")?;
    let rate = redis_benchmark(program, &world.redis_url, requests, *connections, &call)?;
    let cpu = clock.stop(requests, "µs/order")?;
    let left = world.available(sale).await?;
    ensure!(
        left <= requests * LEFT_PER_CENT_MAX / 100,
        "redis-benchmark took {} of {requests} units only",
        requests - left
    );
    let mut measured = vec![Measurement::new("rate", rate, "orders/s")];
    measured.extend(cpu);
    Ok(measured)
}

/// Makes `requests` calls over so many connections, each with other digits for every [`RANDOM`] in
/// it, and gives their rate in calls a second.
pub fn redis_benchmark(
    program: &Path,
    url: &str,
    requests: u32,
    connections: usize,
    call: &[String],
) -> anyhow::Result<f64> {
    let mut command = Command::new(program);
    command.args(["-u", url, "--csv"]);
    command.args(["-n", &requests.to_string(), "-c", &connections.to_string()]);
    command.args(["-r", &RANDOM_BELOW.to_string()]);
    let output = command
        .args(call)
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("cannot run {}", program.display()))?;
    let text = String::from_utf8_lossy(&output.stdout);
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        bail!("redis-benchmark failed ({}): {said}{text}", output.status);
    }
    rate(&text).with_context(|| format!("redis-benchmark said {text}"))
}

/// The script's keys, in the order of its header.
fn keys(sale: SaleId) -> [String; 5] {
    ["", ":slots", ":held", ":accounts", ":undecided"].map(|part| format!("sale:{{{sale}}}{part}"))
}

/// The call as the script's header has it: keys; server, order, account, units, lease.
fn call(hash: &str, sale: SaleId, server: &str) -> Vec<String> {
    let keys = keys(sale);
    let mut words = vec![
        "EVALSHA".to_owned(),
        hash.to_owned(),
        keys.len().to_string(),
    ];
    words.extend(keys);
    words.extend([server, RANDOM, RANDOM, "1", "1"].map(str::to_owned));
    words
}

/// Requests a second, the second column behind the heading.
fn rate(csv: &str) -> Option<f64> {
    let line = csv.lines().nth(1)?;
    line.split("\",\"").nth(1)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::rate;

    #[test]
    fn the_rate_is_the_second_column() {
        let heading = r#""test","rps","avg_latency_ms","min_latency_ms""#;
        let csv = format!("{heading}\n\"EVALSHA a 5 b\",\"31250.00\",\"1.5\",\"0.2\"\n");
        assert!(rate(&csv).is_some_and(|rate| (rate - 31_250.0).abs() < 1e-9));
        assert_eq!(rate(heading), None);
    }
}
