//! Accounts.
//!
//! Invariant: a contact has one account.

use super::{Ledger, Result};
use kernel::ids::AccountId;

/// An account as stored.
#[derive(Clone, Debug)]
pub struct Account {
    /// Its id.
    pub id: AccountId,
    /// A lower-case e-mail address.
    pub contact: String,
    /// How the shopper is called.
    pub name: String,
    /// A PHC string.
    pub password_hash: String,
}

struct RawAccount {
    id: u64,
    contact: String,
    name: String,
    password_hash: String,
}

impl From<RawAccount> for Account {
    fn from(raw: RawAccount) -> Self {
        Self {
            id: AccountId(raw.id),
            contact: raw.contact,
            name: raw.name,
            password_hash: raw.password_hash,
        }
    }
}

impl Ledger {
    /// Makes an account; false if the contact has one.
    pub async fn insert_account(&self, account: &Account) -> Result<bool> {
        let inserted = sqlx::query!(
            "INSERT INTO accounts (id, contact, name, password_hash, created_at_ms)
             VALUES (?, ?, ?, ?, CAST(UNIX_TIMESTAMP(NOW(6)) * 1000 AS SIGNED))",
            account.id.0,
            account.contact,
            account.name,
            account.password_hash
        )
        .execute(&mut *self.connection().await?)
        .await
        .map_err(super::LedgerError::from);
        match inserted {
            Ok(_) => Ok(true),
            Err(error) if error.is_duplicate() => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// The account with this contact.
    pub async fn account_by_contact(&self, contact: &str) -> Result<Option<Account>> {
        let row = sqlx::query_as!(
            RawAccount,
            "SELECT id, contact, name, password_hash FROM accounts WHERE contact = ?",
            contact
        );
        let row = row.fetch_optional(&mut *self.connection().await?).await?;
        Ok(row.map(Account::from))
    }

    /// The account with this id.
    pub async fn account(&self, id: AccountId) -> Result<Option<Account>> {
        let row = sqlx::query_as!(
            RawAccount,
            "SELECT id, contact, name, password_hash FROM accounts WHERE id = ?",
            id.0
        );
        let row = row.fetch_optional(&mut *self.connection().await?).await?;
        Ok(row.map(Account::from))
    }

    /// Sets another password; false if there is no such account.
    pub async fn set_password_hash(&self, id: AccountId, password_hash: &str) -> Result<bool> {
        let update = sqlx::query!(
            "UPDATE accounts SET password_hash = ? WHERE id = ?",
            password_hash,
            id.0
        );
        Ok(update
            .execute(&mut *self.connection().await?)
            .await?
            .rows_affected()
            == 1)
    }
}
