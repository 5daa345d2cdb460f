//! The fifth algorithm: the origin's own script, called by `origin::stock`.
//!
//! Invariant: each buyer is another account with another slot.

use super::{Arguments, Bought, Sold, serve};
use crate::world::World;
use anyhow::bail;
use futures::future::try_join_all;
use kernel::ids::{AccountId, LeaseId, OrderId, SaleId};
use origin::stock::{Held, Hold, Stock};

/// Sells the stock of a new sale.
pub async fn sell(world: &World, arguments: &Arguments) -> anyhow::Result<Sold> {
    let sale = world.sale(arguments.units).await?;
    let connect = |_| Stock::connect(&world.redis_url);
    let stocks = try_join_all((0..arguments.connections).map(connect)).await?;
    serve(stocks, arguments.buyers, async |stock, buyer| {
        buy(stock, sale, u64::from(buyer) + 1).await
    })
    .await
}

async fn buy(stock: &Stock, sale: SaleId, buyer: u64) -> anyhow::Result<Bought> {
    let hold = Hold {
        sale,
        order: OrderId(buyer),
        account: AccountId(buyer),
        units: 1,
        lease: LeaseId(1),
    };
    match stock.hold(hold).await? {
        Held::Yes(_) => Ok(Bought::Yes { lost: 0 }),
        Held::Short => Ok(Bought::No),
        other => bail!("the script answered {other:?}"),
    }
}
