//! Stock: Redis, which admits.
//!
//! Invariant: every change of a sale's stock is one script call under the sale's hash tag, and can
//! be repeated; it counts only on the server that the sale was counted on. This room alone calls
//! `lua/stock`.

mod connection;
mod link;
mod reply;

mod change;
mod count;
mod tally;

pub use change::Withdrawn;
pub use connection::Connection;
pub use count::Switched;
pub use tally::{Reservation, Tally, UndecidedBacklog};

use crate::guard::{BreakerState, Shed};
use crate::ledger::Admitted;
use kernel::ids::{AccountId, LeaseId, OrderId, SaleId};
use kernel::time::UnixMillis;
use link::Link;
use redis::io::tcp::TcpSettings;
use redis::{ErrorKind, IntoConnectionInfo, Script, ServerErrorKind};
use std::sync::LazyLock;

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
    /// Redis is away or slow, or refused the call.
    #[error("Redis did not answer as it should")]
    Redis(#[source] redis::RedisError),
    /// The guard did not let the call through, or gave it up.
    #[error("the call to Redis was given up")]
    Shed(#[from] Shed),
    /// A script answered what it never answers.
    #[error("a script answered `{0}`")]
    Reply(String),
}

impl From<redis::RedisError> for StockError {
    fn from(error: redis::RedisError) -> Self {
        connection::shed_in(&error).map_or(Self::Redis(error), Self::Shed)
    }
}

impl StockError {
    /// Whether Redis cannot serve anybody now, or was not asked; an answer that refuses is none.
    pub fn is_away(&self) -> bool {
        use ServerErrorKind::{BusyLoading, ClusterDown, MasterDown, ReadOnly};
        match self {
            Self::Redis(error) => {
                // A replica takes no writes.
                let closed =
                    [BusyLoading, ClusterDown, MasterDown, ReadOnly].map(ErrorKind::Server);
                error.is_io_error()
                    || error.is_unrecoverable_error()
                    || closed.contains(&error.kind())
            }
            Self::Shed(_) => true,
            Self::Reply(_) => false,
        }
    }
}

type Result<T, E = StockError> = std::result::Result<T, E>;

/// The connection to Redis, shared, guarded and made anew when it breaks.
#[derive(Clone)]
pub struct Stock {
    link: Link,
}

impl std::fmt::Debug for Stock {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Stock")
    }
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
    /// Redis knows no such sale, counts it anew, or cannot be trusted with it.
    Counting,
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
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Level {
    /// Its epoch.
    pub epoch: u64,
    /// Units that can be held.
    pub available: u32,
    /// `open`, `paused`, `closed` or `counting`.
    pub state: String,
    /// Whether it was counted on this server, since its start.
    pub trusted: bool,
}

impl Level {
    /// Whether Redis goes by the ledger's count of this epoch.
    pub fn is_of(&self, epoch: u64) -> bool {
        self.trusted && self.epoch == epoch && self.state != COUNTING
    }
}

/// `epoch`, `available`, `state` and `server` of a sale's hash.
type LevelFields = (Option<u64>, Option<u32>, Option<String>, Option<String>);

/// The state of a sale that is being counted anew.
const COUNTING: &str = "counting";

/// An order without a row, as far as Redis knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Undecided {
    /// The order.
    pub order: OrderId,
    /// How long ago it was admitted, by Redis' clock.
    pub age_ms: i64,
    /// Its reservation, if it still stands.
    pub admitted: Option<Admitted>,
}

/// A sale's keys, in the order of the scripts.
const PARTS: [&str; 5] = ["", ":slots", ":held", ":accounts", ":undecided"];

fn key(sale: SaleId, part: &str) -> String {
    format!("sale:{{{sale}}}{part}")
}

impl Stock {
    /// Connects to `redis://host:port`.
    pub async fn connect(url: &str) -> Result<Self> {
        // A script waits for no acknowledgement of the one before it.
        let at_once = TcpSettings::default().set_nodelay(true);
        let info = url.into_connection_info()?.set_tcp_settings(at_once);
        let link = Link::open(redis::Client::open(info)?).await?;
        Ok(Self { link })
    }

    /// The connection, for the rooms that keep sessions and codes in the same Redis.
    pub fn connection(&self) -> Connection {
        Connection::new(self.link.clone())
    }

    /// What the breaker does with calls at this moment.
    pub fn breaker(&self) -> BreakerState {
        self.link.breaker()
    }

