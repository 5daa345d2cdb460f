//! `GET /api/orders/{id}/events`: an order's changes as they happen, as server-sent events.
//!
//! Invariant: a stream is its owner's, ends with the session it was asked for under and after
//! [`LIFE`] at the latest, and sends no version that its client has said it has.
//!
//! An event has the order's version as its id, its state as its name, the order as its data. A
//! stream that ends while the order can still change is asked for again by the client, with the id
//! it had last; one that has told an order's end is answered `204` then, which ends the asking.

use super::Shared;
use super::answer::{Answer, Failure, overloaded};
use super::orders::find;
use super::session::SignedIn;
use crate::orders::{NotWatched, Watching};
use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::sse::{Event, Sse};
use axum::response::{IntoResponse, Response};
use kernel::order::OrderState;
use kernel::problem::{Problem, ProblemKind};
use kernel::session::Session;
use kernel::wire::Order;
use std::time::Duration;
use tokio::time::{Instant, Interval, MissedTickBehavior, interval_at, sleep_until};

/// How long a stream lasts; the edge cuts answers at five minutes.
const LIFE: Duration = Duration::from_mins(4);
/// How long it lasts after it has told a state in which the buyer waits for nothing.
const LIFE_AT_REST: Duration = Duration::from_mins(1);
/// A comment is sent so often: whoever hears nothing for 30 s knows that the stream is dead.
const HEARTBEAT: Duration = Duration::from_secs(12);
/// When a client asks again after its stream ended.
const RETRY: Duration = Duration::from_secs(2);
/// The same at rest.
const RETRY_AT_REST: Duration = Duration::from_mins(1);
/// Seconds for `Retry-After` of an account that watches too much.
const RETRY_AFTER_SECONDS: u32 = 10;

/// `GET /api/orders/{id}/events`.
pub(super) async fn events(
    State(origin): State<Shared>,
    SignedIn(session): SignedIn,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Answer<Response> {
    let order = find(&origin, &id, session.account).await?;
    let known = last_event_id(&headers);
    if order.state.is_final() && known >= Some(order.version) {
        return Ok(StatusCode::NO_CONTENT.into_response());
    }
    let watching = origin.watch.begin(order, session.account);
    let told = Told::new(watching.map_err(too_many)?, session, known, origin);
    let events = futures::stream::unfold(told, async |mut told| {
        let event = told.next().await?;
        Some((Ok::<_, axum::Error>(event), told))
    });
    let mut response = Sse::new(events).into_response();
    let no_store = HeaderValue::from_static("no-store");
    response
        .headers_mut()
        .insert(header::CACHE_CONTROL, no_store);
    Ok(response)
}

fn last_event_id(headers: &HeaderMap) -> Option<u64> {
    headers.get("last-event-id")?.to_str().ok()?.parse().ok()
}

fn too_many(why: NotWatched) -> Failure {
    match why {
        NotWatched::Account => {
            let detail = "This account watches too many orders at once.";
            let problem = Problem::new(ProblemKind::SlowDown, detail);
            problem.retry_after(RETRY_AFTER_SECONDS).into()
        }
        NotWatched::Process => overloaded("Too many orders are watched at this moment."),
    }
}

/// What a client has been told, and until when there is more.
struct Told {
    origin: Shared,
    session: Session,
    watching: Watching,
    known: Option<u64>,
    greeted: bool,
    ends_at: Instant,
    heartbeat: Interval,
    phase: Phase,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// The buyer waits for what comes next.
    Open,
    /// Paid, or later: what comes next comes in hours.
    AtRest,
    /// Nothing will be told any more.
    Over,
}

impl Phase {
    fn of(state: OrderState) -> Self {
        match state {
            OrderState::Queued | OrderState::PendingPayment => Self::Open,
            state if state.is_final() => Self::Over,
            _ => Self::AtRest,
        }
    }
}

impl Told {
    fn new(watching: Watching, session: Session, known: Option<u64>, origin: Shared) -> Self {
        let began = Instant::now();
        let believed_ms = session.expires_at.since(crate::now());
        let believed = Duration::from_millis(u64::try_from(believed_ms).unwrap_or(0));
        let mut heartbeat = interval_at(began + HEARTBEAT, HEARTBEAT);
        heartbeat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Self {
            origin,
            session,
            watching,
            known,
            greeted: false,
            ends_at: began + LIFE.min(believed),
            heartbeat,
            phase: Phase::Open,
        }
    }

    /// The next event or comment; `None` at the end.
    async fn next(&mut self) -> Option<Event> {
        if !self.greeted {
            self.greeted = true;
            if Phase::of(self.watching.order().state) == Phase::AtRest {
                self.rest(Phase::AtRest);
            }
            return Some(Event::default().retry(RETRY));
        }
        loop {
            if self.phase == Phase::Over || self.is_signed_out().await {
                return None;
            }
            let order = self.watching.order();
            if self.known.is_none_or(|known| order.version > known) {
                self.known = Some(order.version);
                self.rest(Phase::of(order.state));
                return event(&order);
            }
            tokio::select! {
                changed = self.watching.changed() => if !changed {
                    return None;
                },
                _ = self.heartbeat.tick() => return Some(Event::default().comment("")),
                () = sleep_until(self.ends_at) => {
                    let at_rest = self.phase == Phase::AtRest;
                    self.phase = Phase::Over;
                    if at_rest {
                        return Some(Event::default().retry(RETRY_AT_REST));
                    }
                }
            }
        }
    }

    fn rest(&mut self, phase: Phase) {
        if phase == Phase::AtRest {
            self.ends_at = self.ends_at.min(Instant::now() + LIFE_AT_REST);
        }
        self.phase = phase;
    }

    async fn is_signed_out(&self) -> bool {
        let sessions = self.origin.accounts.sessions();
        // Not knowing it, as with Redis away, is no reason to end what was begun in order.
        sessions.is_revoked(&self.session).await.unwrap_or(false)
    }
}

fn event(order: &Order) -> Option<Event> {
    let event = Event::default()
        .id(order.version.to_string())
        .event(order.state.as_str());
    event.json_data(order).ok()
}
