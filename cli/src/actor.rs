//! Who changes something from a shell.
//!
//! Invariant: the operator log names the user of this machine.

use origin::ledger::Actor;

/// Characters of a user's name at most; the log's column takes a few more.
const NAME_LENGTH_MAX: usize = 80;

/// `shell:<user>`, by the environment; without a name the user's number.
pub(crate) fn shell() -> Actor {
    let name = ["SUDO_USER", "USER", "LOGNAME"]
        .into_iter()
        .find_map(|variable| std::env::var(variable).ok().filter(|name| !name.is_empty()));
    let name = name.unwrap_or_else(|| format!("uid-{}", rustix::process::getuid().as_raw()));
    let name: String = name.chars().take(NAME_LENGTH_MAX).collect();
    Actor(format!("shell:{name}"))
}
