//! What a unit of a sale costs, without asking the ledger for every order.
//!
//! Invariant: a published sale's price never changes, so what is remembered stays true.

use crate::ledger::LedgerError;
use crate::stores::Stores;
use kernel::ids::SaleId;
use kernel::money::Money;
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

/// Sales whose price is remembered in this process.
const PRICES_MAX: usize = 1_000;

/// Prices of published sales; they never change.
#[derive(Debug, Default)]
pub struct Prices {
    known: Mutex<HashMap<SaleId, Money>>,
}

impl Prices {
    /// The price of a unit; `None` if there is no such sale.
    pub async fn of(&self, stores: &Stores, sale: SaleId) -> Result<Option<Money>, LedgerError> {
        let known = self.lock().get(&sale).copied();
        if known.is_some() {
            return Ok(known);
        }
        let price = stores.ledger.sale(sale).await?.map(|row| row.sale.price);
        if let Some(price) = price {
            let mut prices = self.lock();
            if prices.len() >= PRICES_MAX {
                prices.clear();
            }
            prices.insert(sale, price);
        }
        Ok(price)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<SaleId, Money>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
