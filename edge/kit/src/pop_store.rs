//! The PoP's Redis: counters and records that all instances of this PoP share.
//!
//! Invariant: no call is waited for longer than [`CALL_MS_MAX`] in all, be it that a connection had
//! to be opened for it; and while the store is away calls fail at once (`breaker`). A call that took
//! longer, or broke, may or may not have had its effect; scripts are safe to repeat, so the shopper
//! is told to come again.

mod breaker;
mod connection;

use crate::clock::{self, GRACE_MS};
use crate::settings::Variables;
use crate::tally;
use breaker::{Breaker, Change};
use kernel::edge_report::StoreCall;
use kernel::problem::{Problem, ProblemKind};
use sha1::{Digest, Sha1};
use spin_sdk::redis::{Connection, Error, RedisParameter, RedisResult};
use std::sync::{Mutex, OnceLock, PoisonError};

/// The longest a call may take, in milliseconds: the answer that it was too slow is promised within
/// 50, and has a way to go.
pub const CALL_MS_MAX: u64 = 45;

static BREAKER: Mutex<Breaker> = Mutex::new(Breaker::new());

/// A Lua script, one of `lua/edge`.
#[derive(Debug)]
pub struct Script {
    source: &'static str,
    sha: OnceLock<String>,
}

impl Script {
    /// A script with this text; keep it in a `static`, so that it is hashed once an instance.
    pub const fn new(source: &'static str) -> Self {
        Self {
            source,
            sha: OnceLock::new(),
        }
    }

    /// The name by which Redis knows a script it has seen.
    fn sha(&self) -> &str {
        let sha = || hex::encode(Sha1::digest(self.source));
        self.sha.get_or_init(sha)
    }
}

/// Where the PoP's Redis is.
#[derive(Debug)]
pub struct PopStore {
    url: String,
}

impl PopStore {
    /// Reads the variable `pop_redis_url`.
    pub async fn read(variables: &mut Variables) -> Option<Self> {
        let url = variables.read("pop_redis_url", |text| {
            let fits = text.starts_with("redis://") || text.starts_with("rediss://");
            let fault = || "is not of the form redis://host:port".to_owned();
            fits.then(|| text.to_owned()).ok_or_else(fault)
        });
        Some(Self { url: url.await? })
    }

    /// Runs a script. All keys it touches are in `keys`; its reply is a flat list.
    pub async fn eval(
        &self,
        script: &Script,
        keys: &[String],
        arguments: &[String],
    ) -> Result<Reply, Problem> {
        let call = self.call(async |connection| {
            let known = parameters(script.sha(), keys, arguments);
            match connection.execute("EVALSHA", known).await {
                Err(error) if is_unknown_script(&error) => {
                    let whole = parameters(script.source, keys, arguments);
                    connection.execute("EVAL", whole).await
                }
                result => result,
            }
        });
        call.await
    }

    /// Runs a single command that is safe to repeat.
    pub async fn command(&self, name: &str, arguments: &[&str]) -> Result<Reply, Problem> {
        let call = self.call(async |connection| {
            let arguments = arguments.iter().map(|text| binary(text));
            connection.execute(name, arguments).await
        });
        call.await
    }

    /// Calls if the breaker lets it, within the time, and tells how it ended.
    async fn call(
        &self,
        execute: impl AsyncFn(&Connection) -> Result<Vec<RedisResult>, Error>,
    ) -> Result<Reply, Problem> {
        let began = clock::local();
        if !lock(&BREAKER).enter(began) {
            tally::store_call(StoreCall::Refused);
            return Err(away());
        }
        let result = clock::within(CALL_MS_MAX - GRACE_MS, self.attempt(execute)).await;
        let (ended, why) = match &result {
            Some(Ok(_)) => (StoreCall::Answered, ""),
            Some(Err(why)) => (StoreCall::Broken, why.as_str()),
            None => (StoreCall::Slow, "no reply in time"),
        };
        tally::store_call(ended);
        let answered = ended == StoreCall::Answered;
        let change = lock(&BREAKER).settle(began, clock::local(), answered);
        match change {
            Change::None => {}
            Change::Closed => eprintln!("the PoP store answers again"),
            Change::Opened { again } => {
                connection::forget_any();
                if !again {
                    eprintln!("the PoP store is away; calls are refused until it is back: {why}");
                }
            }
        }
        match result {
            Some(Ok(values)) => Ok(Reply { values }),
            _ => Err(away()),
        }
    }

    /// Calls with the kept connection, and once more with a new one if that turns out to be dead.
    async fn attempt(
        &self,
        execute: impl AsyncFn(&Connection) -> Result<Vec<RedisResult>, Error>,
    ) -> Result<Vec<RedisResult>, String> {
        let kept = connection::get(&self.url).await?;
        match execute(&kept).await {
            Ok(values) => return Ok(values),
            Err(_) => connection::forget(&kept),
        }
        let fresh = connection::get(&self.url).await?;
        let result = execute(&fresh).await;
        result.map_err(|error| format!("{error:?}"))
    }
}

/// The flat list that a script answers.
#[derive(Debug)]
pub struct Reply {
    values: Vec<RedisResult>,
}

impl Reply {
    /// The first value: what happened, in a word.
    pub fn word(&self) -> String {
        self.text(0).unwrap_or_default()
    }

    /// The value at `index` as text.
    pub fn text(&self, index: usize) -> Option<String> {
        match self.values.get(index)? {
            RedisResult::Binary(bytes) => String::from_utf8(bytes.clone()).ok(),
            RedisResult::Status(text) => Some(text.clone()),
            RedisResult::Int64(number) => Some(number.to_string()),
            RedisResult::Nil => None,
        }
    }

    /// All values as texts; one that is none counts as empty.
    pub fn texts(&self) -> Vec<String> {
        let indices = 0..self.values.len();
        indices
            .map(|index| self.text(index).unwrap_or_default())
            .collect()
    }

    /// The value at `index` as a number, or 500: the script and its reader do not fit.
    pub fn number<T: std::str::FromStr>(&self, index: usize) -> Result<T, Problem> {
        let number = self.text(index).and_then(|text| text.parse().ok());
        number.ok_or_else(|| self.misunderstood())
    }

    /// 500, for a reply that the script does not have.
    pub fn misunderstood(&self) -> Problem {
        eprintln!(
            "the PoP store gave a reply that nobody reads: {:?}",
            self.word()
        );
        ProblemKind::Internal.into()
    }
}

fn parameters(script: &str, keys: &[String], arguments: &[String]) -> Vec<RedisParameter> {
    let head = [binary(script), binary(&keys.len().to_string())];
    let rest = keys.iter().chain(arguments).map(|text| binary(text));
    head.into_iter().chain(rest).collect()
}

fn binary(text: &str) -> RedisParameter {
    RedisParameter::Binary(text.as_bytes().to_vec())
}

/// Redis clients write the code `NOSCRIPT` each in their way.
fn is_unknown_script(error: &Error) -> bool {
    matches!(error, Error::Other(text) if text.to_ascii_lowercase().contains("noscript"))
}

fn away() -> Problem {
    let detail = "Please try again in a moment.";
    Problem::new(ProblemKind::Unavailable, detail)
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
