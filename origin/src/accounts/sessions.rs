//! Sessions, shared by all origins in Redis.
//!
//! Invariant: the signed cookie is believed for five minutes; what makes it renewable is the
//! record in Redis. Ending the record lists the session as revoked until every copy of the cookie
//! has run out.

mod list;

pub(super) use list::{end_all, list};

use super::AccountError;
use crate::stock::{Connection, Stock};
use kernel::ids::AccountId;
use kernel::session::{
    SESSION_COOKIE, SESSION_LIFE_SECONDS, SealKey, Session, SigningKey, VerifyingKey, sign_session,
};
use kernel::time::UnixMillis;
use kernel::wire::SessionView;
use redis::AsyncCommands;
use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// How long somebody stays signed in.
pub const SESSION_DAYS: i64 = 14;
const LIFE_SECONDS: i64 = SESSION_DAYS * 24 * 3_600;
/// A revoked session is listed until the last cookie of it has run out, and a little longer.
const REVOKED_SECONDS: i64 = SESSION_LIFE_SECONDS + 30;
const REVOKED_KEY: &str = "revoked-sessions";
/// How long it is believed which sessions have ended, in milliseconds.
const ENDED_FOR_MS: i64 = 500;
/// Sessions one account has open at most; the oldest ends.
const PER_ACCOUNT_MAX: isize = 20;

/// A session and the cookie that carries it.
#[derive(Clone, Debug)]
pub struct OpenSession {
    /// The session.
    pub session: Session,
    /// The `Set-Cookie` header.
    pub cookie: String,
}

/// Opens, renews and ends sessions.
#[derive(Clone)]
pub struct Sessions {
    redis: Connection,
    key: SigningKey,
    seal: SealKey,
    ended: Arc<Mutex<Option<Ended>>>,
}

/// The sessions that were ended, as read a moment ago.
struct Ended {
    ids: HashSet<String>,
    read_at: UnixMillis,
    /// When somebody began to read them again.
    asked_at: UnixMillis,
}

impl std::fmt::Debug for Sessions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Sessions")
    }
}

fn session_key(id: &str) -> String {
    format!("session:{id}")
}

/// What its owner is told of a session.
fn about_key(id: &str) -> String {
    format!("session-about:{id}")
}

fn account_key(account: AccountId) -> String {
    format!("account-sessions:{account}")
}

impl Sessions {
    pub(super) fn new(redis: Connection, key: SigningKey) -> Self {
        Self {
            redis,
            seal: SealKey::derive(&key),
            key,
            ended: Arc::default(),
        }
    }

    /// Where they are kept.
    pub(super) fn connection(&self) -> Connection {
        self.redis.clone()
    }

    /// The key that cookies are checked with.
    pub fn verifying_key(&self) -> VerifyingKey {
        self.key.verifying_key()
    }

    /// The key that the origin itself checks cookies with.
    pub fn seal_key(&self) -> &SealKey {
        &self.seal
    }

    /// Signs somebody in, by other means than a browser.
    pub async fn open(&self, account: AccountId) -> Result<OpenSession, AccountError> {
        self.open_on(account, "A program").await
    }

    /// Signs somebody in on a device, as its owner will read it.
    pub async fn open_on(
        &self,
        account: AccountId,
        device: &str,
    ) -> Result<OpenSession, AccountError> {
        let mut redis = self.redis.clone();
        let id = crate::random_id();
        let now = crate::now();
        let (account_key, session_key) = (account_key(account), session_key(&id));
        let (oldest,): (Vec<String>,) = redis::pipe()
            .atomic()
            .set_ex(&session_key, account.0, LIFE_SECONDS.unsigned_abs())
            .ignore()
            .hset_multiple(
                about_key(&id),
                &[("device", device), ("renewed_at", &now.0.to_string())],
            )
            .ignore()
            .expire(about_key(&id), LIFE_SECONDS)
            .ignore()
            .zadd(&account_key, &id, now.0)
            .ignore()
            .expire(&account_key, LIFE_SECONDS)
            .ignore()
            .zrange(&account_key, 0, -PER_ACCOUNT_MAX - 1)
            .query_async(&mut redis)
            .await?;
        for old in oldest {
            self.close(account, &old).await?;
        }
        Ok(self.issue(account, id, now.plus_seconds(LIFE_SECONDS), now))
    }

