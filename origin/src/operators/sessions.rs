//! Sessions of operators, shared by all origins in Redis.
//!
//! Invariant: Redis has the hash of a token and never the token. A session ends when it was not used
//! for half an hour, and after twelve hours whatever happens.

use super::{Opened, Operator, SignInError};
use crate::ledger::OperatorRow;
use crate::stock::Connection;
use kernel::time::UnixMillis;
use redis::AsyncCommands;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// How long a session lasts.
pub const SESSION_SECONDS: i64 = 12 * 3_600;
/// How long it lasts without being used.
pub const IDLE_SECONDS: i64 = 30 * 60;
/// Hexadecimal digits of a token.
const TOKEN_LENGTH: usize = 64;

#[derive(Clone)]
pub(super) struct Sessions {
    redis: Connection,
}

impl std::fmt::Debug for Sessions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Sessions")
    }
}

/// What Redis knows of a session.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Session {
    pub(super) name: String,
    /// The operator's, when the session was opened.
    pub(super) version: u64,
    expires_at: UnixMillis,
}

fn key(token: &str) -> String {
    format!("operator-session:{}", hex::encode(Sha256::digest(token)))
}

/// Seconds that a session may stay unused.
fn life(expires_at: UnixMillis, now: UnixMillis) -> i64 {
    (expires_at.since(now) / 1_000).min(IDLE_SECONDS)
}

impl Sessions {
    pub(super) fn new(redis: Connection) -> Self {
        Self { redis }
    }

    pub(super) async fn open(&self, row: &OperatorRow) -> Result<Opened, SignInError> {
        let now = crate::now();
        let token = hex::encode(crate::random_bytes::<32>());
        let session = Session {
            name: row.name.clone(),
            version: row.version,
            expires_at: now.plus_seconds(SESSION_SECONDS),
        };
        let text = serde_json::to_string(&session).unwrap_or_default();
        let life = life(session.expires_at, now).unsigned_abs();
        let mut redis = self.redis.clone();
        let () = redis.set_ex(key(&token), text, life).await?;
        Ok(Opened {
            token,
            operator: Operator::named(&row.name, row.role),
            expires_at: session.expires_at,
        })
    }

    /// The session of a token, which lives on because it is used.
    pub(super) async fn find(&self, token: &str) -> Result<Option<Session>, SignInError> {
        if token.len() != TOKEN_LENGTH {
            return Ok(None);
        }
        let mut redis = self.redis.clone();
        let text: Option<String> = redis.get(key(token)).await?;
        let session = text.and_then(|text| serde_json::from_str::<Session>(&text).ok());
        let now = crate::now();
        let Some(session) = session.filter(|session| life(session.expires_at, now) > 0) else {
            return Ok(None);
        };
        let () = redis
            .expire(key(token), life(session.expires_at, now))
            .await?;
        Ok(Some(session))
    }

    pub(super) async fn end(&self, token: &str) -> Result<(), SignInError> {
        let () = self.redis.clone().del(key(token)).await?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_ends_unused_after_half_an_hour_and_used_after_twelve() {
        let check = |left: i64, expected| {
            let now = UnixMillis(1_800_000_000_000);
            assert_eq!(life(now.plus_seconds(left), now), expected, "{left} s left");
        };
        check(SESSION_SECONDS, 1_800);
        check(1_801, 1_800);
        check(60, 60);
        assert!(life(UnixMillis(0), UnixMillis(5_000)) < 0);
    }
}
