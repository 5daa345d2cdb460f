//! The stores, found by the origin's settings, and sales to measure with.
//!
//! Invariant: a sale is made and published as an operator does it; nothing is loaded by hand.

use anyhow::Context;
use kernel::ids::SaleId;
use kernel::keys::PopKeys;
use kernel::money::Money;
use origin::accounts::Accounts;
use origin::catalogue::{ItemDraft, add_item};
use origin::ledger::{Actor, Ledger};
use origin::sales::{SaleDraft, create, publish};
use origin::settings::{AccountSettings, HttpSettings, Reader, StoreSettings};
use origin::stores::Stores;
use std::net::SocketAddr;

/// Everything that a measurement needs.
pub struct World {
    pub stores: Stores,
    pub accounts: Accounts,
    /// Of the one PoP that the origin knows.
    pub keys: PopKeys,
    /// The origin's edge listener.
    pub edge: SocketAddr,
    pub mysql_url: String,
    pub redis_url: String,
}

impl World {
    /// Connects to the stores.
    pub async fn connect() -> anyhow::Result<Self> {
        let mut reader = Reader::from_environment();
        let store_settings = StoreSettings::read(&mut reader);
        let http = HttpSettings::read(&mut reader);
        let account_settings = AccountSettings::read(&mut reader);
        reader.finish()?;
        let stores = Stores::connect(&store_settings).await?;
        let (ledger, ids) = (stores.ledger.clone(), stores.ids.clone());
        let accounts = Accounts::new(&account_settings, ledger, &stores.stock, ids)?;
        let keys = http.pops.into_values().next();
        Ok(Self {
            stores,
            accounts,
            keys: keys.context("DOORBUSTER_POPS names no PoP")?,
            edge: http.edge_listen,
            mysql_url: store_settings.mysql_url.0,
            redis_url: store_settings.redis_url.0,
        })
    }

    /// A sale of so many units that is open, one unit an account.
    pub async fn sale(&self, units: u32) -> anyhow::Result<SaleId> {
        let Stores { ledger, ids, .. } = &self.stores;
        let usd = |amount_minor| -> anyhow::Result<Money> {
            Ok(Money {
                amount_minor,
                currency: "USD".parse()?,
            })
        };
        let item = ItemDraft::new("Console", usd(59_900)?);
        let actor = Actor("bench".to_owned());
        let draft = SaleDraft {
            item: add_item(ledger, ids, &actor, item).await?,
            slug: format!("sale-{}", origin::random_id()),
            price: usd(39_900)?,
            units,
            limit_per_account: 1,
            opens_at: origin::now().plus_seconds(-1),
            closes_at: origin::now().plus_seconds(3_600),
            quota: 5,
            rate_per_second: 1_000_000,
            payment_seconds: 3_600,
            with_beacon: false,
        };
        let actor = origin::ledger::Actor("shell:bench".to_owned());
        let sale = create(ledger, ids, &actor, draft).await?;
        publish(ledger, &self.stores.stock, &actor, None, sale).await?;
        Ok(sale)
    }

    /// Units of a sale that Redis can still give.
    pub async fn available(&self, sale: SaleId) -> anyhow::Result<u32> {
        let levels = self.stores.stock.levels(&[sale]).await?;
        let level = levels.into_iter().next().flatten();
        Ok(level.context("Redis does not know the sale")?.available)
    }
}

/// Applies the migrations to an empty database, which has no room for a [`World`] yet.
pub async fn migrate() -> anyhow::Result<()> {
    let mut reader = Reader::from_environment();
    let settings = StoreSettings::read(&mut reader);
    reader.finish()?;
    let ledger = Ledger::connect(&settings.mysql_url.0).await?;
    Ok(ledger.migrate().await?)
}
