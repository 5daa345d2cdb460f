//! HTTP/2 as bytes, for what no decent client sends, and a decent client.

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
};

use bytes::Bytes;
use http_body_util::{BodyExt, Empty};
use hyper::{
    Request,
    client::conn::http2::{SendRequest, handshake},
};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::task::JoinHandle;

use crate::client::connect;

/// Kinds of frames.
pub const HEADERS: u8 = 1;
pub const RST_STREAM: u8 = 3;
pub const GOAWAY: u8 = 7;
/// The flags of a request that is a HEADERS frame alone.
pub const WHOLE: u8 = 5;
/// Codes of errors.
pub const PROTOCOL_ERROR: u32 = 1;
pub const ENHANCE_YOUR_CALM: u32 = 11;

/// A frame that came.
#[derive(Debug)]
pub struct Frame {
    pub kind: u8,
    pub payload: Vec<u8>,
}

impl Frame {
    /// The code of a GOAWAY or RST_STREAM.
    pub fn code(&self) -> u32 {
        let at = if self.kind == GOAWAY { 4 } else { 0 };
        u32::from_be_bytes(self.payload[at..at + 4].try_into().unwrap())
    }
}

/// A connection without TLS that has sent its preface and its settings.
pub fn open(address: SocketAddr) -> TcpStream {
    let mut stream = connect(address);
    stream
        .write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
        .unwrap();
    stream.write_all(&frame(4, 0, 0, &[])).unwrap();
    stream
}

/// A frame to send.
pub fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    let head = [&length[1..], &[kind, flags], &stream.to_be_bytes()];
    [&head.concat(), payload].concat()
}

/// A GET with further headers, as a header block.
pub fn get(path: &str, headers: &[(&str, &str)]) -> Vec<u8> {
    let pseudo = [
        (":method", "GET"),
        (":scheme", "http"),
        (":authority", "x"),
        (":path", path),
    ];
    let fields = pseudo.iter().chain(headers).map(|(name, value)| {
        // A literal without indexing and without Huffman's code.
        let text = |text: &str| [&[u8::try_from(text.len()).unwrap()], text.as_bytes()].concat();
        [vec![0], text(name), text(value)].concat()
    });
    fields.collect::<Vec<_>>().concat()
}

/// Reads frames up to one of these kinds.
pub fn read_until(stream: &mut TcpStream, kinds: &[u8]) -> Frame {
    loop {
        let mut head = [0; 9];
        stream.read_exact(&mut head).unwrap();
        let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
        let mut payload = vec![0; length as usize];
        stream.read_exact(&mut payload).unwrap();
        if kinds.contains(&head[3]) {
            return Frame {
                kind: head[3],
                payload,
            };
        }
    }
}

/// A client of one connection, and the connection's end.
pub struct Client {
    sender: SendRequest<Empty<Bytes>>,
    pub connection: JoinHandle<hyper::Result<()>>,
    origin: String,
}

impl Client {
    /// On a connection that is open; `origin` is what its URLs begin with.
    pub async fn new<T>(stream: T, origin: &str) -> Self
    where
        T: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send + 'static,
    {
        let (sender, connection) = handshake(TokioExecutor::new(), TokioIo::new(stream))
            .await
            .unwrap();
        Self {
            sender,
            connection: tokio::spawn(connection),
            origin: origin.into(),
        }
    }

    /// Gives the probe a command: the status and the answer.
    pub fn probe(
        &self,
        command: &str,
        headers: &[(&str, &str)],
    ) -> impl Future<Output = hyper::Result<(u16, String)>> + Send + use<> {
        let mut request = Request::get(format!("{}/probe/x/{command}", self.origin));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let mut sender = self.sender.clone();
        async move {
            sender.ready().await?;
            let response = sender
                .send_request(request.body(Empty::new()).unwrap())
                .await?;
            let status = response.status().as_u16();
            let body = response.into_body().collect().await?.to_bytes();
            Ok((status, String::from_utf8_lossy(&body).into_owned()))
        }
    }
}

/// Runs a test that waits for several things at once.
pub fn run<T>(test: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread();
    { runtime }.enable_all().build().unwrap().block_on(test)
}
