//! How a server shows that it really answers, and that it is the one we started.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::time::Duration;

const TIMEOUT: Duration = Duration::from_secs(2);
const ANSWER_BYTES_MAX: u64 = 65_536;

/// What a server must say before others may use it.
#[derive(Debug, Clone)]
pub enum Ready {
    /// `INFO` names the process we started; a Redis that still loads its data says so instead.
    Redis,
    /// The greeting carries the name we gave it, and `PING` is answered.
    Nats {
        /// As in its configuration.
        server_name: String,
    },
    /// It greets; MySQL does that only after its init file ran.
    Mysql,
    /// 200 for a GET of this path.
    Http {
        /// With its first slash.
        path: &'static str,
    },
}

impl Ready {
    /// Asks once. An error means no as well.
    pub fn ask(&self, port: u16, process_id: u32) -> io::Result<bool> {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let stream = TcpStream::connect_timeout(&address, TIMEOUT)?;
        stream.set_read_timeout(Some(TIMEOUT))?;
        stream.set_write_timeout(Some(TIMEOUT))?;
        match self {
            Self::Redis => redis(stream, process_id),
            Self::Nats { server_name } => nats(stream, server_name),
            Self::Mysql => mysql(stream),
            Self::Http { path } => http(stream, path),
        }
    }
}

fn redis(mut stream: TcpStream, process_id: u32) -> io::Result<bool> {
    stream.write_all(b"INFO server\r\nQUIT\r\n")?;
    let answer = read(stream)?;
    Ok(answer
        .lines()
        .any(|line| line == format!("process_id:{process_id}")))
}

fn nats(mut stream: TcpStream, server_name: &str) -> io::Result<bool> {
    let mut greeting = String::new();
    BufReader::new((&stream).take(ANSWER_BYTES_MAX)).read_line(&mut greeting)?;
    if !greeting.contains(&format!("\"server_name\":\"{server_name}\"")) {
        return Ok(false);
    }
    stream.write_all(b"CONNECT {\"verbose\":false}\r\nPING\r\n")?;
    let mut answer = String::new();
    BufReader::new((&stream).take(ANSWER_BYTES_MAX)).read_line(&mut answer)?;
    Ok(answer.starts_with("PONG"))
}

/// A packet: three bytes of length, one of sequence, then the protocol version, 10.
fn mysql(mut stream: TcpStream) -> io::Result<bool> {
    let mut greeting = [0; 5];
    stream.read_exact(&mut greeting)?;
    Ok(greeting[4] == 10)
}

fn http(mut stream: TcpStream, path: &str) -> io::Result<bool> {
    let request = format!("GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes())?;
    // `HTTP/1.1 200 OK`
    Ok(read(stream)?.split(' ').nth(1) == Some("200"))
}

fn read(stream: TcpStream) -> io::Result<String> {
    let mut answer = Vec::new();
    stream.take(ANSWER_BYTES_MAX).read_to_end(&mut answer)?;
    Ok(String::from_utf8_lossy(&answer).into_owned())
}
