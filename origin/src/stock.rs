//! Stock: Redis, which admits.
//!
//! Invariant: every change of a sale's stock is one script call under the sale's hash tag, and can
//! be repeated. This room alone calls `lua/stock`.

mod count;
mod reply;

pub use count::{Counted, Reservation, Undecided};

use crate::ledger::Admitted;
use kernel::ids::{AccountId, LeaseId, OrderId, SaleId};
use kernel::time::UnixMillis;
use redis::aio::{ConnectionManager, ConnectionManagerConfig};
use redis::{AsyncCommands, Script};
use reply::Reply;
use std::sync::LazyLock;
use std::time::Duration;

/// How long a script may take before its outcome counts as unknown.
const RESPONSE_TIMEOUT: Duration = Duration::from_millis(500);

static PUBLISH: LazyLock<Script> =
    LazyLock::new(|| Script::new(include_str!("../../lua/stock/publish.lua")));
static PLACE: LazyLock<Script> =
    LazyLock::new(|| Script::new(include_str!("../../lua/stock/place.lua")));
static DECIDED: LazyLock<Script> =
    LazyLock::new(|| Script::new(include_str!("../../lua/stock/decided.lua")));
static UNDECIDED: LazyLock<Script> =
    LazyLock::new(|| Script::new(include_str!("../../lua/stock/undecided.lua")));
static RELEASE: LazyLock<Script> =
    LazyLock::new(|| Script::new(include_str!("../../lua/stock/release.lua")));

static STATE: LazyLock<Script> =
    LazyLock::new(|| Script::new(include_str!("../../lua/stock/state.lua")));

/// Why Redis did not do what it was asked. The outcome is unknown: repeat with the same ids.
#[derive(Debug, thiserror::Error)]
pub enum StockError {
    /// Redis is away or slow.
    #[error("Redis did not answer as it should")]
    Redis(#[from] redis::RedisError),
    /// A script answered what it never answers.
    #[error("a script answered `{0}`")]
    Reply(String),
}

type Result<T, E = StockError> = std::result::Result<T, E>;

/// A connection to Redis, shared and re-made when it breaks.
#[derive(Clone)]
pub struct Stock {
    connection: ConnectionManager,
}

impl std::fmt::Debug for Stock {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Stock")
    }
}

/// What a sale starts with.
#[derive(Clone, Copy, Debug)]
pub struct Load {
    /// The sale.
    pub sale: SaleId,
    /// The epoch, higher than any before.
    pub epoch: u64,
    /// Units.
    pub available: u32,
    /// Units an account can have.
    pub limit: u32,
    /// When it opens.
    pub opens_at: UnixMillis,
    /// When it closes.
    pub closes_at: UnixMillis,
}

/// What an order asks for.
#[derive(Clone, Copy, Debug)]
pub struct Hold {
    /// The sale.
    pub sale: SaleId,
    /// The order: the slot's id.
    pub order: OrderId,
    /// Who places it.
    pub account: AccountId,
    /// Units.
    pub units: u32,
    /// The lease the slot came from.
    pub lease: LeaseId,
}

/// What became of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Held {
    /// The units are held, now or since an earlier try; with what the queue must carry.
    Yes(Admitted),
    /// The slot was spent before and holds nothing now: the ledger knows.
    Decided,
    /// Another account has spent this slot.
    Taken,
    /// Not so many units are left.
    Short,
    /// More than the account may have.
    OverLimit,
    /// The sale has not opened.
    Early,
    /// The sale is over.
    Closed,
    /// An operator holds the sale.
    Paused,
    /// Redis knows no such sale: it was not loaded, or lost.
    Unknown,
}

/// What became of a release.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Released {
    /// It is done, now or before.
    Done,
    /// Redis is behind the ledger: try again later.
    Later,
}

/// How much Redis has of a sale.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Level {
    /// Its epoch.
    pub epoch: u64,
    /// Units that can be held.
    pub available: u32,
}

/// A sale's keys, in the order of the scripts.
const PARTS: [&str; 5] = ["", ":slots", ":held", ":accounts", ":undecided"];

fn key(sale: SaleId, part: &str) -> String {
    format!("sale:{{{sale}}}{part}")
}

impl Stock {
    /// Connects to `redis://host:port`.
    pub async fn connect(url: &str) -> Result<Self> {
        let config = ConnectionManagerConfig::new()
            .set_number_of_retries(2)
            .set_connection_timeout(Some(Duration::from_secs(2)))
            .set_response_timeout(Some(RESPONSE_TIMEOUT));
        let client = redis::Client::open(url)?;
        let connection = ConnectionManager::new_with_config(client, config).await?;
        Ok(Self { connection })
    }

    /// The connection, for the rooms that keep sessions and codes in the same Redis.
    pub fn connection(&self) -> ConnectionManager {
        self.connection.clone()
    }

    /// Loads a sale; false if this epoch or a later one is there already.
    pub async fn load(&self, load: Load) -> Result<bool> {
        let mut call = PUBLISH.prepare_invoke();
        for part in PARTS {
            call.key(key(load.sale, part));
        }
        call.arg(load.epoch).arg(load.available).arg(load.limit);
        call.arg(load.opens_at.0).arg(load.closes_at.0);
        let reply: Reply = call.invoke_async(&mut self.connection()).await?;
        match reply.word() {
            "loaded" => Ok(true),
            "kept" => Ok(false),
            _ => Err(reply.unexpected()),
        }
    }

