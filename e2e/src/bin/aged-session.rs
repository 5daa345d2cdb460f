//! For the browser's tests: a session as it is when its five minutes are over.
//!
//! Invariant: it knows no more than the origin's key, which it is told as the origin is, by
//! `DOORBUSTER_SESSION_KEY`.
//!
//! `aged-session <session>` prints the same session, expired and still to be renewed.

use kernel::session::{SealKey, Session, SigningKey, sign_session, verify_renewable};
use kernel::time::UnixMillis;
use std::io::Write;
use std::time::SystemTime;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let text = std::env::args().nth(1).ok_or("which session?")?;
    let secret = hex::decode(std::env::var("DOORBUSTER_SESSION_KEY")?)?;
    let secret: [u8; 32] = secret.try_into().map_err(|_| "the key has 32 bytes")?;
    let key = SigningKey::from_bytes(&secret);
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH)?;
    let now = UnixMillis(i64::try_from(now.as_millis())?);
    let session = verify_renewable(&key.verifying_key(), &text, now)?;
    let aged = Session {
        expires_at: now.plus_seconds(-1),
        ..session
    };
    let text = sign_session(&key, &SealKey::derive(&key), &aged);
    writeln!(std::io::stdout(), "{text}")?;
    Ok(())
}
