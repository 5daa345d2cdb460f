//! A shop that takes webhooks: it refuses the first ones if told so, and remembers all.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::Value;
use sha2::Sha256;
use tokio::net::TcpListener;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::time::timeout;

use crate::program::WEBHOOK_SECRET;

pub struct Shop {
    pub webhook_url: String,
    received: UnboundedReceiver<Delivery>,
}

/// One request as it arrived.
pub struct Delivery {
    pub signature: String,
    pub body: String,
}

struct Inbox {
    refusals: AtomicUsize,
    received: UnboundedSender<Delivery>,
}

impl Shop {
    /// A shop that answers 503 to the first `refusals` webhooks.
    pub async fn open(refusals: usize) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        Self::on(listener, refusals)
    }

    pub fn on(listener: TcpListener, refusals: usize) -> Self {
        let webhook_url = format!("http://{}/webhooks/sandbox", listener.local_addr().unwrap());
        let (sender, received) = unbounded_channel();
        let inbox = Inbox {
            refusals: AtomicUsize::new(refusals),
            received: sender,
        };
        let router = Router::new()
            .route("/webhooks/sandbox", post(take))
            .with_state(Arc::new(inbox));
        tokio::spawn(axum::serve(listener, router).into_future());
        Self {
            webhook_url,
            received,
        }
    }

    /// The next webhook, its signature verified.
    pub async fn next(&mut self) -> Value {
        let delivery = self.next_raw().await;
        delivery.verify();
        serde_json::from_str(&delivery.body).unwrap()
    }

    pub async fn next_raw(&mut self) -> Delivery {
        timeout(Duration::from_secs(20), self.received.recv())
            .await
            .unwrap()
            .unwrap()
    }

    pub fn is_quiet(&self) -> bool {
        self.received.is_empty()
    }
}

impl Delivery {
    fn verify(&self) {
        let (time, code) = self.signature.split_once(",v1=").unwrap();
        let time = time.strip_prefix("t=").unwrap();
        time.parse::<u64>().unwrap();
        assert_eq!(code, code.to_lowercase());
        let mut key = Hmac::<Sha256>::new_from_slice(WEBHOOK_SECRET.as_bytes()).unwrap();
        key.update(format!("{time}.{}", self.body).as_bytes());
        key.verify_slice(&hex::decode(code).unwrap()).unwrap();
    }
}

async fn take(State(inbox): State<Arc<Inbox>>, headers: HeaderMap, body: String) -> StatusCode {
    assert_eq!(headers["content-type"], "application/json");
    let signature = headers["sandbox-signature"].to_str().unwrap().to_owned();
    inbox.received.send(Delivery { signature, body }).unwrap();
    let refused = inbox
        .refusals
        .fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| {
            left.checked_sub(1)
        })
        .is_ok();
    if refused {
        StatusCode::SERVICE_UNAVAILABLE
    } else {
        StatusCode::NO_CONTENT
    }
}
