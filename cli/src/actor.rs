//! Who gives a command: what the operator log says of it.

use origin::ledger::Actor;

/// `shell:<user>`, by the environment of the shell.
pub(crate) fn actor() -> Actor {
    let name = |key| std::env::var(key).ok().filter(|name| !name.is_empty());
    let name = name("SUDO_USER")
        .or_else(|| name("USER"))
        .or_else(|| name("LOGNAME"));
    let name: String = name
        .unwrap_or_else(|| "unknown".to_owned())
        .chars()
        .take(80)
        .collect();
    Actor(format!("shell:{name}"))
}
