//! Named places where a build for tests waits, stops or dies, to show that nothing is lost there.
//!
//! Invariant: a release build has none of them. What happens at each stands in docs/reliability.md.
//!
//! The variable `FAILPOINTS` of the environment says what happens where, in the words of the crate
//! `fail`: `decide.committed=3*off->return(kill)` ends the process at the fourth pass. The words in
//! `return` are ours: `kill`, `stop`, `delay:<milliseconds>`.

use std::time::Duration;

/// Each of them, in the order an order passes.
pub const ALL: [&str; 21] = [
    "place.held",
    "place.published",
    "decide.inserted",
    "decide.counted",
    "decide.committed",
    "decide.acknowledged",
    "settle.counted",
    "refund.claimed",
    "refund.sent",
    "close.counted",
    "close.committed",
    "release.told",
    "rebuild.held-back",
    "rebuild.counted",
    "rebuild.staged",
    "rebuild.switched",
    "units.held",
    "units.counted",
    "tell.handed-on",
    "tell.taken",
    "tell.sent",
];

/// Reads `FAILPOINTS`, in a build for tests; what it says holds until the returned value ends.
pub fn heed_environment() -> Option<fail::FailScenario<'static>> {
    cfg!(debug_assertions).then(fail::FailScenario::setup)
}

/// Passes one of these places.
pub(crate) async fn pass(name: &'static str) {
    if !cfg!(debug_assertions) {
        return;
    }
    debug_assert!(ALL.contains(&name), "{name} is on no list");
    let Some(action) = action(name) else {
        return;
    };
    tracing::warn!(name, action, "A fail point acts");
    match action.as_str() {
        "kill" => die(),
        "stop" => std::future::pending().await,
        other => {
            let delay_ms = other.strip_prefix("delay:");
            let delay_ms = delay_ms.and_then(|delay| delay.parse().ok());
            tokio::time::sleep(Duration::from_millis(delay_ms.unwrap_or_default())).await;
        }
    }
}

fn action(name: &'static str) -> Option<String> {
    fail::fail_point!(name, |action| action);
    None
}

/// As `kill -9`: nothing is flushed, nobody is told.
fn die() {
    let own = rustix::process::getpid();
    if rustix::process::kill_process(own, rustix::process::Signal::KILL).is_err() {
        std::process::abort();
    }
}
