//! The audit: a world in order passes, and each kind of planted fault is found.

use crate::support::World;
use origin::ops::audit::audit;

async fn broken(world: &World) -> Vec<&'static str> {
    let report = audit(&world.stores.ledger, &world.stores.stock)
        .await
        .unwrap();
    let broken: Vec<_> = report
        .checks
        .iter()
        .filter(|check| !check.findings.is_empty())
        .map(|check| check.invariant)
        .collect();
    assert_eq!(report.holds, broken.is_empty());
    broken
}

#[tokio::test]
async fn a_world_in_order_passes() {
    let world = World::new().await;
    let sale = world.sale(5, 2).await;
    world.pending(sale, 1, 2).await;
    assert_eq!(broken(&world).await, Vec::<&str>::new());
}

#[tokio::test]
async fn a_counter_that_was_tampered_with_is_found() {
    let world = World::new().await;
    let sale = world.sale(5, 2).await;
    world.pending(sale, 1, 2).await;
    world
        .sql(format!("UPDATE sales SET reserved = 1 WHERE id = {sale}"))
        .await;
    assert_eq!(broken(&world).await, ["books-balance"]);
}

#[tokio::test]
async fn a_unit_that_redis_has_twice_is_found() {
    let world = World::new().await;
    let sale = world.sale(5, 2).await;
    world.pending(sale, 1, 2).await;
    let mut redis = world.stores.stock.connection();
    let key = format!("sale:{{{sale}}}");
    let _: () = redis::AsyncCommands::hset(&mut redis, key, "available", 4)
        .await
        .unwrap();
    assert_eq!(broken(&world).await, ["never-oversold", "ledger-first"]);
}

#[tokio::test]
async fn an_account_above_its_limit_is_found() {
    let world = World::new().await;
    let sale = world.sale(5, 2).await;
    world.pending(sale, 1, 2).await;
    world
        .sql("UPDATE sales SET limit_per_account = 1".into())
        .await;
    assert_eq!(broken(&world).await, ["limit-per-account"]);
}

#[tokio::test]
async fn an_order_nobody_expires_is_found() {
    let world = World::new().await;
    let sale = world.sale(5, 2).await;
    world.pending(sale, 1, 2).await;
    world
        .sql("UPDATE orders SET expires_at_ms = 1".into())
        .await;
    assert_eq!(broken(&world).await, ["nothing-leaks"]);
}

#[tokio::test]
async fn an_order_paid_without_money_is_found() {
    let world = World::new().await;
    let sale = world.sale(5, 2).await;
    let id = world.pending(sale, 1, 2).await;
    world
        .sql(format!("UPDATE orders SET state = 'paid' WHERE id = {id}"))
        .await;
    assert_eq!(broken(&world).await, ["books-balance", "paid-once"]);
}
