//! The page that says why something did not work, and what to do now.
//!
//! Invariant: there is always a way on.

use crate::page;
use crate::render::context;
use crate::told::{Told, Words};
use kernel::problem::Problem;
use kit::answer::{Answer, with_header};
use serde::Serialize;
use spin_sdk::http::Method;

/// The shortest time after which a page loads itself again, in seconds: whoever has it read aloud
/// must get to its end.
pub const REFRESH_SECONDS_MIN: u32 = 10;

/// A link.
#[derive(Clone, Debug, Serialize)]
pub struct Way {
    /// Where it leads.
    pub address: String,
    /// What it is called.
    pub text: String,
}

impl Way {
    /// A link to `address`.
    pub fn new(text: &str, address: impl Into<String>) -> Self {
        Self {
            address: address.into(),
            text: text.to_owned(),
        }
    }
}

/// The same form once more, for what a page cannot send by itself.
#[derive(Clone, Debug, Serialize)]
pub struct Again {
    /// Where it goes.
    pub action: String,
    /// What it says.
    pub fields: Vec<(String, String)>,
    /// What the button says.
    pub label: String,
}

/// What the page shows.
#[derive(Debug)]
pub struct Refusal {
    /// What happened.
    pub problem: Words,
    /// Whether the same address is worth loading again by itself, when there is something to wait
    /// for.
    pub reload: bool,
    /// The form to send again.
    pub again: Option<Again>,
    /// The ways on, the best first; none are the sales.
    pub ways: Vec<Way>,
}

impl Refusal {
    /// A page with nothing but ways on.
    pub fn new(problem: Words, ways: Vec<Way>) -> Self {
        Self {
            problem,
            reload: false,
            again: None,
            ways,
        }
    }

    /// The page of a problem that a request of this method met. What was gone to is worth loading
    /// again once there is something to wait for; what a form sent is not ours to send again.
    pub async fn of(problem: &Problem, method: &Method) -> Self {
        let words = Told::problem(problem).await.words();
        Self {
            reload: method.is_safe(),
            ..Self::new(words, Vec::new())
        }
    }

    /// The page, with the status of the problem.
    pub async fn answer(self) -> Answer {
        let Self {
            problem,
            reload,
            again,
            mut ways,
        } = self;
        if ways.is_empty() {
            ways.push(Way::new("See the sales", "/"));
            ways.push(Way::new("See your orders", "/orders"));
        }
        let wait = problem.retry_seconds.filter(|_| reload);
        let refresh_seconds = wait.map(|seconds| seconds.max(REFRESH_SECONDS_MIN));
        let (status, retry) = (problem.status, problem.retry_seconds);
        let view = context! { problem, refresh_seconds, again, ways };
        let answer = page::page(status, "problem.html", view).await;
        match retry {
            Some(seconds) => with_header(answer, "retry-after", &seconds.to_string()),
            None => answer,
        }
    }
}
