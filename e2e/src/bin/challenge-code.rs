//! For the browser's tests: what a person would read in a picture or hear in a sound.
//!
//! Invariant: it knows no more than the PoP's secret, which it is told as the origin is, by
//! `DOORBUSTER_POPS`; the product has no way to ask for a code.
//!
//! `challenge-code <challenge_id>` prints the six digits.

use kernel::challenge::media::show;
use kernel::keys::PopKeys;
use kernel::time::UnixMillis;
use std::io::Write;
use std::time::SystemTime;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let id = std::env::args().nth(1).ok_or("which challenge?")?;
    let pops = std::env::var("DOORBUSTER_POPS")?;
    let (pop, secret) = pops.split_once(':').ok_or("DOORBUSTER_POPS is id:secret")?;
    let keys = PopKeys::derive(pop, secret)?;
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH)?;
    let shown = show(&keys, &id, UnixMillis(i64::try_from(now.as_millis())?))?;
    let code: String = shown.code.iter().map(u8::to_string).collect();
    writeln!(std::io::stdout(), "{code}")?;
    Ok(())
}
