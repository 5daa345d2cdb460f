//! Mail and text messages that arrived, newest first: JSON for programs, a page for people.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::extract::{Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Json, Response};
use mail_parser::MessageParser;
use serde::{Deserialize, Serialize};

use crate::api::Shared;
use crate::messages;

/// The oldest messages make room for new ones.
const MESSAGES_MAX: usize = 10_000;
/// Longer texts are cut.
const TEXT_CHARS_MAX: usize = 16_384;
/// Messages on one HTML page.
const PAGE_MAX: usize = 100;

/// A message as one recipient got it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Message {
    /// The address it was delivered to, in lower case, or the number.
    pub to: String,
    pub subject: String,
    /// The plain text, or the HTML without its tags.
    pub text: String,
    /// The first number of six digits in the text.
    pub code: Option<String>,
    /// By which a message that was sent twice is known, without its angle brackets.
    #[expect(clippy::struct_field_names, reason = "the header is called Message-ID")]
    pub message_id: Option<String>,
    pub received_at_ms: i64,
}

#[derive(Default)]
pub struct Mailbox {
    messages: Mutex<VecDeque<Message>>,
}

impl Mailbox {
    /// Takes a raw message for each of its recipients. Says whether it could be read.
    pub fn receive(&self, recipients: &[String], raw: &[u8], now_ms: i64) -> bool {
        let Some(parsed) = MessageParser::default().parse(raw) else {
            return false;
        };
        let subject = parsed.subject().unwrap_or_default().to_owned();
        let text: String = parsed
            .body_text(0)
            .unwrap_or_default()
            .chars()
            .take(TEXT_CHARS_MAX)
            .collect();
        let message_id = parsed.message_id().map(str::to_owned);
        for to in recipients {
            self.keep(Message {
                to: to.to_lowercase(),
                subject: subject.clone(),
                text: text.clone(),
                code: None,
                message_id: message_id.clone(),
                received_at_ms: now_ms,
            });
        }
        true
    }

    /// Takes a text message, which has no subject.
    pub fn receive_text(&self, to: String, text: String, now_ms: i64) {
        self.keep(Message {
            to,
            subject: String::new(),
            text,
            code: None,
            message_id: None,
            received_at_ms: now_ms,
        });
    }

    /// Keeps a message, with the code that its text has.
    fn keep(&self, message: Message) {
        let code = code_in(&message.text).map(str::to_owned);
        let mut messages = self.lock();
        if messages.len() >= MESSAGES_MAX {
            messages.pop_back();
        }
        messages.push_front(Message { code, ..message });
    }

    /// The messages to one address, or all, newest first.
    pub fn messages(&self, to: Option<&str>, limit: usize) -> Vec<Message> {
        let to = to.map(str::to_lowercase);
        let messages = self.lock();
        let chosen = messages
            .iter()
            .filter(|message| to.as_ref().is_none_or(|to| message.to == *to));
        chosen.take(limit).cloned().collect()
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<Message>> {
        self.messages.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The first run of exactly six digits that is not part of a longer word.
fn code_in(text: &str) -> Option<&str> {
    text.split(|character: char| !character.is_alphanumeric())
        .find(|word| word.len() == 6 && word.bytes().all(|byte| byte.is_ascii_digit()))
}

#[derive(Deserialize)]
pub struct Filter {
    to: Option<String>,
}

#[derive(Serialize)]
struct View {
    messages: Vec<Message>,
    #[serde(skip_serializing_if = "Option::is_none")]
    to: Option<String>,
}

pub async fn show(
    State(shared): State<Arc<Shared>>,
    Query(filter): Query<Filter>,
    headers: HeaderMap,
) -> Response {
    let to = filter.to.filter(|to| !to.is_empty());
    let to = to.map(messages::number_in_query);
    let accept = headers
        .get(header::ACCEPT)
        .and_then(|value| value.to_str().ok());
    if accept.is_some_and(|accept| accept.contains("text/html")) {
        let messages = shared.mailbox.messages(to.as_deref(), PAGE_MAX);
        return shared
            .pages
            .page(StatusCode::OK, "mailbox.html", View { messages, to });
    }
    let messages = shared.mailbox.messages(to.as_deref(), MESSAGES_MAX);
    let headers = [
        (header::CACHE_CONTROL, "no-store"),
        (header::VARY, "accept"),
    ];
    (headers, Json(View { messages, to: None })).into_response()
}

#[cfg(test)]
mod tests {
    use super::{MESSAGES_MAX, Mailbox, code_in};

    #[test]
    fn a_code_stands_alone_and_has_six_digits() {
        let cases = [
            ("Your code is 123456.", Some("123456")),
            ("Order 1234567, code: 000042\n", Some("000042")),
            ("A123456 123456B 12345", None),
            ("é123456 ½ 654321", Some("654321")),
            ("", None),
        ];
        for (text, expected) in cases {
            assert_eq!(code_in(text), expected, "{text}");
        }
    }

    #[test]
    fn the_oldest_message_makes_room() {
        let mailbox = Mailbox::default();
        for index in 0..=MESSAGES_MAX {
            let raw = format!("Subject: {index}\r\n\r\nHello\r\n");
            assert!(mailbox.receive(&["A@example.test".to_owned()], raw.as_bytes(), 1));
        }
        let messages = mailbox.messages(Some("a@EXAMPLE.test"), usize::MAX);
        assert_eq!(messages.len(), MESSAGES_MAX);
        assert_eq!(messages[0].subject, MESSAGES_MAX.to_string());
        assert_eq!(messages[MESSAGES_MAX - 1].subject, "1");
    }
}
