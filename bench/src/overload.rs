//! Overload: how many orders a second are taken in time while more and more shoppers come.
//!
//! Invariant: a shopper has one order on its way, and comes back with it as late as `Retry-After` says;
//! every answer but 202 and 503 is an error. What is counted as good came within the deadline.

use crate::load::{ANSWER_TIMEOUT, connect, read};
use crate::measurement::{Measurement, per_second};
use crate::processes::{Clock, Watched};
use crate::requests::{buyers, render};
use crate::world::World;
use anyhow::{Context, bail, ensure};
use clap::ValueEnum;
use futures::future::try_join_all;
use kernel::flow::RuleSet;
use origin::flow::apply;
use origin::ledger::Actor;
use std::cell::Cell;
use std::time::{Duration, Instant};
use tokio::io::AsyncWriteExt;

/// A shopper who waits longer has gone.
const DEADLINE: Duration = Duration::from_secs(1);
/// The rules act two seconds after they were written; ten times that on a machine that is busy.
const RULES_DEADLINE: Duration = Duration::from_secs(20);
const RULES_POLL: Duration = Duration::from_millis(100);

#[derive(clap::Args)]
pub struct Arguments {
    /// How many come at the same time.
    #[arg(long)]
    shoppers: usize,
    /// For how many seconds they place orders, one after the other.
    #[arg(long)]
    seconds: u64,
    /// Orders there are at most; the measurement fails if they run out.
    #[arg(long)]
    orders: u32,
    /// The rules of flow control.
    #[arg(long)]
    rules: Rules,
    /// Whose CPU time counts: name=process id.
    #[arg(long = "process")]
    processes: Vec<Watched>,
}

/// Which rules act.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Rules {
    /// Those that are shipped.
    Shipped,
    /// None.
    None,
}

/// One answer.
#[derive(Clone, Copy)]
struct Answered {
    latency: Duration,
    taken: bool,
}

/// What the shoppers share: they run on one thread.
struct Shop<'a> {
    world: &'a World,
    requests: &'a [Vec<u8>],
    next: Cell<usize>,
    end: Instant,
}

/// Has so many shoppers place orders, and counts those that are taken in time.
pub async fn measure(world: &World, arguments: &Arguments) -> anyhow::Result<Vec<Measurement>> {
    act(world, arguments.rules).await?;
    let sale = world.sale(arguments.orders).await?;
    let buyers = buyers(world, sale, arguments.orders).await?;
    let requests: Vec<Vec<u8>> = buyers
        .iter()
        .map(|buyer| render(world, sale, buyer))
        .collect::<anyhow::Result<_>>()?;
    let streams = (0..arguments.shoppers).map(|_| connect(world.edge));
    let streams = try_join_all(streams).await?;

    let clock = Clock::start(&arguments.processes, "generator")?;
    let began = Instant::now();
    let shop = Shop {
        world,
        requests: &requests,
        next: Cell::new(0),
        end: began + Duration::from_secs(arguments.seconds),
    };
    let shoppers = streams.into_iter().map(|stream| shop.serve(stream));
    let answers: Vec<Answered> = try_join_all(shoppers).await?.concat();
    let time = began.elapsed();
    let used = shop.next.get();
    ensure!(
        used <= requests.len(),
        "the orders ran out: ask for more than {used}"
    );

    let mut taken: Vec<Duration> = answers
        .iter()
        .filter(|answer| answer.taken)
        .map(|answer| answer.latency)
        .collect();
    taken.sort_unstable();
    ensure!(!taken.is_empty(), "no order was taken");
    let good = taken.partition_point(|latency| *latency <= DEADLINE);
    let percentile = |percent: usize| {
        let index = (taken.len() * percent / 100).min(taken.len() - 1);
        taken[index].as_secs_f64() * 1_000.0
    };
    let count = |number: usize| u32::try_from(number).context("too many answers");
    let shed = count(answers.len() - taken.len())?;
    let mut measured = vec![
        Measurement::new("rate", per_second(count(good)?, time), "orders/s"),
        Measurement::new("latency-p50", percentile(50), "ms"),
        Measurement::new("latency-p99", percentile(99), "ms"),
        Measurement::new("late", f64::from(count(taken.len() - good)?), "orders"),
        Measurement::new("shed", per_second(shed, time), "answers/s"),
    ];
    measured.extend(clock.stop(count(taken.len())?, "µs/order")?);
    Ok(measured)
}

impl Shop<'_> {
    /// Places one order after the other until the end.
    async fn serve(&self, mut stream: tokio::net::TcpStream) -> anyhow::Result<Vec<Answered>> {
        let mut buffer = Vec::with_capacity(4_096);
        let mut answers = Vec::new();
        while Instant::now() < self.end {
            let number = self.next.get();
            self.next.set(number + 1);
            let Some(request) = self.requests.get(number) else {
                break;
            };
            loop {
                // Patience begins anew with each try: nothing was promised before.
                let arrived = Instant::now();
                stream.write_all(request).await?;
                let status = tokio::time::timeout(ANSWER_TIMEOUT, read(&mut stream, &mut buffer));
                let status = status.await.context("an answer took too long")??;
                let latency = arrived.elapsed();
                match status {
                    202 => answers.push(Answered {
                        latency,
                        taken: true,
                    }),
                    503 => {
                        answers.push(Answered {
                            latency,
                            taken: false,
                        });
                        let wait = retry_after(&buffer)?;
                        if Instant::now() + wait >= self.end {
                            return Ok(answers);
                        }
                        tokio::time::sleep(wait).await;
                        continue;
                    }
                    _ => bail!(
                        "{} answered\n{}",
                        self.world.edge,
                        String::from_utf8_lossy(&buffer)
                    ),
                }
                break;
            }
        }
        Ok(answers)
    }
}

fn retry_after(answer: &[u8]) -> anyhow::Result<Duration> {
    let text = String::from_utf8_lossy(answer);
    let mut fields = text.lines().filter_map(|line| line.split_once(':'));
    let field = fields.find(|(name, _)| name.eq_ignore_ascii_case("retry-after"));
    let (_, seconds) = field.context("503 without Retry-After")?;
    Ok(Duration::from_secs(seconds.trim().parse()?))
}

/// Writes the rules and waits until every origin that lives applies them.
async fn act(world: &World, rules: Rules) -> anyhow::Result<()> {
    let set = match rules {
        Rules::Shipped => RuleSet::shipped(),
        Rules::None => RuleSet::default(),
    };
    let ledger = &world.stores.ledger;
    let actor = Actor("shell:bench".to_owned());
    let version = apply(ledger, &actor, &set, "a benchmark").await?;
    let began = Instant::now();
    loop {
        let origins = ledger.origins().await?;
        let mut live = origins.iter().filter(|origin| origin.live).peekable();
        if live.peek().is_some() && live.all(|origin| origin.beat.applied == version) {
            return Ok(());
        }
        ensure!(
            began.elapsed() < RULES_DEADLINE,
            "the origin does not apply the rules"
        );
        tokio::time::sleep(RULES_POLL).await;
    }
}

#[cfg(test)]
mod tests {
    use super::retry_after;
    use std::time::Duration;

    #[test]
    fn a_shopper_comes_back_when_told() {
        let text = b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 3\r\n\r\n";
        assert_eq!(retry_after(text).unwrap(), Duration::from_secs(3));
        assert!(retry_after(b"HTTP/1.1 503 x\r\n\r\n").is_err());
    }
}