    /// Whether a session was ended before its cookie runs out, as known half a second ago, or
    /// a second while somebody reads it.
    /// A Redis that lost its data has forgotten the sessions it ended, for these five minutes, and
    /// signs nobody out at once.
    pub async fn is_revoked(&self, session: &Session) -> Result<bool, AccountError> {
        let now = crate::now();
        if let Some(known) = self.ended().as_mut() {
            let age_ms = now.since(known.read_at);
            let others_read = now.since(known.asked_at) < ENDED_FOR_MS / 2;
            if age_ms < ENDED_FOR_MS || (others_read && age_ms < 2 * ENDED_FOR_MS) {
                return Ok(known.ids.contains(&session.id));
            }
            known.asked_at = now;
        }
        let ids: HashSet<String> = self.revoked().await?.into_iter().collect();
        let revoked = ids.contains(&session.id);
        *self.ended() = Some(Ended {
            ids,
            read_at: now,
            asked_at: now,
        });
        Ok(revoked)
    }

    fn ended(&self) -> MutexGuard<'_, Option<Ended>> {
        self.ended.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether the record behind a session lives, so that it can be renewed.
    async fn is_open(&self, session: &Session) -> Result<bool, AccountError> {
        let owner: Option<u64> = self.redis.clone().get(session_key(&session.id)).await?;
        Ok(owner == Some(session.account.0))
    }

    /// Another five minutes, while the record lives.
    pub async fn renew(&self, session: &Session) -> Result<Option<OpenSession>, AccountError> {
        let open = self.is_open(session).await?;
        if open {
            let (about, now) = (about_key(&session.id), crate::now());
            redis::pipe()
                .hset(&about, "renewed_at", now.0)
                .ignore()
                .expire(&about, session.renewable_until.since(now) / 1_000)
                .ignore()
                .exec_async(&mut self.redis.clone())
                .await?;
        }
        let renew = || {
            let Session {
                account,
                id,
                renewable_until,
                ..
            } = session.clone();
            self.issue(account, id, renewable_until, crate::now())
        };
        Ok(open.then(renew))
    }

    fn issue(
        &self,
        account: AccountId,
        id: String,
        renewable_until: UnixMillis,
        now: UnixMillis,
    ) -> OpenSession {
        let expires_at = now.plus_seconds(SESSION_LIFE_SECONDS).min(renewable_until);
        let session = Session {
            account,
            id,
            expires_at,
            renewable_until,
        };
        let value = sign_session(&self.key, &self.seal, &session);
        let max_age = renewable_until.since(now) / 1_000;
        let cookie = format!(
            "{SESSION_COOKIE}={value}; Path=/; Max-Age={max_age}; Secure; HttpOnly; SameSite=Lax"
        );
        OpenSession { session, cookie }
    }

    /// The `Set-Cookie` header that takes the cookie away.
    pub fn clearing_cookie() -> String {
        format!("{SESSION_COOKIE}=; Path=/; Max-Age=0; Secure; HttpOnly; SameSite=Lax")
    }

    /// Ends one session.
    pub async fn close(&self, account: AccountId, id: &str) -> Result<(), AccountError> {
        list::end(&mut self.redis.clone(), account, id).await?;
        // Here at once; other origins learn it when they read the list again.
        *self.ended() = None;
        Ok(())
    }

    /// Ends all sessions of an account, but for this one.
    pub async fn close_others(&self, account: AccountId, keep: &str) -> Result<(), AccountError> {
        let ids = list::ids(&mut self.redis.clone(), account).await?;
        for id in ids.iter().filter(|id| *id != keep) {
            self.close(account, id).await?;
        }
        Ok(())
    }

    /// Ends all sessions of an account.
    pub async fn close_all(&self, account: AccountId) -> Result<(), AccountError> {
        self.close_others(account, "").await
    }

    /// Ends a session if it is one of this account; false if not.
    pub async fn close_own(&self, account: AccountId, id: &str) -> Result<bool, AccountError> {
        let ids = list::ids(&mut self.redis.clone(), account).await?;
        let own = ids.iter().any(|own| own == id);
        if own {
            self.close(account, id).await?;
        }
        Ok(own)
    }

    /// Where an account is signed in, the newest first; `this` is the session that asks.
    pub async fn of(
        &self,
        account: AccountId,
        this: &str,
    ) -> Result<Vec<SessionView>, AccountError> {
        list(&mut self.redis.clone(), account, this).await
    }

    /// Ids of sessions that were ended while a cookie of theirs may still be believed.
    pub async fn revoked(&self) -> Result<Vec<String>, AccountError> {
        let since = crate::now().plus_seconds(-REVOKED_SECONDS).0;
        let (revoked,): (Vec<String>,) = redis::pipe()
            .zrembyscore(REVOKED_KEY, "-inf", since)
            .ignore()
            .zrange(REVOKED_KEY, 0, -1)
            .query_async(&mut self.redis.clone())
            .await?;
        Ok(revoked)
    }
}

/// Ends all sessions of an account, for who has no key to open one: an operator.
pub async fn end_sessions(stock: &Stock, account: AccountId) -> Result<(), AccountError> {
    end_all(&mut stock.connection(), account).await
}
