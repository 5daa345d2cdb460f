//! The admin API as the commands use it.
//!
//! Invariant: a command does not know whether it works over HTTP or in this process: both are the
//! same routes. Who is signed in works there and nowhere else.

use crate::session::Session;
use crate::{Stores, actor};
use anyhow::{Context, bail, ensure};
use origin::fetch::Fetcher;
use origin::http::{Answered, Local};
use origin::operators::Operator;
use origin::settings::{AdminKey, Reader, RefundSettings};
use serde_json::Value;
use std::time::Duration;

/// How long an answer may take: longer than an origin gives itself.
const TIME_MAX: Duration = Duration::from_secs(70);
/// Bytes of an answer at most.
const ANSWER_BYTES_MAX: usize = 16 << 20;

/// Where the admin API is.
pub(crate) enum Desk {
    /// At an origin.
    Remote(Box<Remote>),
    /// In this process, on the stores.
    Local(Box<Local>),
}

/// An origin, and what opens its door.
pub(crate) struct Remote {
    url: String,
    token: Option<String>,
    fetcher: Fetcher,
}

impl Desk {
    /// By the token of the environment, by the session of `sign-in`, or else by the stores.
    pub(crate) fn open() -> anyhow::Result<Self> {
        let mut reader = Reader::from_environment();
        let given = reader
            .optional("ADMIN_URL")
            .zip(reader.optional("ADMIN_TOKEN"));
        if let Some((url, token)) = given {
            return Ok(Self::Remote(Box::new(Remote::new(&url, Some(token))?)));
        }
        if let Some(session) = Session::load()? {
            // What is meant for one shop must not be done to another.
            ensure!(
                reader.optional("MYSQL_URL").is_none(),
                "there are a session at {} and DOORBUSTER_MYSQL_URL: sign out, or unset that",
                session.url
            );
            let remote = Remote::new(&session.url, Some(session.token))?;
            return Ok(Self::Remote(Box::new(remote)));
        }
        let key = AdminKey::read(&mut reader);
        let refunds = RefundSettings::read(&mut reader);
        let Stores {
            settings, rounds, ..
        } = Stores::read_from(reader)?;
        let desk = origin::operators::Desk::new(settings, rounds, key, refunds);
        let local = Local::new(desk, Operator::shell(actor::shell()));
        Ok(Self::Local(Box::new(local)))
    }

    pub(crate) async fn get(&self, path: &str) -> anyhow::Result<Value> {
        self.send("GET", path, None).await
    }

    /// A POST, of nothing if that says it all.
    pub(crate) async fn post(&self, path: &str, body: Option<&Value>) -> anyhow::Result<Value> {
        self.send("POST", path, body).await
    }

    pub(crate) async fn send(
        &self,
        method: &str,
        path: &str,
        body: Option<&Value>,
    ) -> anyhow::Result<Value> {
        let path = format!("/admin/api/{path}");
        let body = body.map(Value::to_string).unwrap_or_default();
        let answer = match self {
            Self::Remote(remote) => remote.send(method, &path, body).await?,
            Self::Local(local) => local.call(method, &path, body.as_bytes()).await?,
        };
        read(&answer)
    }
}

impl Remote {
    pub(crate) fn new(url: &str, token: Option<String>) -> anyhow::Result<Self> {
        Ok(Self {
            url: url.trim_end_matches('/').to_owned(),
            token,
            fetcher: Fetcher::new(TIME_MAX, ANSWER_BYTES_MAX)?,
        })
    }

    async fn send(&self, method: &str, path: &str, body: String) -> anyhow::Result<Answered> {
        let url = format!("{}{path}", self.url);
        let authorization = self.token.as_ref().map(|token| format!("Bearer {token}"));
        let mut headers = vec![("content-type", "application/json")];
        headers.extend(
            authorization
                .as_deref()
                .map(|value| ("authorization", value)),
        );
        let answer = self.fetcher.send(method, &url, &headers, body.into_bytes());
        let answer = answer
            .await
            .with_context(|| format!("no answer from {url}"))?;
        Ok(Answered {
            status: answer.status.as_u16(),
            body: answer.body,
            causes: String::new(),
        })
    }

    /// A request whose answer is JSON, or nothing.
    pub(crate) async fn call(&self, method: &str, path: &str, body: &str) -> anyhow::Result<Value> {
        read(&self.send(method, path, body.to_owned()).await?)
    }
}

/// What a good answer carries; a problem is an error in one line.
fn read(answer: &Answered) -> anyhow::Result<Value> {
    let body = if answer.body.is_empty() {
        Some(Value::Null)
    } else {
        serde_json::from_slice::<Value>(&answer.body).ok()
    };
    if (200..300).contains(&answer.status) {
        return body.context("the answer is no JSON: is that the admin listener?");
    }
    let body = body.unwrap_or_default();
    let said = |name: &str| body[name].as_str().filter(|text| !text.is_empty());
    let Some(text) = said("detail").or(said("title")) else {
        bail!(
            "the answer was {}: is that the admin listener?",
            answer.status
        );
    };
    match (answer.status, answer.causes.as_str()) {
        (401, _) if body["type"] == "/problems/signed-out" => {
            bail!("the session is over: `doorbuster sign-in` opens another")
        }
        (_, "") => bail!("{text}"),
        (_, causes) => bail!("{text}: {causes}"),
    }
}

/// One part of a path: what is no letter or digit is escaped.
pub(crate) fn segment(text: &str) -> String {
    let escape = |byte: u8| match byte {
        b'-' | b'.' | b'_' => char::from(byte).to_string(),
        _ if byte.is_ascii_alphanumeric() => char::from(byte).to_string(),
        _ => format!("%{byte:02X}"),
    };
    text.bytes().map(escape).collect()
}

/// A field of an answer, as people read it.
pub(crate) fn text(value: &Value, name: &str) -> String {
    match &value[name] {
        Value::String(text) => text.clone(),
        Value::Null => "-".to_owned(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_of_a_path_cannot_leave_it() {
        assert_eq!(segment("pop-1"), "pop-1");
        assert_eq!(segment("../a b?c"), "..%2Fa%20b%3Fc");
        assert_eq!(segment("é"), "%C3%A9");
    }

    #[test]
    fn a_problem_is_one_line() {
        let check = |status, body: &str, causes: &str, expected: &str| {
            let answer = Answered {
                status,
                body: body.into(),
                causes: causes.into(),
            };
            assert_eq!(read(&answer).unwrap_err().to_string(), expected);
        };
        check(
            404,
            r#"{"title":"None","detail":"there is no sale 7"}"#,
            "",
            "there is no sale 7",
        );
        check(
            503,
            r#"{"detail":"no connection to MySQL"}"#,
            "refused",
            "no connection to MySQL: refused",
        );
        check(403, r#"{"title":"Your role"}"#, "", "Your role");
        check(
            502,
            "<html>",
            "",
            "the answer was 502: is that the admin listener?",
        );
        check(
            200,
            "<html>",
            "",
            "the answer is no JSON: is that the admin listener?",
        );
    }
}
