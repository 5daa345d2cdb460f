//! A page as an edge serves it, to have the same bytes served by others.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::time::Duration;

use anyhow::{Context, ensure};

const TIMEOUT: Duration = Duration::from_secs(30);
/// What whoever serves the page says by itself.
const OWN: [&str; 5] = [
    "content-length",
    "date",
    "connection",
    "server",
    "cache-status",
];

/// A page.
pub struct Page {
    /// Names in lower case, without those that each server sets by itself.
    pub headers: Vec<(String, String)>,
    /// Its HTML.
    pub body: String,
}

impl Page {
    /// Asks the server at this port of 127.0.0.1.
    pub fn fetch(port: u16, path: &str) -> anyhow::Result<Self> {
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
        stream.set_read_timeout(Some(TIMEOUT))?;
        write!(
            stream,
            "GET {path} HTTP/1.1\r\nhost: 127.0.0.1:{port}\r\nconnection: close\r\n\r\n"
        )?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        ensure!(
            answer.starts_with("HTTP/1.1 200 "),
            "{path} is answered with {}",
            answer.lines().next().unwrap_or_default()
        );
        let (head, body) = answer.split_once("\r\n\r\n").context("no head")?;
        let pairs = head.lines().skip(1).filter_map(|line| line.split_once(':'));
        let headers = pairs
            .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
            .filter(|(name, _)| !OWN.contains(&name.as_str()))
            .collect();
        Ok(Self {
            headers,
            body: body.to_owned(),
        })
    }
}
