//! The time that a client may take to ask: for the head of a request once it has begun, and between
//! requests.
//!
//! There is one timer a connection, moved only when it rings too early, so that a request costs none.

use std::{
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use tokio::time::{Instant, Sleep};

use super::pulse::Pulse;

/// How long a client may take.
#[derive(Clone, Copy)]
pub struct Patience {
    /// For a request's head, the first one from the start of the connection.
    pub head: Duration,
    /// Between requests.
    pub idle: Duration,
    /// For taking any byte of an answer.
    pub write: Duration,
}

/// The clock of one connection.
pub struct Clock {
    patience: Patience,
    wait: Option<Wait>,
    timer: Option<Pin<Box<Sleep>>>,
}

/// What is waited for.
struct Wait {
    /// The rest of a head, rather than its beginning.
    in_head: bool,
    /// Requests before.
    requests: u32,
    deadline: Instant,
}

impl Clock {
    /// The clock of a connection that was just opened.
    pub fn new(patience: Patience) -> Self {
        Self {
            patience,
            wait: None,
            timer: None,
        }
    }

    /// Ready if the client took too long; then the answer is whether it has begun a head.
    pub fn poll(&mut self, pulse: &Pulse, context: &mut Context<'_>) -> Poll<bool> {
        if pulse.is_busy() {
            self.wait = None;
            return Poll::Pending;
        }
        let (in_head, requests) = (pulse.is_in_head(), pulse.requests());
        let goes_on =
            |wait: &&Wait| wait.requests == requests && (wait.in_head == in_head || requests == 0);
        let before = self.wait.as_ref().filter(goes_on);
        let limit = if in_head || requests == 0 {
            self.patience.head
        } else {
            self.patience.idle
        };
        let deadline = before.map_or_else(|| Instant::now() + limit, |wait| wait.deadline);
        self.wait = Some(Wait {
            in_head,
            requests,
            deadline,
        });
        let timer = self
            .timer
            .get_or_insert_with(|| Box::pin(tokio::time::sleep_until(deadline)));
        if timer.deadline() > deadline {
            timer.as_mut().reset(deadline);
        }
        loop {
            ready!(timer.as_mut().poll(context));
            if timer.deadline() >= deadline {
                return Poll::Ready(in_head);
            }
            timer.as_mut().reset(deadline);
        }
    }

    /// Gives the connection as long as a head may take to end in order.
    pub fn extend(&mut self) {
        if let Some(wait) = &mut self.wait {
            wait.deadline = Instant::now() + self.patience.head;
        }
    }
}
