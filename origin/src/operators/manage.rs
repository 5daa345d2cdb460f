//! Adds operators and changes them.
//!
//! Invariant: a password or a secret that was made here is told once, to who asked for it, and kept
//! as a hash or sealed.

use super::codes::CodeSecret;
use crate::accounts::{PASSWORD_LENGTH, PasswordError, Passwords};
use crate::ledger::{
    Actor, Ledger, LedgerError, OperatorChange, OperatorChanged, OperatorRow, Role,
};
use crate::settings::AdminKey;
use kernel::time::UnixMillis;

/// Characters of an operator's name at most.
pub const NAME_LENGTH_MAX: usize = 32;
/// Least characters of a password that an operator chooses.
const CHOSEN_LENGTH_MIN: usize = 12;

/// Why an operator was not added or changed.
#[derive(Debug, thiserror::Error)]
pub enum OperatorError {
    /// A field is wrong.
    #[error("{0}")]
    Invalid(String),
    /// No such operator.
    #[error("there is no operator {0}")]
    Unknown(String),
    /// Nobody would be left who could undo it.
    #[error("{0} is the only admin who can sign in: make another first")]
    LastAdmin(String),
    /// The password could not be hashed.
    #[error("the password could not be hashed")]
    Password(#[from] PasswordError),
    /// MySQL.
    #[error("the ledger did not answer")]
    Ledger(#[from] LedgerError),
}

/// What a new operator is told, once.
#[derive(Debug)]
pub struct Added {
    /// Their password, if it was not chosen.
    pub password: Option<String>,
    /// Behind their codes.
    pub secret: CodeSecret,
}

/// Whether this could be an operator's name.
pub(super) fn is_name(name: &str) -> bool {
    let letter = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    (1..=NAME_LENGTH_MAX).contains(&name.len())
        && name
            .bytes()
            .all(|byte| letter(byte) || matches!(byte, b'.' | b'-' | b'_'))
        && name.bytes().next().is_some_and(letter)
}

/// Adds an operator; without a password, with one made here.
pub async fn add(
    ledger: &Ledger,
    key: &AdminKey,
    actor: &Actor,
    name: &str,
    role: Role,
    password: Option<&str>,
) -> Result<Added, OperatorError> {
    if !is_name(name) {
        return Err(OperatorError::Invalid(format!(
            "a name has 1 to {NAME_LENGTH_MAX} lower-case letters, digits, `.`, `-` and `_`, and \
             begins with a letter or digit"
        )));
    }
    let (made, password_hash) = hashed(password).await?;
    let secret = CodeSecret::random(name);
    let row = OperatorRow {
        name: name.to_owned(),
        role,
        disabled: false,
        password_hash,
        totp_secret: secret.seal(key),
        version: 1,
        created_at: UnixMillis(0),
    };
    if !ledger.insert_operator(actor, &row).await? {
        return Err(OperatorError::Invalid(format!("the name {name} is taken")));
    }
    Ok(Added {
        password: made,
        secret,
    })
}

/// Gives an operator another password; one made here is returned.
pub async fn reset_password(
    ledger: &Ledger,
    actor: &Actor,
    name: &str,
    password: Option<&str>,
) -> Result<Option<String>, OperatorError> {
    let (made, hash) = hashed(password).await?;
    change(ledger, actor, name, OperatorChange::Password(hash)).await?;
    Ok(made)
}

/// Gives an operator other codes: the phone that showed the former is lost.
pub async fn reset_totp(
    ledger: &Ledger,
    key: &AdminKey,
    actor: &Actor,
    name: &str,
) -> Result<CodeSecret, OperatorError> {
    let secret = CodeSecret::random(name);
    let sealed = OperatorChange::TotpSecret(secret.seal(key));
    change(ledger, actor, name, sealed).await?;
    Ok(secret)
}

/// Changes an operator and signs them out everywhere.
pub async fn change(
    ledger: &Ledger,
    actor: &Actor,
    name: &str,
    change: OperatorChange,
) -> Result<(), OperatorError> {
    match ledger.change_operator(actor, name, &change).await? {
        OperatorChanged::Yes => Ok(()),
        OperatorChanged::Unknown => Err(OperatorError::Unknown(name.to_owned())),
        OperatorChanged::LastAdmin => Err(OperatorError::LastAdmin(name.to_owned())),
    }
}

/// The password if it was made here, and its hash.
async fn hashed(password: Option<&str>) -> Result<(Option<String>, String), OperatorError> {
    let made = password.is_none().then(crate::random_id);
    let password = password.or(made.as_deref()).unwrap_or_default();
    let most = *PASSWORD_LENGTH.end();
    if !(CHOSEN_LENGTH_MIN..=most).contains(&password.chars().count()) {
        return Err(OperatorError::Invalid(format!(
            "an operator's password has {CHOSEN_LENGTH_MIN} to {most} characters"
        )));
    }
    let hash = Passwords::default().hash(password).await?;
    Ok((made, hash))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_short_and_plain() {
        let check = |name: &str, expected| assert_eq!(is_name(name), expected, "{name}");
        check("ada", true);
        check("ada.l-2_b", true);
        check(&"a".repeat(32), true);
        check(&"a".repeat(33), false);
        check("", false);
        check("Ada", false);
        check(".ada", false);
        check("ada lovelace", false);
        check("ada:1", false);
    }
}
