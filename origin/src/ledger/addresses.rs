//! Addresses that accounts keep.
//!
//! Invariant: an account has at most [`ADDRESSES_MAX`] of them, and if it has any, one is offered
//! first. Whoever changes them holds the account's row.

use super::{Ledger, Result, corrupt, must_touch, retry};
use kernel::ids::{AccountId, AddressId};
use kernel::wire::{ADDRESSES_MAX, Address, SavedAddress};
use sqlx::MySqlConnection;

/// What became of an address that was to be added.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AddressAdded {
    /// It is kept.
    Yes,
    /// The account keeps as many as one may.
    Full,
}

impl Ledger {
    /// The addresses of an account, the oldest first.
    pub async fn addresses(&self, account: AccountId) -> Result<Vec<SavedAddress>> {
        let rows = sqlx::query!(
            r#"SELECT addresses.id, addresses.address,
                      accounts.default_address AS "default_address?"
               FROM addresses JOIN accounts ON accounts.id = addresses.account_id
               WHERE addresses.account_id = ? ORDER BY addresses.id"#,
            account.0
        );
        let rows = rows.fetch_all(&mut *self.connection().await?).await?;
        let saved = rows.into_iter().map(|row| {
            Ok(SavedAddress {
                address_id: AddressId(row.id),
                is_default: row.default_address == Some(row.id),
                address: serde_json::from_str(&row.address).map_err(corrupt)?,
            })
        });
        saved.collect()
    }

    /// Keeps another address; the first of an account is offered first.
    pub async fn add_address(
        &self,
        account: AccountId,
        id: AddressId,
        address: &Address,
        is_default: bool,
    ) -> Result<AddressAdded> {
        let text = serde_json::to_string(address).map_err(corrupt)?;
        retry(|| self.add_address_once(account, id, &text, is_default)).await
    }

    async fn add_address_once(
        &self,
        account: AccountId,
        id: AddressId,
        text: &str,
        is_default: bool,
    ) -> Result<AddressAdded> {
        let mut transaction = self.begin().await?;
        let default = lock(&mut transaction, account).await?;
        let count = sqlx::query_scalar!(
            r#"SELECT COUNT(*) AS "count!: i64" FROM addresses WHERE account_id = ?"#,
            account.0
        );
        let count = count.fetch_one(&mut *transaction).await?;
        if usize::try_from(count).unwrap_or(usize::MAX) >= ADDRESSES_MAX {
            return Ok(AddressAdded::Full);
        }
        let inserted = sqlx::query!(
            "INSERT INTO addresses (id, account_id, address, created_at_ms)
             VALUES (?, ?, ?, CAST(UNIX_TIMESTAMP(NOW(6)) * 1000 AS SIGNED))",
            id.0,
            account.0,
            text
        );
        let done = inserted.execute(&mut *transaction).await?;
        must_touch("add an address", 1, done.rows_affected())?;
        if is_default || default.is_none() {
            set_default(&mut transaction, account, Some(id.0)).await?;
        }
        transaction.commit().await?;
        Ok(AddressAdded::Yes)
    }

    /// Changes an address; false if the account has none of this id.
    pub async fn change_address(
        &self,
        account: AccountId,
        id: AddressId,
        address: &Address,
        is_default: bool,
    ) -> Result<bool> {
        let text = serde_json::to_string(address).map_err(corrupt)?;
        retry(|| self.change_address_once(account, id, &text, is_default)).await
    }

    async fn change_address_once(
        &self,
        account: AccountId,
        id: AddressId,
        text: &str,
        is_default: bool,
    ) -> Result<bool> {
        let mut transaction = self.begin().await?;
        lock(&mut transaction, account).await?;
        let update = sqlx::query!(
            "UPDATE addresses SET address = ? WHERE id = ? AND account_id = ?",
            text,
            id.0,
            account.0
        );
        if update.execute(&mut *transaction).await?.rows_affected() == 0 {
            return Ok(false);
        }
        if is_default {
            set_default(&mut transaction, account, Some(id.0)).await?;
        }
        transaction.commit().await?;
        Ok(true)
    }

    /// Forgets an address; false if the account has none of this id. If it was the one that is
    /// offered first, the oldest takes its place.
    pub async fn delete_address(&self, account: AccountId, id: AddressId) -> Result<bool> {
        retry(|| self.delete_address_once(account, id)).await
    }

    async fn delete_address_once(&self, account: AccountId, id: AddressId) -> Result<bool> {
        let mut transaction = self.begin().await?;
        let default = lock(&mut transaction, account).await?;
        let delete = sqlx::query!(
            "DELETE FROM addresses WHERE id = ? AND account_id = ?",
            id.0,
            account.0
        );
        if delete.execute(&mut *transaction).await?.rows_affected() == 0 {
            return Ok(false);
        }
        if default == Some(id.0) {
            let oldest = sqlx::query_scalar!(
                "SELECT id FROM addresses WHERE account_id = ? ORDER BY id LIMIT 1",
                account.0
            );
            let oldest = oldest.fetch_optional(&mut *transaction).await?;
            set_default(&mut transaction, account, oldest).await?;
        }
        transaction.commit().await?;
        Ok(true)
    }
}

/// Holds the account's row and gives the address that is offered first.
async fn lock(connection: &mut MySqlConnection, account: AccountId) -> Result<Option<u64>> {
    let row = sqlx::query_scalar!(
        "SELECT default_address FROM accounts
         WHERE id = ? AND erased_at_ms IS NULL FOR UPDATE",
        account.0
    );
    Ok(row.fetch_optional(connection).await?.flatten())
}

async fn set_default(
    connection: &mut MySqlConnection,
    account: AccountId,
    address: Option<u64>,
) -> Result<()> {
    let update = sqlx::query!(
        "UPDATE accounts SET default_address = ? WHERE id = ?",
        address,
        account.0
    );
    let done = update.execute(connection).await?;
    must_touch("set the default address", 1, done.rows_affected())
}
