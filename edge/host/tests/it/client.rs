//! The smallest client that tests need: HTTP/1.0, one request a connection, everything in sight.

use std::{
    io::{ErrorKind, Read, Write},
    net::{SocketAddr, TcpStream},
    time::Duration,
};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

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

/// Sends bytes as they are and reads until the other side closes, which it must do soon: less than
/// its limit of idle connections by default.
pub fn converse(address: SocketAddr, bytes: &[u8]) -> String {
    let mut stream = connect(address);
    let soon = Duration::from_secs(30);
    stream.set_read_timeout(Some(soon)).unwrap();
    // It may be closed before all was sent.
    drop(stream.write_all(bytes));
    let mut answer = Vec::new();
    if let Err(error) = stream.read_to_end(&mut answer) {
        let begun = String::from_utf8_lossy(bytes);
        assert_eq!(error.kind(), ErrorKind::ConnectionReset, "{begun}");
    }
    String::from_utf8_lossy(&answer).into_owned()
}

/// What is in chunks, if they are whole.
pub fn unchunked(mut chunks: &str) -> Option<String> {
    let mut text = String::new();
    loop {
        let (size, rest) = chunks.split_once("\r\n")?;
        let size = usize::from_str_radix(size, 16).unwrap();
        text += rest.get(..size)?;
        chunks = rest.get(size + 2..)?;
        if size == 0 {
            return Some(text);
        }
    }
}

/// Has this process open as many files as the system allows.
pub fn open_many_files() {
    let maximum = getrlimit(Resource::Nofile).maximum;
    let limit = Rlimit {
        current: maximum,
        maximum,
    };
    setrlimit(Resource::Nofile, limit).unwrap();
}

/// A connection that does not wait for ever.
pub fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).unwrap();
    stream
        .set_read_timeout(Some(Duration::from_mins(1)))
        .unwrap();
    stream
}
