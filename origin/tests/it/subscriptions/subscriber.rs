//! A program that listens to webhooks and answers what it is told to.

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::{Arc, Mutex};
use tokio::net::TcpListener;

/// A message that came.
#[derive(Clone, Debug)]
pub struct Told {
    pub headers: BTreeMap<String, String>,
    pub body: String,
}

struct Kept {
    told: Mutex<Vec<Told>>,
    status: AtomicU16,
}

pub struct Subscriber {
    address: SocketAddr,
    kept: Arc<Kept>,
}

impl Subscriber {
    /// One that answers 204.
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let kept = Arc::new(Kept {
            told: Mutex::default(),
            status: AtomicU16::new(204),
        });
        let routes = Router::new().fallback(listen).with_state(Arc::clone(&kept));
        tokio::spawn(async move { axum::serve(listener, routes).await });
        Self { address, kept }
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// The status of its answers from now on; a redirect leads to where it came from.
    pub fn answer(&self, status: u16) {
        self.kept.status.store(status, Ordering::SeqCst);
    }

    pub fn told(&self) -> Vec<Told> {
        self.kept.told.lock().unwrap().clone()
    }
}

async fn listen(
    State(kept): State<Arc<Kept>>,
    headers: HeaderMap,
    body: Bytes,
) -> (StatusCode, [(&'static str, &'static str); 1]) {
    let text = |value: &axum::http::HeaderValue| value.to_str().unwrap().to_owned();
    let headers = headers.iter();
    let headers = headers.map(|(name, value)| (name.to_string(), text(value)));
    let told = Told {
        headers: headers.collect(),
        body: String::from_utf8(body.to_vec()).unwrap(),
    };
    kept.told.lock().unwrap().push(told);
    let status = StatusCode::from_u16(kept.status.load(Ordering::SeqCst)).unwrap();
    (status, [("location", "/elsewhere")])
}
