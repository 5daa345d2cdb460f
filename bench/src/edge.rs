//! Pages by wrk: how many a second, how late, and what they cost who serves them.
//!
//! Invariant: every answer was 2xx and every connection held; else there is no figure.

use crate::measurement::Measurement;
use crate::processes::{Clock, Watched, memory_peaks};
use anyhow::{Context, bail, ensure};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// An answer that takes longer is none.
const FIRST_WITHIN: Duration = Duration::from_secs(30);

#[derive(clap::Args)]
pub struct Arguments {
    /// Where wrk is.
    #[arg(long, default_value = "wrk")]
    program: PathBuf,
    /// What to ask for.
    #[arg(long)]
    url: String,
    /// For so long.
    #[arg(long)]
    seconds: u32,
    /// Over how many connections.
    #[arg(long)]
    connections: u32,
    /// By how many threads.
    #[arg(long)]
    threads: u32,
    /// Ask so long before the clock starts, so that instances are there; what is refused then is no
    /// fault.
    #[arg(long, default_value_t = 0)]
    warm_up_seconds: u32,
    /// Whose CPU time and memory count: name=process id.
    #[arg(long = "process")]
    processes: Vec<Watched>,
}

#[derive(clap::Args)]
pub struct First {
    /// Who is asked.
    #[arg(long)]
    server: SocketAddr,
    /// For what.
    #[arg(long)]
    path: String,
}

/// Has wrk ask for the page as fast as it is answered.
pub fn measure(arguments: &Arguments) -> anyhow::Result<Vec<Measurement>> {
    let Arguments {
        url,
        seconds,
        warm_up_seconds,
        processes,
        ..
    } = arguments;
    if *warm_up_seconds > 0 {
        wrk(arguments, *warm_up_seconds)?;
    }
    let clock = Clock::start(processes, "wrk")?;
    let text = wrk(arguments, *seconds)?;
    let report = Report::read(&text).with_context(|| format!("wrk said {text}"))?;
    if let Some(line) = report.wrong {
        bail!("{url}: {line}");
    }
    let mut measured = vec![
        Measurement::new("rate", report.rate, "requests/s"),
        Measurement::new("latency-p50", report.p50_ms, "ms"),
        Measurement::new("latency-p99", report.p99_ms, "ms"),
    ];
    measured.extend(clock.stop(report.requests, "µs/request")?);
    measured.extend(memory_peaks(processes)?);
    Ok(measured)
}

/// What wrk says after so long.
fn wrk(arguments: &Arguments, seconds: u32) -> anyhow::Result<String> {
    let Arguments {
        program,
        url,
        connections,
        threads,
        ..
    } = arguments;
    let output = Command::new(program)
        .args(["--latency", "--timeout", "10s"])
        .arg(format!("-d{seconds}s"))
        .arg(format!("-c{connections}"))
        .arg(format!("-t{threads}"))
        .arg(url)
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("cannot run {}", program.display()))?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    ensure!(output.status.success(), "wrk failed: {text}");
    Ok(text)
}

/// The time from connecting to the end of one answer.
pub fn first(arguments: &First) -> anyhow::Result<Vec<Measurement>> {
    let began = Instant::now();
    let mut stream = TcpStream::connect(arguments.server)?;
    stream.set_read_timeout(Some(FIRST_WITHIN))?;
    let First { server, path } = arguments;
    write!(
        stream,
        "GET {path} HTTP/1.1\r\nhost: {server}\r\nconnection: close\r\n\r\n"
    )?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    let time = began.elapsed();
    ensure!(
        answer.starts_with(b"HTTP/1.1 200 "),
        "{path}: {}",
        String::from_utf8_lossy(&answer)
    );
    let ms = time.as_secs_f64() * 1_000.0;
    Ok(vec![Measurement::new("first", ms, "ms")])
}

/// What wrk found.
#[derive(Debug, PartialEq)]
struct Report<'a> {
    requests: u32,
    rate: f64,
    p50_ms: f64,
    p99_ms: f64,
    /// The line that tells of failures, if there is one.
    wrong: Option<&'a str>,
}

impl<'a> Report<'a> {
    fn read(text: &'a str) -> Option<Self> {
        let value = |start: &str| {
            let mut lines = text.lines().map(str::trim);
            lines
                .find_map(|line| line.strip_prefix(start))
                .map(str::trim)
        };
        let mut lines = text.lines().map(str::trim);
        let requests = lines.find_map(|line| line.split_once(" requests in "))?.0;
        let mut lines = text.lines().map(str::trim);
        let wrong = |line: &&str| {
            line.starts_with("Socket errors:") || line.starts_with("Non-2xx or 3xx responses:")
        };
        Some(Self {
            requests: requests.parse().ok()?,
            rate: value("Requests/sec:")?.parse().ok()?,
            p50_ms: milliseconds(value("50%")?)?,
            p99_ms: milliseconds(value("99%")?)?,
            wrong: lines.find(wrong),
        })
    }
}

/// `850.00us`, `1.23ms` or `2.00s`.
fn milliseconds(text: &str) -> Option<f64> {
    let digits = text.find(|c: char| c.is_ascii_alphabetic())?;
    let (number, unit) = text.split_at(digits);
    let each = match unit {
        "us" => 0.001,
        "ms" => 1.0,
        "s" => 1_000.0,
        "m" => 60_000.0,
        _ => return None,
    };
    number.parse::<f64>().ok().map(|number| number * each)
}

#[cfg(test)]
mod tests {
    use super::Report;

    const SAID: &str = "\
Running 1s test @ http://127.0.0.1:1/
  2 threads and 64 connections
  Thread Stats   Avg      Stdev     Max   +/- Stdev
    Latency     1.05ms    0.85ms  12.00ms   90.00%
  Latency Distribution
     50%  850.00us
     75%    1.20ms
     90%    2.00ms
     99%    4.10ms
  61234 requests in 1.00s, 300.00MB read
Requests/sec:  61000.12
Transfer/sec:    299.00MB
";

    #[test]
    fn a_report_of_wrk_is_read() {
        let report = Report::read(SAID).unwrap();
        assert_eq!((report.requests, report.wrong), (61_234, None));
        assert!((report.rate - 61_000.12).abs() < 1e-9, "{report:?}");
        assert!((report.p50_ms - 0.85).abs() < 1e-9, "{report:?}");
        assert!((report.p99_ms - 4.1).abs() < 1e-9, "{report:?}");
    }

    #[test]
    fn failures_are_seen() {
        for line in [
            "Socket errors: connect 0, read 1, write 0, timeout 0",
            "Non-2xx or 3xx responses: 5",
        ] {
            let text = SAID.replace("Requests/sec", &format!("{line}\nRequests/sec"));
            assert_eq!(Report::read(&text).unwrap().wrong, Some(line));
        }
        assert_eq!(Report::read("unable to connect"), None);
    }
}
