//! All that the shop knows of a person, handed out or erased.
//!
//! Invariant: an erased account cannot be signed in to, its contact is free, and the books are as
//! they were. An order that is still in the queue while its account is erased is decided as ever,
//! and expires, as nobody can pay for it.

use super::sessions::{end_all, list};
use super::words::Notice;
use super::{AccountError, Accounts};
use crate::ledger::{Account, Actor, Erased, Ledger};
use crate::orders::order;
use crate::stock::{Connection, Stock};
use kernel::ids::AccountId;
use kernel::wire::{AccountDetails, AccountExport, EXPORT_ORDERS_MAX, ExportedOrder};

impl Accounts {
    /// All that is known of the account whose session this is.
    pub async fn export(
        &self,
        id: AccountId,
        session: &str,
    ) -> Result<AccountExport, AccountError> {
        let mut redis = self.sessions.connection();
        collect(&self.ledger, &mut redis, id, session).await
    }

    /// Erases the account of who knows its password.
    pub async fn erase(
        &self,
        id: AccountId,
        current: &str,
        network: &str,
    ) -> Result<(), AccountError> {
        let account = self.ledger.account(id).await?;
        let account = account.ok_or(AccountError::Unknown)?;
        self.ask_password(&account, current, network).await?;
        let contact = erased(self.ledger.erase_account(id, None).await?)?;
        self.sessions.close_all(id).await?;
        self.tries.forget_networks(&contact).await?;
        let (notice, language) = (Notice::Erased, account.language);
        self.messenger.send_later(&contact, notice, language);
        Ok(())
    }
}

/// All that is known of an account, for an operator, who is logged.
pub async fn export(
    ledger: &Ledger,
    stock: &Stock,
    actor: &Actor,
    id: AccountId,
) -> Result<AccountExport, AccountError> {
    let export = collect(ledger, &mut stock.connection(), id, "").await?;
    ledger.note_export(actor, id).await?;
    Ok(export)
}

/// Erases an account, for an operator, who is logged.
pub async fn erase(
    ledger: &Ledger,
    stock: &Stock,
    actor: &Actor,
    id: AccountId,
) -> Result<(), AccountError> {
    erased(ledger.erase_account(id, Some(actor)).await?)?;
    end_all(&mut stock.connection(), id).await
}

fn erased(erased: Erased) -> Result<String, AccountError> {
    match erased {
        Erased::Yes { contact } => Ok(contact),
        Erased::OrdersOpen(count) => Err(AccountError::OrdersOpen(count)),
        Erased::Unknown => Err(AccountError::Unknown),
    }
}

async fn collect(
    ledger: &Ledger,
    redis: &mut Connection,
    id: AccountId,
    session: &str,
) -> Result<AccountExport, AccountError> {
    let account = ledger.account(id).await?.ok_or(AccountError::Unknown)?;
    let account = details(ledger, account).await?;
    // One more tells whether there are older ones.
    let mut orders = ledger
        .orders_with_addresses(id, EXPORT_ORDERS_MAX + 1)
        .await?;
    let has_older_orders = orders.len() > EXPORT_ORDERS_MAX as usize;
    orders.truncate(EXPORT_ORDERS_MAX as usize);
    let exported = |(row, ship_to)| ExportedOrder {
        order: order(row),
        ship_to,
    };
    Ok(AccountExport {
        exported_at_ms: crate::now(),
        account,
        orders: orders.into_iter().map(exported).collect(),
        has_older_orders,
        sessions: list(redis, id, session).await?,
    })
}

/// The account as its owner sees it.
pub(super) async fn details(
    ledger: &Ledger,
    account: Account,
) -> Result<AccountDetails, AccountError> {
    let Account {
        id,
        contact,
        name,
        language,
        ..
    } = account;
    Ok(AccountDetails {
        id,
        name,
        contact,
        language,
        created_at_ms: ledger.account_created_at(id).await?,
        addresses: ledger.addresses(id).await?,
    })
}
