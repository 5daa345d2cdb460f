//! The script that gives tokens, run by redis-benchmark: what the PoP's Redis itself can do with it
//! over as many connections.
//!
//! Invariant: the call is one that the gate was seen to make, with other accounts and nonces; what
//! it answers after the measurement is what it answered before, so that every call gave a token.

use super::{Arguments, shoppers, warm_up};
use crate::load::{self, Plan};
use crate::measurement::Measurement;
use crate::processes::Clock;
use crate::script::{RANDOM, redis_benchmark};
use crate::world::World;
use anyhow::{Context, ensure};
use kernel::ids::SaleId;
use redis::aio::MultiplexedConnection;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;

/// A token is asked for and seen in Redis within this.
const SEEN_WITHIN: Duration = Duration::from_secs(5);
/// More than any run asks for: what the script does does not depend on how much is left of these.
const PLENTY: u64 = 1_000_000_000;
/// Slots of the lease in hand, and arrivals that the origin was told of, where the script finds them.
const RAISED: [(&str, &str); 2] = [("lease", "count"), ("lobby", "reported")];

/// Runs the script for as many accounts as there are requests.
pub async fn measure(world: &World, arguments: &Arguments) -> anyhow::Result<Vec<Measurement>> {
    let sale = world.sale(arguments.requests).await?;
    warm_up(world, arguments, sale).await?;
    let call = seen(world, arguments, sale).await?;
    let client = redis::Client::open(arguments.pop_redis.as_str())?;
    let mut redis = client.get_multiplexed_async_connection().await?;
    for (key, field) in RAISED {
        let key = format!("gate:{{{sale}}}:{key}");
        ensure!(call.contains(&key), "the script has no key {key}");
        let mut raise = redis::cmd("HSET");
        raise.arg(&key).arg(field).arg(PLENTY);
        raise.exec_async(&mut redis).await?;
    }

    let before = word(&mut redis, &call, 1).await?;
    let clock = Clock::start(&arguments.processes, "generator")?;
    let rate = redis_benchmark(
        &arguments.program,
        &arguments.pop_redis,
        arguments.requests,
        arguments.connections,
        &call,
    )?;
    let cpu = clock.stop(arguments.requests, "µs/request")?;
    let after = word(&mut redis, &call, 2).await?;
    ensure!(
        before == after && before == "granted",
        "the script said {before} before and {after} in the end"
    );
    let mut measured = vec![Measurement::new("rate", rate, "requests/s")];
    measured.extend(cpu);
    Ok(measured)
}

/// The call by which the gate gives somebody a token, with a random account and nonce instead.
async fn seen(world: &World, arguments: &Arguments, sale: SaleId) -> anyhow::Result<Vec<String>> {
    let address = arguments.pop_redis.strip_prefix("redis://");
    let address = address.context("the PoP's Redis is not at redis://host:port")?;
    let mut monitor = BufReader::new(TcpStream::connect(address).await?);
    monitor.write_all(b"MONITOR\r\n").await?;
    let mut line = String::new();
    monitor.read_line(&mut line).await?;
    ensure!(line.starts_with("+OK"), "MONITOR is refused: {line}");

    let asking = shoppers::asking(world, arguments.edge, sale, 1).await?;
    let asker = asking.into_iter().next().context("nobody asks")?;
    let plan = Plan {
        requests: std::slice::from_ref(&asker.request),
        count: 1,
        connections: 1,
        expected: 201,
        may_shed: &[],
    };
    load::send(arguments.edge, &plan).await?;
    let found = tokio::time::timeout(SEEN_WITHIN, async {
        loop {
            line.clear();
            ensure!(monitor.read_line(&mut line).await? > 0, "MONITOR ended");
            let words = words(&line);
            let is_call = words.first().is_some_and(|word| word == "EVALSHA");
            if is_call && line.contains(&asker.nonce) {
                return Ok(words);
            }
        }
    });
    let call = found.await.context("the gate ran no script")??;
    let account = asker.account.to_string();
    let nonce = format!("{RANDOM}{RANDOM}");
    let random = |word: String| word.replace(&account, RANDOM).replace(&asker.nonce, &nonce);
    Ok(call.into_iter().map(random).collect())
}

/// What the script answers first, with an account and a nonce that redis-benchmark never draws.
async fn word(
    redis: &mut MultiplexedConnection,
    call: &[String],
    number: u32,
) -> anyhow::Result<String> {
    let own = format!("own-{number}");
    let mut words = call.iter().map(|word| word.replace(RANDOM, &own));
    let mut command = redis::cmd(&words.next().context("an empty call")?);
    for word in words {
        command.arg(word);
    }
    let reply: Vec<redis::Value> = command.query_async(redis).await?;
    let first = reply.into_iter().next().context("an empty reply")?;
    Ok(redis::from_redis_value(first)?)
}

/// The words of a line of MONITOR: `time [db address] "word" "word"`, with `\"` and `\\`.
fn words(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut characters = line.chars();
    while let Some(character) = characters.next() {
        word = match (word, character) {
            (None, '"') => Some(String::new()),
            (None, _) => None,
            (Some(word), '"') => {
                words.push(word);
                None
            }
            (Some(mut word), '\\') => {
                word.extend(characters.next());
                Some(word)
            }
            (Some(mut word), character) => {
                word.push(character);
                Some(word)
            }
        };
    }
    words
}

#[cfg(test)]
mod tests {
    use super::words;

    #[test]
    fn a_line_of_monitor_is_read() {
        let line = r#"+1339518083.107412 [0 127.0.0.1:60866] "EVALSHA" "ab" "2" "a:{5}:\"b\\" """#;
        assert_eq!(words(line), ["EVALSHA", "ab", "2", "a:{5}:\"b\\", ""]);
        assert!(words("+OK").is_empty());
    }
}
