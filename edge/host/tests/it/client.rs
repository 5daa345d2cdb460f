//! The smallest client that tests need: HTTP/1.0, one request a connection, everything in sight.

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    time::Duration,
};

/// An answer.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    head: String,
    pub body: String,
}

impl Answer {
    /// The first header of this name.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers(name).next()
    }

    /// All headers of this name.
    pub fn headers(&self, name: &str) -> impl Iterator<Item = &str> {
        let pairs = self.head.lines().filter_map(|line| line.split_once(": "));
        pairs
            .filter(move |(key, _)| key.eq_ignore_ascii_case(name))
            .map(|(_, value)| value)
    }
}

/// Sends a GET.
pub fn get(address: SocketAddr, path: &str, headers: &[(&str, &str)]) -> Answer {
    request(address, "GET", path, headers, "")
}

/// Sends a request and reads the answer to the end of the connection.
pub fn request(
    address: SocketAddr,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &str,
) -> Answer {
    let host = address.to_string();
    let length = body.len().to_string();
    let length = ("content-length", length.as_str());
    let all = [("host", host.as_str()), length]
        .into_iter()
        .chain(headers.iter().copied());
    let headers: Vec<_> = all
        .map(|(name, value)| format!("{name}: {value}\r\n"))
        .collect();
    let text = format!("{method} {path} HTTP/1.0\r\n{}", headers.concat());
    let mut stream = connect(address);
    stream
        .write_all(format!("{text}\r\n{body}").as_bytes())
        .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").expect("an answer has a head");
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    Answer {
        status,
        head: head.replace("\r\n", "\n"),
        body: body.into(),
    }
}

/// A connection that does not wait for ever.
pub fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).unwrap();
    stream
        .set_read_timeout(Some(Duration::from_mins(1)))
        .unwrap();
    stream
}