    /// Makes a sale `open`, `paused` or `closed`; false if Redis is of another epoch.
    pub async fn set_state(&self, sale: SaleId, epoch: u64, state: &str) -> Result<bool> {
        let mut call = STATE.prepare_invoke();
        call.key(key(sale, "")).arg(epoch).arg(state);
        let reply: Reply = call.invoke_async(&mut self.connection()).await?;
        match reply.word() {
            "set" => Ok(true),
            "other" => Ok(false),
            _ => Err(reply.unexpected()),
        }
    }

    /// Takes units for an order.
    pub async fn hold(&self, hold: Hold) -> Result<Held> {
        let mut call = PLACE.prepare_invoke();
        for part in PARTS {
            call.key(key(hold.sale, part));
        }
        call.arg(hold.order.0)
            .arg(hold.account.0)
            .arg(hold.units)
            .arg(hold.lease.0);
        let reply: Reply = call.invoke_async(&mut self.connection()).await?;
        Ok(match reply.word() {
            "held" | "again" => Held::Yes(Admitted {
                order_id: hold.order,
                sale_id: hold.sale,
                account_id: hold.account,
                lease_id: hold.lease,
                epoch: reply.number(1)?,
                quantity: reply.number(2)?,
                admitted_at_ms: UnixMillis(reply.number(3)?),
            }),
            "decided" => Held::Decided,
            "taken" => Held::Taken,
            "short" => Held::Short,
            "over-limit" => Held::OverLimit,
            "early" => Held::Early,
            "closed" => Held::Closed,
            "paused" => Held::Paused,
            "unknown" => Held::Unknown,
            _ => return Err(reply.unexpected()),
        })
    }

    /// The ledger has rows for these orders.
    pub async fn decided(&self, sale: SaleId, orders: &[OrderId]) -> Result<()> {
        if orders.is_empty() {
            return Ok(());
        }
        let mut call = DECIDED.prepare_invoke();
        call.key(key(sale, ":undecided"));
        for order in orders {
            call.arg(order.0);
        }
        let reply: Reply = call.invoke_async(&mut self.connection()).await?;
        if reply.word() == "cleared" {
            Ok(())
        } else {
            Err(reply.unexpected())
        }
    }

    /// Orders admitted more than `older_than_ms` ago that nobody has reported decided: with their
    /// reservation, if it still stands.
    pub async fn undecided(
        &self,
        sale: SaleId,
        older_than_ms: i64,
        at_most: u32,
    ) -> Result<Vec<(OrderId, Option<Admitted>)>> {
        let mut call = UNDECIDED.prepare_invoke();
        call.key(key(sale, ":undecided")).key(key(sale, ":held"));
        call.arg(older_than_ms).arg(at_most);
        let reply: Reply = call.invoke_async(&mut self.connection()).await?;
        if reply.word() != "found" {
            return Err(reply.unexpected());
        }
        reply
            .rest()
            .chunks_exact(2)
            .map(|pair| {
                let order: OrderId = pair[0]
                    .parse()
                    .map_err(|_| StockError::Reply(pair[0].clone()))?;
                Ok((order, reply::reservation(sale, order, &pair[1])))
            })
            .collect()
    }

    /// The reservation of an order, if there is one.
    pub async fn reservation(&self, sale: SaleId, order: OrderId) -> Result<Option<Admitted>> {
        let held: Option<String> = self.connection().hget(key(sale, ":held"), order.0).await?;
        Ok(held.and_then(|held| reply::reservation(sale, order, &held)))
    }

    /// Gives back what an order held.
    pub async fn release(&self, sale: SaleId, order: OrderId, epoch: u64) -> Result<Released> {
        let mut call = RELEASE.prepare_invoke();
        for part in ["", ":held", ":accounts", ":undecided"] {
            call.key(key(sale, part));
        }
        call.arg(order.0).arg(epoch);
        let reply: Reply = call.invoke_async(&mut self.connection()).await?;
        match reply.word() {
            "released" | "nothing" | "counted" => Ok(Released::Done),
            "later" => Ok(Released::Later),
            _ => Err(reply.unexpected()),
        }
    }

    /// How much Redis has of each of these sales; `None` where it knows nothing.
    pub async fn levels(&self, sales: &[SaleId]) -> Result<Vec<Option<Level>>> {
        if sales.is_empty() {
            return Ok(Vec::new());
        }
        let mut pipeline = redis::pipe();
        for sale in sales {
            pipeline.hmget(key(*sale, ""), &["epoch", "available"]);
        }
        let rows: Vec<(Option<u64>, Option<u32>)> =
            pipeline.query_async(&mut self.connection()).await?;
        let level = |(epoch, available): (Option<u64>, Option<u32>)| {
            Some(Level {
                epoch: epoch?,
                available: available?,
            })
        };
        Ok(rows.into_iter().map(level).collect())
    }

    /// The reservations of a sale: how many, and their units.
    pub async fn reservations(&self, sale: SaleId) -> Result<Vec<Admitted>> {
        let held: Vec<(u64, String)> = self.connection().hgetall(key(sale, ":held")).await?;
        let rows = held
            .into_iter()
            .filter_map(|(order, held)| reply::reservation(sale, OrderId(order), &held));
        Ok(rows.collect())
    }

    /// Whether Redis answers.
    pub async fn ping(&self) -> Result<()> {
        let _: String = redis::cmd("PING")
            .query_async(&mut self.connection())
            .await?;
        Ok(())
    }
}
