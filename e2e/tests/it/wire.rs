//! The wire between an edge and the origin: everything goes through, and is written down.

use std::sync::{Arc, Mutex};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

pub struct Wire {
    /// What an edge takes for the origin.
    pub url: String,
    seen: Arc<Mutex<Vec<u8>>>,
    frozen: watch::Sender<bool>,
}

impl Wire {
    /// Before the origin at `host:port`; ends with the test's runtime.
    pub async fn to(origin: String) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let seen = Arc::new(Mutex::new(Vec::new()));
        let frozen = watch::Sender::new(false);
        let (noted, freeze) = (Arc::clone(&seen), frozen.subscribe());
        tokio::spawn(async move {
            while let Ok((edge, _)) = listener.accept().await {
                let Ok(origin) = TcpStream::connect(&origin).await else {
                    continue;
                };
                let (from_edge, to_edge) = edge.into_split();
                let (from_origin, to_origin) = origin.into_split();
                let note = Some(Arc::clone(&noted));
                tokio::spawn(copy(from_edge, to_origin, note, freeze.clone()));
                tokio::spawn(copy(from_origin, to_edge, None, freeze.clone()));
            }
        });
        Self { url, seen, frozen }
    }

    /// Lets nothing more through, without a word.
    pub fn freeze(&self) {
        self.frozen.send_replace(true);
    }

    /// The heads of shoppers' requests, in the order of their arrival; not what the edge asks for
    /// itself.
    pub fn requests(&self) -> Vec<String> {
        let seen = self.seen.lock().unwrap();
        let text = String::from_utf8_lossy(&seen).into_owned();
        let heads = text.split(" HTTP/1.1\r\n").collect::<Vec<_>>();
        let pairs = heads.windows(2).filter_map(|pair| {
            let line = pair[0].rsplit(['\n', '}']).next()?;
            let head = pair[1].split("\r\n\r\n").next()?;
            Some(format!("{line}\n{}", head.replace("\r\n", "\n")))
        });
        pairs.filter(|head| !head.contains(" /internal/")).collect()
    }
}

async fn copy(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    note: Option<Arc<Mutex<Vec<u8>>>>,
    mut frozen: watch::Receiver<bool>,
) {
    let mut buffer = [0; 16_384];
    loop {
        let read = tokio::select! {
            read = from.read(&mut buffer) => Some(read),
            _ = frozen.wait_for(|frozen| *frozen) => None,
        };
        let count = match read {
            None => std::future::pending().await,
            Some(Ok(count @ 1..)) => count,
            Some(_) => break,
        };
        if let Some(seen) = &note {
            seen.lock().unwrap().extend_from_slice(&buffer[..count]);
        }
        if to.write_all(&buffer[..count]).await.is_err() {
            break;
        }
    }
    // The end of one direction is that of the connection, as for a client that leaves.
    drop(to.shutdown().await);
}
