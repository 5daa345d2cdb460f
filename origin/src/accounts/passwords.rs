//! Passwords: argon2id behind a small semaphore.
//!
//! Invariant: hashing never takes more than [`HASHES_AT_ONCE`] threads, so that a wave of sign-ins
//! cannot take the machine from the orders, and nobody waits behind more than [`WAITING_MAX`]. Parameters: OWASP's second choice for argon2id, 19 MiB,
//! two passes, one lane.

use super::error::{AccountError, field};
use argon2::Argon2;
use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use std::ops::RangeInclusive;
use std::sync::Arc;
use tokio::sync::Semaphore;

/// Characters of a password.
pub const PASSWORD_LENGTH: RangeInclusive<usize> = 8..=128;
/// Hashes that run at the same time.
const HASHES_AT_ONCE: usize = 2;
/// Hashes that wait for their turn at most: some two seconds' worth.
const WAITING_MAX: usize = 64;

/// Why a password was neither right nor wrong.
#[derive(Debug, thiserror::Error)]
pub enum PasswordError {
    /// The hash could not be made, or the stored one not be read.
    #[error("argon2 failed")]
    Hash(#[from] argon2::password_hash::Error),
    /// Too many wait already.
    #[error("too many passwords are being checked")]
    Busy,
    /// The thread that hashed went away.
    #[error("hashing was interrupted")]
    Interrupted,
}

#[derive(Clone, Debug)]
pub(crate) struct Passwords {
    /// Those that are hashed and those that wait.
    taken_on: Arc<Semaphore>,
    at_once: Arc<Semaphore>,
}

impl Default for Passwords {
    fn default() -> Self {
        Self {
            taken_on: Arc::new(Semaphore::new(HASHES_AT_ONCE + WAITING_MAX)),
            at_once: Arc::new(Semaphore::new(HASHES_AT_ONCE)),
        }
    }
}

/// Refuses a password that is too short or too long.
pub(super) fn check(password: &str) -> Result<(), AccountError> {
    if PASSWORD_LENGTH.contains(&password.chars().count()) {
        Ok(())
    } else {
        let (least, most) = (PASSWORD_LENGTH.start(), PASSWORD_LENGTH.end());
        Err(field(
            "password",
            format!("Please choose {least} to {most} characters."),
        ))
    }
}

impl Passwords {
    pub(crate) async fn hash(&self, password: &str) -> Result<String, PasswordError> {
        let password = password.to_owned();
        let hash = move || Argon2::default().hash_password(password.as_bytes());
        Ok(self.run(hash).await??.to_string())
    }

    /// Whether the password fits the stored hash. Without one it is compared with nothing, which
    /// takes as long.
    pub(crate) async fn verify(
        &self,
        password: &str,
        stored: Option<&str>,
    ) -> Result<bool, PasswordError> {
        let Some(stored) = stored else {
            self.hash(password).await?;
            return Ok(false);
        };
        let (password, stored) = (password.to_owned(), stored.to_owned());
        let verify = move || {
            let stored = PasswordHash::new(&stored)?;
            match Argon2::default().verify_password(password.as_bytes(), &stored) {
                Ok(()) => Ok(true),
                Err(argon2::password_hash::Error::PasswordInvalid) => Ok(false),
                Err(error) => Err(error),
            }
        };
        Ok(self.run(verify).await??)
    }

    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, PasswordError> {
        let taken_on = self.taken_on.clone().try_acquire_owned();
        let taken_on = taken_on.map_err(|_| PasswordError::Busy)?;
        let permit = self.at_once.clone().acquire_owned().await;
        let permit = permit.map_err(|_| PasswordError::Interrupted)?;
        let done = tokio::task::spawn_blocking(move || {
            let result = work();
            drop((permit, taken_on));
            result
        });
        done.await.map_err(|_| PasswordError::Interrupted)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_password_fits_its_own_hash_alone() {
        let passwords = Passwords::default();
        let stored = passwords.hash("correct horse").await.unwrap();
        assert!(
            stored.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"),
            "{stored}"
        );
        assert!(
            passwords
                .verify("correct horse", Some(&stored))
                .await
                .unwrap()
        );
        assert!(
            !passwords
                .verify("correct hors", Some(&stored))
                .await
                .unwrap()
        );
        assert!(!passwords.verify("correct horse", None).await.unwrap());
    }

    #[tokio::test]
    async fn more_than_may_wait_are_turned_away_and_the_others_served() {
        let passwords = Passwords::default();
        let hold = passwords.at_once.clone().acquire_many_owned(2).await;
        let mut waiting: Vec<_> = (0..HASHES_AT_ONCE + WAITING_MAX)
            .map(|_| Box::pin(passwords.run(|| ())))
            .collect();
        // Each is polled once, which takes its place.
        for run in &mut waiting {
            assert!(futures::poll!(run.as_mut()).is_pending());
        }
        let turned_away = passwords.verify("correct horse", None).await;
        assert!(matches!(turned_away, Err(PasswordError::Busy)));
        drop(hold);
        for run in waiting {
            run.await.unwrap();
        }
        assert!(passwords.hash("correct horse").await.is_ok());
    }
}
