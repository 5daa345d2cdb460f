//! Operators as stored.
//!
//! Invariant: every change makes a row's version grow, which ends the operator's sessions, and is
//! logged in its transaction. The step of a code only grows, so a code counts once. While there is
//! an admin, one stays.

use super::operator_log::{Line, log};
use super::{Actor, Ledger, LedgerError, Result, corrupt, must_touch, retry};
use kernel::time::UnixMillis;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// What an operator may do; each may what those before it may.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Looks.
    Viewer,
    /// Changes what is sold, and delivers it.
    Seller,
    /// Changes operators, money, rules and PoPs.
    Admin,
}

impl Role {
    /// All roles, the least first.
    pub const ALL: [Self; 3] = [Self::Viewer, Self::Seller, Self::Admin];

    /// The word for it in SQL, JSON and on the command line.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::Seller => "seller",
            Self::Admin => "admin",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A word that is no role.
#[derive(Debug, thiserror::Error)]
#[error("a role is viewer, seller or admin")]
pub struct BadRole;

impl FromStr for Role {
    type Err = BadRole;

    fn from_str(word: &str) -> Result<Self, BadRole> {
        let mut roles = Self::ALL.into_iter();
        roles.find(|role| role.as_str() == word).ok_or(BadRole)
    }
}

/// An operator as stored.
#[derive(Clone)]
pub struct OperatorRow {
    /// By which they sign in; it never changes.
    pub name: String,
    /// What they may do.
    pub role: Role,
    /// Whether they are shut out.
    pub disabled: bool,
    /// A PHC string.
    pub password_hash: String,
    /// The secret of their codes, sealed.
    pub totp_secret: Vec<u8>,
    /// Grows with every change.
    pub version: u64,
    /// When they were added.
    pub created_at: UnixMillis,
}

impl fmt::Debug for OperatorRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OperatorRow")
            .field("name", &self.name)
            .field("role", &self.role)
            .field("disabled", &self.disabled)
            .finish_non_exhaustive()
    }
}

/// What is to be changed of an operator.
#[derive(Clone, Debug)]
pub enum OperatorChange {
    /// What they may do.
    Role(Role),
    /// Shut out, or let in again.
    Disabled(bool),
    /// Another password, as a PHC string.
    Password(String),
    /// Another secret of their codes, sealed.
    TotpSecret(Vec<u8>),
}

/// What became of a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OperatorChanged {
    /// It holds.
    Yes,
    /// There is no such operator.
    Unknown,
    /// Nobody would be left who could undo it.
    LastAdmin,
}

/// What the log tells of an operator.
#[derive(Serialize)]
struct Shown {
    role: Role,
    disabled: bool,
    password: &'static str,
    code: &'static str,
}

impl Shown {
    fn of(row: &OperatorRow) -> Self {
        Self {
            role: row.role,
            disabled: row.disabled,
            password: "set",
            code: "set",
        }
    }
}

struct RawOperator {
    name: String,
    role: String,
    disabled: bool,
    password_hash: String,
    totp_secret: Vec<u8>,
    version: u64,
    created_at_ms: i64,
}

impl TryFrom<RawOperator> for OperatorRow {
    type Error = LedgerError;

    fn try_from(raw: RawOperator) -> Result<Self> {
        Ok(Self {
            name: raw.name,
            role: raw.role.parse().map_err(corrupt)?,
            disabled: raw.disabled,
            password_hash: raw.password_hash,
            totp_secret: raw.totp_secret,
            version: raw.version,
            created_at: UnixMillis(raw.created_at_ms),
        })
    }
}

macro_rules! select_operators {
    ($tail:literal $(, $argument:expr)*) => {
        sqlx::query_as!(
            RawOperator,
            r#"SELECT name, role, disabled AS "disabled!: bool", password_hash, totp_secret,
                      version, created_at_ms
               FROM operators "# + $tail
            $(, $argument)*
        )
    };
}

impl Ledger {
    /// Adds an operator; false if the name is taken.
    pub async fn insert_operator(&self, actor: &Actor, row: &OperatorRow) -> Result<bool> {
        let added = retry(|| self.insert_operator_once(actor, row)).await;
        match added {
            Ok(()) => Ok(true),
            Err(error) if error.is_duplicate() => Ok(false),
            Err(error) => Err(error),
        }
    }

