//! What the ledger knows of a person: all of it, to be handed out or to be erased.
//!
//! Invariant: erasing changes no order, no amount and no entry, so the books stay as they are; what
//! is left of an account is its id.

use super::operator_log::{Line, log};
use super::{Actor, Ledger, OrderRow, Result, corrupt, must_touch, retry};
use kernel::ids::AccountId;
use kernel::wire::Address;
use std::collections::HashMap;

/// What stands where an erased person's name, street and city stood.
const ERASED: &str = "erased";

/// What became of an account that was to be erased.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Erased {
    /// It is gone; this was its contact.
    Yes {
        /// As it was stored.
        contact: String,
    },
    /// So many of its orders are not over.
    OrdersOpen(i64),
    /// There is no such account.
    Unknown,
}

impl Ledger {
    /// The newest orders of an account, and where they go.
    pub async fn orders_with_addresses(
        &self,
        account: AccountId,
        limit: u32,
    ) -> Result<Vec<(OrderRow, Option<Address>)>> {
        let orders = self.orders(account, i64::MAX.unsigned_abs(), limit).await?;
        let rows = sqlx::query!(
            "SELECT payments.order_id, payments.ship_to
             FROM orders JOIN payments ON payments.order_id = orders.id
             WHERE orders.account_id = ? ORDER BY orders.id DESC LIMIT ?",
            account.0,
            limit
        );
        let rows = rows.fetch_all(&mut *self.connection().await?).await?;
        let mut addresses = HashMap::new();
        for row in rows {
            let address: Address = serde_json::from_str(&row.ship_to).map_err(corrupt)?;
            addresses.insert(row.order_id, address);
        }
        let pair = |order: OrderRow| {
            let address = addresses.remove(&order.id.0);
            (order, address)
        };
        Ok(orders.into_iter().map(pair).collect())
    }

    /// Writes into the operator log that somebody's data was handed out.
    pub async fn note_export(&self, actor: &Actor, account: AccountId) -> Result<()> {
        let line: Line<'_, ()> = Line {
            actor,
            action: "account.export",
            subject: format!("account:{account}"),
            before: None,
            after: None,
        };
        log(&mut *self.connection().await?, line).await
    }

    /// Erases what is known of a person; an operator who does it is logged.
    pub async fn erase_account(&self, account: AccountId, actor: Option<&Actor>) -> Result<Erased> {
        retry(|| self.erase_account_once(account, actor)).await
    }

    async fn erase_account_once(
        &self,
        account: AccountId,
        actor: Option<&Actor>,
    ) -> Result<Erased> {
        let mut transaction = self.begin().await?;
        let row = sqlx::query!(
            "SELECT contact FROM accounts WHERE id = ? AND erased_at_ms IS NULL FOR UPDATE",
            account.0
        );
        let Some(row) = row.fetch_optional(&mut *transaction).await? else {
            return Ok(Erased::Unknown);
        };
        let open = sqlx::query_scalar!(
            r#"SELECT COUNT(*) AS "count!: i64" FROM orders
               WHERE account_id = ? AND state IN ('pending_payment', 'paid', 'packed', 'shipped')"#,
            account.0
        );
        let open = open.fetch_one(&mut *transaction).await?;
        if open > 0 {
            return Ok(Erased::OrdersOpen(open));
        }
        let nowhere = Address {
            name: ERASED.to_owned(),
            lines: vec![ERASED.to_owned()],
            postcode: String::new(),
            city: ERASED.to_owned(),
            country: "ZZ".to_owned(),
        };
        let nowhere = serde_json::to_string(&nowhere).map_err(corrupt)?;
        // As many as the account has payments.
        sqlx::query!(
            "UPDATE payments JOIN orders ON orders.id = payments.order_id
             SET payments.ship_to = ? WHERE orders.account_id = ?",
            nowhere,
            account.0
        )
        .execute(&mut *transaction)
        .await?;
        // As many as the account has.
        sqlx::query!("DELETE FROM addresses WHERE account_id = ?", account.0)
            .execute(&mut *transaction)
            .await?;
        let update = sqlx::query!(
            "UPDATE accounts SET contact = CONCAT('erased:', id), name = '', password_hash = '',
                    language = 'en', default_address = NULL,
                    erased_at_ms = CAST(UNIX_TIMESTAMP(NOW(6)) * 1000 AS SIGNED)
             WHERE id = ?",
            account.0
        );
        let done = update.execute(&mut *transaction).await?;
        must_touch("erase an account", 1, done.rows_affected())?;
        if let Some(actor) = actor {
            let line: Line<'_, ()> = Line {
                actor,
                action: "account.erase",
                subject: format!("account:{account}"),
                before: None,
                after: None,
            };
            log(&mut transaction, line).await?;
        }
        transaction.commit().await?;
        Ok(Erased::Yes {
            contact: row.contact,
        })
    }
}
