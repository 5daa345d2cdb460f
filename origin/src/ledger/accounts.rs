//! Accounts.
//!
//! Invariant: a contact has one account, and an erased account has no contact.

use super::{Ledger, LedgerError, Result, corrupt, must_touch};
use kernel::ids::AccountId;
use kernel::language::Language;
use kernel::time::UnixMillis;

/// An account as stored.
#[derive(Clone, Debug)]
pub struct Account {
    /// Its id.
    pub id: AccountId,
    /// A lower-case e-mail address, or a mobile number as `+` and digits.
    pub contact: String,
    /// How the shopper is called.
    pub name: String,
    /// A PHC string.
    pub password_hash: String,
    /// What messages are written in.
    pub language: Language,
}

struct RawAccount {
    id: u64,
    contact: String,
    name: String,
    password_hash: String,
    language: String,
}

pub(super) fn language(code: &str) -> Result<Language> {
    Language::of(code).ok_or_else(|| corrupt(format!("`{code}` is no language")))
}

impl TryFrom<RawAccount> for Account {
    type Error = LedgerError;

    fn try_from(raw: RawAccount) -> Result<Self> {
        Ok(Self {
            id: AccountId(raw.id),
            contact: raw.contact,
            name: raw.name,
            password_hash: raw.password_hash,
            language: language(&raw.language)?,
        })
    }
}

impl Ledger {
    /// Makes an account; false if the contact has one.
    pub async fn insert_account(&self, account: &Account) -> Result<bool> {
        let inserted = sqlx::query!(
            "INSERT INTO accounts (id, contact, name, password_hash, language, created_at_ms)
             VALUES (?, ?, ?, ?, ?, CAST(UNIX_TIMESTAMP(NOW(6)) * 1000 AS SIGNED))",
            account.id.0,
            account.contact,
            account.name,
            account.password_hash,
            account.language.code()
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
            "SELECT id, contact, name, password_hash, language FROM accounts
             WHERE contact = ? AND erased_at_ms IS NULL",
            contact
        );
        let row = row.fetch_optional(&mut *self.connection().await?).await?;
        row.map(Account::try_from).transpose()
    }

    /// The account with this id; one that was erased is none.
    pub async fn account(&self, id: AccountId) -> Result<Option<Account>> {
        let row = sqlx::query_as!(
            RawAccount,
            "SELECT id, contact, name, password_hash, language FROM accounts
             WHERE id = ? AND erased_at_ms IS NULL",
            id.0
        );
        let row = row.fetch_optional(&mut *self.connection().await?).await?;
        row.map(Account::try_from).transpose()
    }

    /// When an account was made.
    pub async fn account_created_at(&self, id: AccountId) -> Result<UnixMillis> {
        let row = sqlx::query_scalar!("SELECT created_at_ms FROM accounts WHERE id = ?", id.0);
        let created_at = row.fetch_one(&mut *self.connection().await?).await?;
        Ok(UnixMillis(created_at))
    }

    /// Sets another password; false if there is no such account.
    pub async fn set_password_hash(&self, id: AccountId, password_hash: &str) -> Result<bool> {
        let update = sqlx::query!(
            "UPDATE accounts SET password_hash = ? WHERE id = ? AND erased_at_ms IS NULL",
            password_hash,
            id.0
        );
        Ok(update
            .execute(&mut *self.connection().await?)
            .await?
            .rows_affected()
            == 1)
    }

    /// Sets name and language.
    pub async fn set_account_words(
        &self,
        id: AccountId,
        name: &str,
        language: Language,
    ) -> Result<()> {
        let update = sqlx::query!(
            "UPDATE accounts SET name = ?, language = ? WHERE id = ? AND erased_at_ms IS NULL",
            name,
            language.code(),
            id.0
        );
        let done = update.execute(&mut *self.connection().await?).await?;
        must_touch("change an account", 1, done.rows_affected())
    }

    /// Sets another contact; false if it has an account.
    pub async fn set_contact(&self, id: AccountId, contact: &str) -> Result<bool> {
        let update = sqlx::query!(
            "UPDATE accounts SET contact = ? WHERE id = ? AND erased_at_ms IS NULL",
            contact,
            id.0
        );
        let done = update.execute(&mut *self.connection().await?).await;
        match done.map_err(LedgerError::from) {
            Ok(done) => must_touch("change a contact", 1, done.rows_affected()).map(|()| true),
            Err(error) if error.is_duplicate() => Ok(false),
            Err(error) => Err(error),
        }
    }
}
