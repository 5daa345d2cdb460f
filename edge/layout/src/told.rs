//! What was told to a program, to be said on a page: an answer of JSON, read again.
//!
//! Invariant: a page says what the JSON says, no more and nothing else.

use bytes::Bytes;
use kernel::problem::{FieldError, Problem, ProblemKind};
use kit::body;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use spin_sdk::http::{BoxBody, HeaderMap, Response, box_body};

/// The longest answer that is made a page of; a page of orders has some 15 KiB.
pub const ANSWER_BYTES_MAX: usize = 256 * 1_024;

/// An answer to a program.
#[derive(Clone, Debug, Default)]
pub struct Told {
    /// Its status.
    pub status: u16,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body; `null` if there is none.
    pub value: Value,
}

/// A problem in plain words, as templates read it.
#[derive(Clone, Debug, Serialize)]
pub struct Words {
    /// Its kind: the last part of its `type`.
    pub kind: String,
    /// The HTTP status.
    pub status: u16,
    /// What happened.
    pub heading: String,
    /// What to do.
    pub text: String,
    /// What is wrong with which field.
    pub errors: Vec<FieldError>,
    /// After how many seconds it is worth coming again.
    pub retry_seconds: Option<u32>,
}

impl Told {
    /// Reads an answer with its whole body.
    pub async fn read(answer: Response<BoxBody>) -> Result<Self, Problem> {
        let (parts, body) = answer.into_parts();
        let body = body::collect(body, ANSWER_BYTES_MAX).await;
        let body = body.map_err(|_| Problem::from(ProblemKind::Unavailable))?;
        Ok(Self::new(parts.status.as_u16(), parts.headers, &body))
    }

    /// The answer that a problem is.
    pub async fn problem(problem: &Problem) -> Self {
        let answer = kit::answer::problem(problem).map(box_body);
        Self::read(answer).await.unwrap_or_default()
    }

    fn new(status: u16, headers: HeaderMap, body: &Bytes) -> Self {
        Self {
            status,
            headers,
            value: serde_json::from_slice(body).unwrap_or_default(),
        }
    }