    /// Makes a sale `open`, `paused` or `closed`; false if Redis is of another epoch, or is counted
    /// anew.
    pub async fn set_state(&self, sale: SaleId, epoch: u64, state: &str) -> Result<bool> {
        let live = self.link.live().await?;
        let mut call = STATE.prepare_invoke();
        call.key(key(sale, ""));
        call.arg(live.server.as_str()).arg(epoch).arg(state);
        let reply = self.link.run_plain_on(&live, &call).await?;
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
        let arguments = [
            hold.order.0,
            hold.account.0,
            hold.units.into(),
            hold.lease.0,
        ];
        let reply = self.link.run(&mut call, &arguments).await?;
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
            "unknown" | "counting" | "distrusted" => Held::Counting,
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
        let reply = self.link.run_plain(&call).await?;
        if reply.word() == "cleared" {
            Ok(())
        } else {
            Err(reply.unexpected())
        }
    }

    /// Orders admitted more than `older_than_ms` ago that nobody has reported decided, the oldest
    /// first.
    pub async fn undecided(
        &self,
        sale: SaleId,
        older_than_ms: i64,
        at_most: u32,
    ) -> Result<Vec<Undecided>> {
        let mut call = UNDECIDED.prepare_invoke();
        call.key(key(sale, ":undecided")).key(key(sale, ":held"));
        call.arg(older_than_ms).arg(at_most);
        let reply = self.link.run_plain(&call).await?;
        if reply.word() != "found" {
            return Err(reply.unexpected());
        }
        let read = |entry: &[String]| {
            let order = entry[0].parse().ok()?;
            Some(Undecided {
                order,
                age_ms: entry[1].parse().ok()?,
                admitted: reply::reservation(sale, order, &entry[2]),
            })
        };
        let entries = reply.rest().chunks_exact(3);
        let undecided: Option<Vec<Undecided>> = entries.map(read).collect();
        undecided.ok_or_else(|| reply.unexpected())
    }

    /// The reservation of an order, if there is one.
    pub async fn reservation(&self, sale: SaleId, order: OrderId) -> Result<Option<Admitted>> {
        let mut pipeline = redis::pipe();
        pipeline.hget(key(sale, ":held"), order.0);
        let (held,): (Option<String>,) = self.link.query(&pipeline).await?;
        Ok(held.and_then(|held| reply::reservation(sale, order, &held)))
    }

    /// The account that has spent a slot, as far as Redis knows.
    pub async fn spender(&self, sale: SaleId, slot: OrderId) -> Result<Option<AccountId>> {
        let mut pipeline = redis::pipe();
        pipeline.hget(key(sale, ":slots"), slot.0);
        let (account,): (Option<u64>,) = self.link.query(&pipeline).await?;
        Ok(account.map(AccountId))
    }

    /// Gives back what an order held.
    pub async fn release(&self, sale: SaleId, order: OrderId, epoch: u64) -> Result<Released> {
        self.end(sale, order, epoch, true).await
    }

    /// Ends what an order held: its units have left the sale.
    pub async fn leave(&self, sale: SaleId, order: OrderId, epoch: u64) -> Result<Released> {
        self.end(sale, order, epoch, false).await
    }

    async fn end(
        &self,
        sale: SaleId,
        order: OrderId,
        epoch: u64,
        on_sale: bool,
    ) -> Result<Released> {
        let mut call = RELEASE.prepare_invoke();
        for part in ["", ":held", ":accounts", ":undecided"] {
            call.key(key(sale, part));
        }
        let arguments = [epoch, order.0, on_sale.into()];
        let reply = self.link.run(&mut call, &arguments).await?;
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
            let fields = ["epoch", "available", "state", "server"];
            pipeline.hmget(key(*sale, ""), &fields);
        }
        let live = self.link.live().await?;
        let rows: Vec<LevelFields> = self.link.query_on(&live, &pipeline).await?;
        let level = |(epoch, available, state, server): LevelFields| {
            Some(Level {
                epoch: epoch?,
                available: available?,
                state: state?,
                trusted: server.as_deref() == Some(live.server.as_str()),
            })
        };
        Ok(rows.into_iter().map(level).collect())
    }

    /// Whether Redis answers.
    pub async fn ping(&self) -> Result<()> {
        let mut pipeline = redis::pipe();
        pipeline.cmd("PING");
        let (_,): (String,) = self.link.query(&pipeline).await?;
        Ok(())
    }
}
