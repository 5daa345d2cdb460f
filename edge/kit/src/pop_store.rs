//! The PoP's Redis: counters and records that all instances of this PoP share.
//!
//! Invariant: no call is waited for longer than [`CALL_MS_MAX`], and no connection longer than
//! [`OPEN_MS_MAX`]. A call that took longer, or broke, may or may not have had its effect; scripts
//! are safe to repeat, so the shopper is told to come again.

use crate::clock;
use crate::settings::Variables;
use kernel::problem::{Problem, ProblemKind};
use spin_sdk::redis::{Connection, Error, RedisParameter, RedisResult};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// The longest a call may take, in milliseconds.
pub const CALL_MS_MAX: u64 = 100;
/// The longest that opening a connection may take, in milliseconds; an instance does it once.
pub const OPEN_MS_MAX: u64 = 200;
/// After so many slow calls in a row the connection is opened anew.
const SLOW_CALLS_MAX: u32 = 3;

/// One connection an instance, opened at the first call and again after a failure.
static CONNECTION: Mutex<Option<Arc<Connection>>> = Mutex::new(None);
static SLOW_CALLS: AtomicU32 = AtomicU32::new(0);

/// A Lua script, one of `lua/edge`.
#[derive(Debug)]
pub struct Script {
    source: &'static str,
    sha: Mutex<Option<String>>,
}

impl Script {
    /// A script with this text; keep it in a `static`, so that it is loaded once an instance.
    pub const fn new(source: &'static str) -> Self {
        Self {
            source,
            sha: Mutex::new(None),
        }
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
        let call = self.with_connection(async |connection| {
            let sha = script.sha(connection).await?;
            let loaded = parameters(&sha, keys, arguments);
            match connection.execute("EVALSHA", loaded).await {
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
        let call = self.with_connection(async |connection| {
            let arguments = arguments.iter().map(|text| binary(text));
            connection.execute(name, arguments).await
        });
        call.await
    }

    /// Calls with the kept connection, and once more with a new one if that turns out to be dead.
    async fn with_connection(
        &self,
        call: impl AsyncFn(&Connection) -> Result<Vec<RedisResult>, Error>,
    ) -> Result<Reply, Problem> {
        let limited = async |connection: &Connection| {
            let result = clock::within(CALL_MS_MAX, call(connection)).await;
            result.ok_or(Failure::Slow)?.map_err(Failure::Error)
        };
        let kept = lock(&CONNECTION).clone();
        let result = match kept {
            None => limited(&*self.open().await?).await,
            Some(connection) => match limited(&connection).await {
                Err(Failure::Error(_)) => limited(&*self.open().await?).await,
                result => result,
            },
        };
        if !matches!(result, Err(Failure::Slow)) {
            SLOW_CALLS.store(0, Ordering::Relaxed);
        }
        match result {
            Ok(values) => Ok(Reply { values }),
            Err(Failure::Error(error)) => Err(away(&format!("{error:?}"))),
            Err(Failure::Slow) => {
                // A connection that has died without a word is found out by its silence.
                if SLOW_CALLS.fetch_add(1, Ordering::Relaxed) + 1 >= SLOW_CALLS_MAX {
                    *lock(&CONNECTION) = None;
                }
                Err(away(&format!("no reply within {CALL_MS_MAX} ms")))
            }
        }
    }

    async fn open(&self) -> Result<Arc<Connection>, Problem> {
        *lock(&CONNECTION) = None;
        let opened = clock::within(OPEN_MS_MAX, Connection::open(&self.url)).await;
        let opened = opened.ok_or_else(|| away(&format!("no connection within {OPEN_MS_MAX} ms")));
        let connection = opened?.map_err(|error| away(&format!("{error:?}")))?;
        let connection = Arc::new(connection);
        *lock(&CONNECTION) = Some(Arc::clone(&connection));
        Ok(connection)
    }
}

enum Failure {
    Slow,
    Error(Error),
}

impl Script {
    async fn sha(&self, connection: &Connection) -> Result<String, Error> {
        let known = lock(&self.sha).clone();
        if let Some(sha) = known {
            return Ok(sha);
        }
        let load = [binary("LOAD"), binary(self.source)];
        let reply = connection.execute("SCRIPT", load).await?;
        let sha = Reply { values: reply }.text(0).ok_or(Error::TypeError)?;
        *lock(&self.sha) = Some(sha.clone());
        Ok(sha)
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

fn away(why: &str) -> Problem {
    eprintln!("the PoP store is away: {why}");
    let detail = "Please try again in a moment.";
    Problem::new(ProblemKind::Unavailable, detail)
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
