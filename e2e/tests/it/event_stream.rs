//! Server-sent events, read as they come.

use crate::buyer::Buyer;
use reqwest::{Method, Response};
use serde_json::Value;
use std::time::Duration;
use tokio::time::timeout;

/// Longer than any test waits for an event.
const PATIENCE: Duration = Duration::from_secs(30);

pub struct EventStream {
    response: Response,
    text: String,
}

/// One block of a stream.
#[derive(Debug, Default, PartialEq)]
pub struct Event {
    pub id: Option<String>,
    pub name: Option<String>,
    pub data: Value,
    pub retry: Option<String>,
    pub comment: bool,
}

impl EventStream {
    /// Asks for an order's events, with what `Last-Event-ID` says.
    pub async fn ask(buyer: &Buyer, order: &str, known: Option<&str>) -> Response {
        let path = format!("/api/orders/{order}/events");
        let request = buyer.request(Method::GET, &path);
        let request = request.header("accept", "text/event-stream");
        let request = match known {
            Some(known) => request.header("last-event-id", known),
            None => request,
        };
        request.send().await.unwrap()
    }

    pub async fn open(buyer: &Buyer, order: &str, known: Option<&str>) -> Self {
        let response = Self::ask(buyer, order, known).await;
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        Self {
            response,
            text: String::new(),
        }
    }

    /// The next block; `None` at the end of the stream.
    pub async fn block(&mut self) -> Option<Event> {
        loop {
            if let Some((block, rest)) = self.text.split_once("\n\n") {
                let event = read(block);
                self.text = rest.to_string();
                return Some(event);
            }
            let chunk = timeout(PATIENCE, self.response.chunk()).await;
            // A stream that is cut ends as well.
            let chunk = chunk.expect("a block in time").ok().flatten()?;
            self.text.push_str(std::str::from_utf8(&chunk).unwrap());
        }
    }

    /// Reads on to the end of the stream, however long that takes.
    pub async fn end(&mut self) {
        while let Ok(Some(_)) = self.response.chunk().await {}
    }

    /// The next event with data; `None` at the end of the stream.
    pub async fn event(&mut self) -> Option<Event> {
        loop {
            let block = self.block().await?;
            if block.name.is_some() {
                return Some(block);
            }
        }
    }

    /// Reads on to the event of this name.
    pub async fn wait_for(&mut self, name: &str) -> Event {
        loop {
            let event = self.event().await;
            let event = event.unwrap_or_else(|| panic!("the stream ended before {name}"));
            if event.name.as_deref() == Some(name) {
                return event;
            }
        }
    }
}

fn read(block: &str) -> Event {
    let mut event = Event::default();
    for line in block.lines() {
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.trim_start().to_owned();
        match field {
            "" => event.comment = true,
            "id" => event.id = Some(value),
            "event" => event.name = Some(value),
            "retry" => event.retry = Some(value),
            "data" => event.data = serde_json::from_str(&value).unwrap(),
            other => panic!("{other} is no field of an event"),
        }
    }
    event
}
