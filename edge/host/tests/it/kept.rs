//! A client that keeps its connection and reads one answer after the other.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpStream},
};

use crate::client::connect;

/// A kept connection.
pub struct Kept(BufReader<TcpStream>);

impl Kept {
    /// Opens it.
    pub fn open(address: SocketAddr) -> Self {
        Self(BufReader::new(connect(address)))
    }

    /// The status and the body of the answer to a GET; an error if the connection breaks.
    pub fn get(&mut self, path: &str) -> std::io::Result<(u16, String)> {
        self.send(path)?;
        self.answer()
    }

    /// Sends a GET.
    pub fn send(&mut self, path: &str) -> std::io::Result<()> {
        let request = format!("GET {path} HTTP/1.1\r\nhost: shop\r\n\r\n");
        self.0.get_mut().write_all(request.as_bytes())
    }

    /// Reads the next answer to its end.
    pub fn answer(&mut self) -> std::io::Result<(u16, String)> {
        let status = self.line()?.split(' ').nth(1).unwrap().parse().unwrap();
        let mut length = None;
        loop {
            let line = self.line()?.to_ascii_lowercase();
            if line.is_empty() {
                break;
            }
            if let Some(value) = line.strip_prefix("content-length: ") {
                length = Some(value.parse().unwrap());
            }
        }
        let mut body = Vec::new();
        if let Some(length) = length {
            self.read(length, &mut body)?;
        } else {
            loop {
                let size = usize::from_str_radix(&self.line()?, 16).unwrap();
                self.read(size, &mut body)?;
                self.line()?;
                if size == 0 {
                    break;
                }
            }
        }
        Ok((status, String::from_utf8(body).unwrap()))
    }

    fn line(&mut self) -> std::io::Result<String> {
        let mut line = String::new();
        if self.0.read_line(&mut line)? == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        Ok(line.trim_end().to_owned())
    }

    fn read(&mut self, length: usize, body: &mut Vec<u8>) -> std::io::Result<()> {
        let begun = body.len();
        body.resize(begun + length, 0);
        self.0.read_exact(&mut body[begun..])
    }
}