    /// Whether it did what was asked.
    pub fn is_good(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// The body as what it is known to be; 500 if it is something else.
    pub fn body<T: DeserializeOwned>(&self) -> Result<T, Problem> {
        T::deserialize(&self.value).map_err(|error| {
            eprintln!("an answer is not as expected: {error}");
            ProblemKind::Internal.into()
        })
    }

    /// The kind of problem it tells of: the last part of its `type`.
    pub fn kind(&self) -> &str {
        let kind = self.value["type"].as_str().unwrap_or_default();
        kind.strip_prefix("/problems/").unwrap_or_default()
    }

    /// The problem in plain words.
    pub fn words(&self) -> Words {
        let kind = self.kind();
        let text = |name: &str| self.value[name].as_str().unwrap_or_default().to_owned();
        let (heading, what_to_do) = match plain(kind) {
            None if kind == ProblemKind::SlowDown.word() => (
                "Please wait a moment".to_owned(),
                format!("{} Nothing is lost.", text("detail"))
                    .trim()
                    .to_owned(),
            ),
            Some((heading, what_to_do)) => (heading.to_owned(), what_to_do.to_owned()),
            None if kind.is_empty() => (
                "That did not work".to_owned(),
                "Something went wrong on our side. Please try again in a moment.".to_owned(),
            ),
            None => (text("title"), text("detail")),
        };
        let errors = Vec::<FieldError>::deserialize(&self.value["errors"]).unwrap_or_default();
        let retry = self.headers.get("retry-after");
        let retry = retry.and_then(|value| value.to_str().ok()?.parse().ok());
        Words {
            kind: kind.to_owned(),
            status: self.status,
            heading,
            text: what_to_do,
            errors: errors.into_iter().map(as_sentence).collect(),
            retry_seconds: retry,
        }
    }
}

/// What happened and what to do; `js/problem.js` says it alike. The others say it themselves.
fn plain(kind: &str) -> Option<(&'static str, &'static str)> {
    Some(match kind {
        "wrong-password" => (
            "Contact and password do not match",
            "Please try again, or choose a new password.",
        ),
        "signed-out" => ("Please sign in again", "You were away for too long."),
        "token-missing" | "token-invalid" => (
            "Your turn is over",
            "It was not used in time, or it was used already. You can get in line again.",
        ),
        "token-early" => (
            "It is too early",
            "Please wait a moment, and then try again.",
        ),
        "unknown-order" => (
            "There is no such order",
            "There is no order of this number in your account.",
        ),
        "sold-out" => (
            "Sold out at the moment",
            "Units that are not paid for in time come back, and the sale opens again by itself.",
        ),
        "over-limit" => (
            "The limit is reached",
            "Your account already has as many units of this sale as one may have.",
        ),
        "not-cancellable" => (
            "This order cannot be cancelled now",
            "It is paid, over, or still in the queue.",
        ),
        "not-payable" => (
            "This order cannot be paid",
            "It is paid already, or its time is over.",
        ),
        "invalid-field" => ("Something is not right yet", "Please look at it once more."),
        "challenge-wrong" => (
            "That was not the code",
            "Some are hard to make out. Please try another one; you can look or listen.",
        ),
        "challenge-spent" => (
            "This code was used before",
            "A code counts once. Please get another one.",
        ),
        "challenge-expired" => (
            "The code is too old",
            "A code counts for two minutes. Please get another one.",
        ),
        "paused" => (
            "The sale is paused for a moment",
            "It goes on by itself; nobody loses a place.",
        ),
        "unavailable" => (
            "The shop cannot do this for a moment",
            "Nothing is lost: please try again in a moment.",
        ),
        "internal" => (
            "Something went wrong on our side",
            "Please try again in a moment.",
        ),
        "unknown-path" => (
            "There is nothing here",
            "The address may be mistyped, or what stood here is over.",
        ),
        "unknown-sale" => (
            "There is no such sale",
            "The address may be mistyped, or the sale has been over for a while.",
        ),
        "method-not-allowed" => (
            "There is nothing to look at here",
            "This address only takes what a form sends. Please begin with the sale once more.",
        ),
        "malformed" => (
            "The shop could not read that",
            "Please go back and try once more.",
        ),
        "cross-site" => (
            "That did not come from this shop",
            "Please open the shop itself, and try once more from there.",
        ),
        _ => return None,
    })
}

/// What a program reads as `name: is missing` is a sentence for people.
fn as_sentence(error: FieldError) -> FieldError {
    let mut letters = error.message.chars();
    let message = match letters.next() {
        Some(first) if first.is_lowercase() => {
            let name = error.field.replace('_', " ");
            format!("The field “{name}” {first}{}.", letters.as_str())
        }
        _ => error.message,
    };
    FieldError { message, ..error }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(problem: &Problem) -> Told {
        let mut headers = HeaderMap::new();
        if let Some(seconds) = problem.retry_after_seconds {
            headers.insert("retry-after", seconds.into());
        }
        Told::new(problem.kind.status(), headers, &problem.to_json().into())
    }

    #[test]
    fn every_problem_has_words_for_people() {
        for kind in ProblemKind::ALL {
            let words = told(&(*kind).into()).words();
            assert_eq!(words.kind, kind.word());
            assert_eq!(words.status, kind.status());
            assert!(!words.heading.is_empty(), "{kind:?}");
        }
        let nothing = Told::new(502, HeaderMap::new(), &Bytes::from_static(b"<html>"));
        assert_eq!(nothing.words().heading, "That did not work");
    }

    #[test]
    fn a_field_and_a_wait_are_told() {
        let words = told(&Problem::field("challenge_code", "is missing")).words();
        assert_eq!(words.errors[0].field, "challenge_code");
        let message = "The field “challenge code” is missing.";
        assert_eq!(words.errors[0].message, message);
        let words = told(&Problem::field("a", "Please give a name.")).words();
        assert_eq!(words.errors[0].message, "Please give a name.");
        let wait = Problem::from(ProblemKind::SlowDown).retry_after(7);
        assert_eq!(told(&wait).words().retry_seconds, Some(7));
    }
}
