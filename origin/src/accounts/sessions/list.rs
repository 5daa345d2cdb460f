//! The sessions of one account: listed and ended, also by an operator, who has no key to sign with.
//!
//! Invariant: what is ended is listed as revoked in the same transaction.

use super::super::AccountError;
use super::{REVOKED_KEY, about_key, account_key, session_key};
use crate::stock::Connection;
use kernel::ids::AccountId;
use kernel::time::UnixMillis;
use kernel::wire::SessionView;
use redis::AsyncCommands;

/// Ids of an account's sessions, the oldest first; some may have run out.
pub(super) async fn ids(
    redis: &mut Connection,
    account: AccountId,
) -> Result<Vec<String>, AccountError> {
    Ok(redis.zrange(account_key(account), 0, -1).await?)
}

/// Ends one session.
pub(super) async fn end(
    redis: &mut Connection,
    account: AccountId,
    id: &str,
) -> Result<(), AccountError> {
    redis::pipe()
        .atomic()
        .del(session_key(id))
        .del(about_key(id))
        .zrem(account_key(account), id)
        .zadd(REVOKED_KEY, id, crate::now().0)
        .exec_async(redis)
        .await?;
    Ok(())
}

/// Ends all sessions of an account.
pub async fn end_all(redis: &mut Connection, account: AccountId) -> Result<(), AccountError> {
    for id in ids(redis, account).await? {
        end(redis, account, &id).await?;
    }
    Ok(())
}

/// Where an account is signed in, the newest first; `this` is the session that asks.
pub async fn list(
    redis: &mut Connection,
    account: AccountId,
    this: &str,
) -> Result<Vec<SessionView>, AccountError> {
    let opened: Vec<(String, i64)> = redis.zrange_withscores(account_key(account), 0, -1).await?;
    let mut sessions = Vec::new();
    for (id, opened_at) in opened.into_iter().rev() {
        let (lives, about): (bool, Vec<Option<String>>) = redis::pipe()
            .exists(session_key(&id))
            .hmget(about_key(&id), &["device", "renewed_at"])
            .query_async(redis)
            .await?;
        if !lives {
            continue;
        }
        let mut about = about.into_iter();
        let device = about.next().flatten().unwrap_or_default();
        let renewed_at = about.next().flatten().and_then(|text| text.parse().ok());
        sessions.push(SessionView {
            is_this: id == this,
            session_id: id,
            device,
            opened_at_ms: UnixMillis(opened_at),
            renewed_at_ms: UnixMillis(renewed_at.unwrap_or(opened_at)),
        });
    }
    Ok(sessions)
}
