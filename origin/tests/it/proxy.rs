//! A proxy before a store, by which a test takes the store away from one world alone.

use std::sync::{Arc, Mutex};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// What becomes of what is sent to the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// It gets there, and answers come back.
    Open,
    /// It is taken, and nothing ever comes back.
    BlackHole,
    /// Connections are closed, the standing and the new ones.
    Closed,
}

pub struct Proxy {
    url: String,
    way: watch::Sender<Way>,
    seen: Arc<Mutex<Seen>>,
}

#[derive(Default)]
struct Seen {
    connections: usize,
    swallowed: Vec<u8>,
}

impl Proxy {
    /// A proxy before the store at `scheme://[user:password@]host:port`.
    pub async fn before(url: &str) -> Self {
        let (prefix, store) = url.rsplit_once(['/', '@']).unwrap();
        let store = store.to_owned();
        let joint = &url[prefix.len()..=prefix.len()];
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (way, watched) = watch::channel(Way::Open);
        let seen = Arc::new(Mutex::new(Seen::default()));
        let noted = seen.clone();
        tokio::spawn(async move {
            loop {
                let (client, _) = listener.accept().await.unwrap();
                noted.lock().unwrap().connections += 1;
                tokio::spawn(carry(client, store.clone(), watched.clone(), noted.clone()));
            }
        });
        Self {
            url: format!("{prefix}{joint}{address}"),
            way,
            seen,
        }
    }

    pub fn url(&self) -> String {
        self.url.clone()
    }

    /// From now on; what was swallowed so far is forgotten.
    pub fn set(&self, way: Way) {
        self.seen.lock().unwrap().swallowed.clear();
        self.way.send_replace(way);
    }

    /// Connections made so far.
    pub fn connections(&self) -> usize {
        self.seen.lock().unwrap().connections
    }

    /// How often the black hole has swallowed this text.
    pub fn swallowed(&self, text: &str) -> usize {
        let seen = self.seen.lock().unwrap();
        let windows = seen.swallowed.windows(text.len());
        windows.filter(|window| *window == text.as_bytes()).count()
    }
}

async fn carry(
    client: TcpStream,
    store: String,
    way: watch::Receiver<Way>,
    seen: Arc<Mutex<Seen>>,
) {
    if *way.borrow() == Way::Closed {
        return;
    }
    let server = TcpStream::connect(store).await.unwrap();
    let mut closed = way.clone();
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = server.into_split();
    tokio::select! {
        () = pump(from_client, to_server, way.clone(), Some(seen)) => {}
        () = pump(from_server, to_client, way, None) => {}
        _ = closed.wait_for(|way| *way == Way::Closed) => {}
    }
}

async fn pump(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    way: watch::Receiver<Way>,
    seen: Option<Arc<Mutex<Seen>>>,
) {
    let mut buffer = vec![0; 16_384];
    loop {
        let Ok(read @ 1..) = from.read(&mut buffer).await else {
            return;
        };
        let bytes = &buffer[..read];
        if *way.borrow() == Way::BlackHole {
            if let Some(seen) = &seen {
                seen.lock().unwrap().swallowed.extend_from_slice(bytes);
            }
        } else if to.write_all(bytes).await.is_err() {
            return;
        }
    }
}
