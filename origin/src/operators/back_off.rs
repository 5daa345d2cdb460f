//! Back-off after wrong tries, per name and per address, in Redis.
//!
//! Invariant: a try counts before it is checked, so that many at once get no more than one by one;
//! a name that nobody has backs off like any other. It ends by itself: nobody is shut out for ever.

use super::SignInError;
use crate::stock::Connection;
use kernel::client_address::prefix;
use redis::AsyncCommands;
use sha2::{Digest, Sha256};
use std::net::IpAddr;

/// Wrong tries without a wait.
const FREE_TRIES: u32 = 5;
/// The wait after the first that is not free; it doubles with each.
const FIRST_WAIT_SECONDS: u32 = 2;
/// The longest wait.
const WAIT_SECONDS_MAX: u32 = 15 * 60;
/// After so long without a try they are forgotten.
const FORGET_SECONDS: i64 = 3_600;

#[derive(Clone)]
pub(super) struct BackOff {
    redis: Connection,
}

impl std::fmt::Debug for BackOff {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("BackOff")
    }
}

/// The keys under which tries are counted. A name is hashed: whatever was typed, it is short.
fn counted(name: &str, address: IpAddr) -> [String; 2] {
    let name = hex::encode(&Sha256::digest(name)[..16]);
    [
        format!("operator-tries:name:{name}"),
        format!("operator-tries:address:{}", prefix(address)),
    ]
}

/// How long to wait after so many tries, in seconds.
fn wait(tries: u32) -> u32 {
    let Some(beyond) = tries.checked_sub(FREE_TRIES + 1) else {
        return 0;
    };
    let doubled = FIRST_WAIT_SECONDS
        .checked_shl(beyond.min(20))
        .unwrap_or(u32::MAX);
    doubled.min(WAIT_SECONDS_MAX)
}

impl BackOff {
    pub(super) fn new(redis: Connection) -> Self {
        Self { redis }
    }

    /// Counts a try, or says how long to wait before the next.
    pub(super) async fn pass(&self, name: &str, address: IpAddr) -> Result<(), SignInError> {
        let mut redis = self.redis.clone();
        let keys = counted(name, address);
        for key in &keys {
            let left_ms: i64 = redis.pttl(format!("{key}:wait")).await?;
            if left_ms > 0 {
                let seconds = u32::try_from(left_ms.div_euclid(1_000) + 1).unwrap_or(u32::MAX);
                return Err(SignInError::BackOff(seconds));
            }
        }
        for key in &keys {
            let (tries,): (u32,) = redis::pipe()
                .incr(key, 1)
                .expire(key, FORGET_SECONDS)
                .ignore()
                .query_async(&mut redis)
                .await?;
            let seconds = wait(tries);
            if seconds == 0 {
                continue;
            }
            // One of those who come together takes it; the others wait.
            let taken: Option<String> = redis::cmd("SET")
                .arg(format!("{key}:wait"))
                .arg(tries)
                .arg("NX")
                .arg("EX")
                .arg(seconds)
                .query_async(&mut redis)
                .await?;
            if taken.is_none() {
                return Err(SignInError::BackOff(seconds));
            }
        }
        Ok(())
    }

    /// Forgets the tries of who signed in.
    pub(super) async fn forgive(&self, name: &str, address: IpAddr) -> Result<(), SignInError> {
        let mut redis = self.redis.clone();
        for key in counted(name, address) {
            let () = redis.del(&key).await?;
            let () = redis.del(format!("{key}:wait")).await?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wait_doubles_and_ends() {
        let check = |tries, expected| assert_eq!(wait(tries), expected, "after {tries} tries");
        check(1, 0);
        check(FREE_TRIES, 0);
        check(FREE_TRIES + 1, 2);
        check(FREE_TRIES + 2, 4);
        check(FREE_TRIES + 9, 512);
        check(FREE_TRIES + 10, WAIT_SECONDS_MAX);
        check(u32::MAX, WAIT_SECONDS_MAX);
    }
}
