//! A generator of load that costs little: requests that are already written, over connections that
//! are already open, one request at a time on each, as redis-benchmark does it.
//!
//! Invariant: the clock runs from the first request to the last answer, and every answer is read to
//! its end.

use anyhow::{Context, bail, ensure};
use futures::future::try_join_all;
use std::net::SocketAddr;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// An answer is smaller than this, or not one of ours.
const ANSWER_BYTES_MAX: usize = 64 * 1_024;
/// An answer that takes longer is none.
pub const ANSWER_TIMEOUT: Duration = Duration::from_secs(20);

/// What to send, and what may come back.
pub struct Plan<'a> {
    /// Complete requests.
    pub requests: &'a [Vec<u8>],
    /// How many to send: after the last of `requests` comes the first again.
    pub count: usize,
    /// How many of them are on their way at the same time, each on a connection of its own.
    pub connections: usize,
    /// The status of a right answer.
    pub expected: u16,
    /// The status of answers that are counted as shed; any other is an error.
    pub may_shed: &'a [u16],
}

/// What came back.
pub struct Load {
    /// From the first request to the last answer.
    pub time: Duration,
    /// How long each answer took, the shortest first.
    pub latencies: Vec<Duration>,
    /// Answers that were shed.
    pub shed: u32,
    /// The longest answer, head and body.
    pub bytes_max: usize,
}

impl Load {
    /// The latency that so many percent of the answers did not exceed, in milliseconds.
    pub fn percentile_ms(&self, percent: usize) -> f64 {
        let index = (self.latencies.len() * percent / 100).min(self.latencies.len() - 1);
        self.latencies[index].as_secs_f64() * 1_000.0
    }
}

/// Sends what is planned.
pub async fn send(address: SocketAddr, plan: &Plan<'_>) -> anyhow::Result<Load> {
    ensure!(
        !plan.requests.is_empty() && plan.count > 0,
        "nothing to send"
    );
    let connections = (0..plan.connections).map(|_| connect(address));
    let streams = try_join_all(connections).await?;
    let began = Instant::now();
    let shares = streams.into_iter().enumerate();
    let shares = shares.map(|(first, stream)| send_share(stream, plan, first));
    let answers: Vec<Answered> = try_join_all(shares).await?.concat();
    let time = began.elapsed();
    let shed = answers
        .iter()
        .filter(|answer| answer.status != plan.expected);
    let shed = shed.count();
    let bytes_max = answers.iter().map(|answer| answer.bytes).max();
    let mut latencies: Vec<Duration> = answers.iter().map(|answer| answer.latency).collect();
    latencies.sort_unstable();
    Ok(Load {
        time,
        latencies,
        shed: u32::try_from(shed)?,
        bytes_max: bytes_max.unwrap_or_default(),
    })
}

pub async fn connect(address: SocketAddr) -> anyhow::Result<TcpStream> {
    let stream = TcpStream::connect(address)
        .await
        .with_context(|| format!("cannot connect to {address}"))?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// One answer.
#[derive(Clone, Copy)]
struct Answered {
    latency: Duration,
    status: u16,
    bytes: usize,
}

/// Sends every request whose number is `first` and so many connections on.
async fn send_share(
    mut stream: TcpStream,
    plan: &Plan<'_>,
    first: usize,
) -> anyhow::Result<Vec<Answered>> {
    let mut buffer = Vec::with_capacity(4_096);
    let mut answers = Vec::new();
    for number in (first..plan.count).step_by(plan.connections) {
        let request = &plan.requests[number % plan.requests.len()];
        let began = Instant::now();
        stream.write_all(request).await?;
        let status = tokio::time::timeout(ANSWER_TIMEOUT, read(&mut stream, &mut buffer))
            .await
            .context("an answer took too long")??;
        if status != plan.expected && !plan.may_shed.contains(&status) {
            bail!(
                "a request was answered\n{}",
                String::from_utf8_lossy(&buffer)
            );
        }
        answers.push(Answered {
            latency: began.elapsed(),
            status,
            bytes: buffer.len(),
        });
    }
    Ok(answers)
}

/// Reads one answer into `buffer` and gives its status.
pub async fn read(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> anyhow::Result<u16> {
    buffer.clear();
    loop {
        if let Some(answer) = head(buffer)?
            && buffer.len() >= answer.length
        {
            return Ok(answer.status);
        }
        ensure!(buffer.len() < ANSWER_BYTES_MAX, "an answer is too long");
        let read = stream.read_buf(buffer).await?;
        ensure!(read > 0, "the connection was closed");
    }
}

#[derive(Debug, PartialEq, Eq)]
struct Answer {
    status: u16,
    /// Of head and body.
    length: usize,
}

/// What the head of an answer says; `None` if it is not yet complete.
fn head(bytes: &[u8]) -> anyhow::Result<Option<Answer>> {
    let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") else {
        return Ok(None);
    };
    let text = std::str::from_utf8(&bytes[..end]).context("a head that is no text")?;
    let mut lines = text.split("\r\n");
    let status = lines.next().and_then(|line| line.get(9..12));
    let status = status.context("no status")?.parse()?;
    let length = lines
        .filter_map(|line| line.split_once(':'))
        .find(|(name, _)| name.eq_ignore_ascii_case("content-length"))
        .context("an answer without content-length")?;
    let body: usize = length.1.trim().parse()?;
    Ok(Some(Answer {
        status,
        length: end + 4 + body,
    }))
}

#[cfg(test)]
mod tests {
    use super::{Answer, Load, head};
    use std::time::Duration;

    #[test]
    fn an_answer_ends_where_its_head_says() {
        let text = b"HTTP/1.1 202 Accepted\r\nContent-Length: 5\r\nx: y\r\n\r\nhello";
        let answer = Answer {
            status: 202,
            length: text.len(),
        };
        assert_eq!(head(text).unwrap(), Some(answer));
        assert_eq!(head(&text[..40]).unwrap(), None);
        assert!(head(b"HTTP/1.1 202 Accepted\r\n\r\n").is_err());
        assert!(head(b"nonsense\r\n\r\n").is_err());
    }

    #[test]
    fn a_percentile_is_one_of_the_latencies() {
        let load = Load {
            time: Duration::from_secs(1),
            latencies: (1..=200).map(Duration::from_millis).collect(),
            shed: 0,
            bytes_max: 0,
        };
        let check = |percent, expected: f64| {
            assert!(
                (load.percentile_ms(percent) - expected).abs() < 1e-9,
                "{percent}"
            );
        };
        check(50, 101.0);
        check(99, 199.0);
        check(100, 200.0);
    }
}