    async fn insert_operator_once(&self, actor: &Actor, row: &OperatorRow) -> Result<()> {
        let mut transaction = self.begin().await?;
        let inserted = sqlx::query!(
            "INSERT INTO operators (name, role, disabled, password_hash, totp_secret, created_at_ms)
             VALUES (?, ?, ?, ?, ?, CAST(UNIX_TIMESTAMP(NOW(6)) * 1000 AS SIGNED))",
            row.name,
            row.role.as_str(),
            row.disabled,
            row.password_hash,
            row.totp_secret
        );
        let done = inserted.execute(&mut *transaction).await?;
        must_touch("add an operator", 1, done.rows_affected())?;
        let line = Line {
            actor,
            action: "operator.add",
            subject: format!("operator:{}", row.name),
            before: None,
            after: Some(&Shown::of(row)),
        };
        log(&mut transaction, line).await?;
        Ok(transaction.commit().await?)
    }

    /// An operator.
    pub async fn operator(&self, name: &str) -> Result<Option<OperatorRow>> {
        let raw = select_operators!("WHERE name = ?", name);
        let raw = raw.fetch_optional(&mut *self.connection().await?).await?;
        raw.map(OperatorRow::try_from).transpose()
    }

    /// All operators by name, at most 1,000.
    pub async fn operators(&self) -> Result<Vec<OperatorRow>> {
        let raw = select_operators!("ORDER BY name LIMIT 1000")
            .fetch_all(&mut *self.connection().await?)
            .await?;
        raw.into_iter().map(OperatorRow::try_from).collect()
    }

    /// Changes an operator and ends their sessions.
    pub async fn change_operator(
        &self,
        actor: &Actor,
        name: &str,
        change: &OperatorChange,
    ) -> Result<OperatorChanged> {
        retry(|| self.change_operator_once(actor, name, change)).await
    }

    async fn change_operator_once(
        &self,
        actor: &Actor,
        name: &str,
        change: &OperatorChange,
    ) -> Result<OperatorChanged> {
        let mut transaction = self.begin().await?;
        let raw = select_operators!("WHERE name = ? FOR UPDATE", name);
        let Some(raw) = raw.fetch_optional(&mut *transaction).await? else {
            return Ok(OperatorChanged::Unknown);
        };
        let before = OperatorRow::try_from(raw)?;
        let (after, shown, action) = changed(&before, change);
        if is_admin(&before) && !is_admin(&after) {
            let others = sqlx::query_scalar!(
                "SELECT name FROM operators
                 WHERE role = 'admin' AND NOT disabled AND name <> ? LIMIT 1 FOR UPDATE",
                name
            );
            if others.fetch_optional(&mut *transaction).await?.is_none() {
                return Ok(OperatorChanged::LastAdmin);
            }
        }
        let update = sqlx::query!(
            "UPDATE operators SET role = ?, disabled = ?, password_hash = ?, totp_secret = ?,
                    version = version + 1
             WHERE name = ?",
            after.role.as_str(),
            after.disabled,
            after.password_hash,
            after.totp_secret,
            name
        );
        let done = update.execute(&mut *transaction).await?;
        must_touch("change an operator", 1, done.rows_affected())?;
        let line = Line {
            actor,
            action,
            subject: format!("operator:{name}"),
            before: Some(&Shown::of(&before)),
            after: Some(&shown),
        };
        log(&mut transaction, line).await?;
        transaction.commit().await?;
        Ok(OperatorChanged::Yes)
    }

    /// Uses the code of this step up; false if it, or a later one, was used before.
    pub async fn use_code(&self, name: &str, step: u64) -> Result<bool> {
        let update = sqlx::query!(
            "UPDATE operators SET totp_step = ? WHERE name = ? AND totp_step < ?",
            step,
            name,
            step
        );
        let done = update.execute(&mut *self.connection().await?).await?;
        Ok(done.rows_affected() == 1)
    }
}

fn is_admin(row: &OperatorRow) -> bool {
    row.role == Role::Admin && !row.disabled
}

/// The row after a change, what the log shows of it, and the action's name.
fn changed(row: &OperatorRow, change: &OperatorChange) -> (OperatorRow, Shown, &'static str) {
    let mut after = row.clone();
    let action = match change {
        OperatorChange::Role(role) => {
            after.role = *role;
            "operator.role"
        }
        OperatorChange::Disabled(disabled) => {
            after.disabled = *disabled;
            if *disabled {
                "operator.disable"
            } else {
                "operator.enable"
            }
        }
        OperatorChange::Password(hash) => {
            after.password_hash.clone_from(hash);
            "operator.reset-password"
        }
        OperatorChange::TotpSecret(sealed) => {
            after.totp_secret.clone_from(sealed);
            "operator.reset-totp"
        }
    };
    let mut shown = Shown::of(&after);
    match change {
        OperatorChange::Password(_) => shown.password = "another",
        OperatorChange::TotpSecret(_) => shown.code = "another",
        OperatorChange::Role(_) | OperatorChange::Disabled(_) => {}
    }
    (after, shown, action)
}
