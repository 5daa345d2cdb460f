//! Pausing, resuming and closing a running sale.

use crate::support::{World, actor};
use kernel::sale::Phase;
use origin::sales::{Change, PhaseError, change, create};
use origin::stock::Held;

async fn apply(world: &World, sale: kernel::ids::SaleId, wanted: Change) -> Result<(), PhaseError> {
    change(
        &world.stores.ledger,
        &world.stores.stock,
        &actor(),
        sale,
        wanted,
    )
    .await
}

#[tokio::test]
async fn a_paused_sale_admits_nobody_until_it_is_resumed() {
    let world = World::new().await;
    let sale = world.sale(5, 5).await;
    let before = world.admit(sale, 1, 1).await;
    for _ in 0..2 {
        apply(&world, sale, Change::Pause).await.unwrap();
    }
    assert_eq!(world.hold(sale, 2, 1).await.1, Held::Paused);
    let again = world.hold_again(sale, before.order_id, 1, 1).await;
    assert_eq!(again, Held::Yes(before), "what was admitted before stands");
    apply(&world, sale, Change::Resume).await.unwrap();
    world.admit(sale, 2, 1).await;
}

#[tokio::test]
async fn a_closed_sale_stays_closed_and_its_orders_can_be_decided() {
    let world = World::new().await;
    let sale = world.sale(5, 5).await;
    let order = world.admit(sale, 1, 1).await;
    apply(&world, sale, Change::Close).await.unwrap();
    apply(&world, sale, Change::Close).await.unwrap();
    assert_eq!(world.hold(sale, 2, 1).await.1, Held::Closed);
    let resumed = apply(&world, sale, Change::Resume).await;
    assert!(matches!(resumed, Err(PhaseError::NotRunning(_, "closed"))));
    let decided = world.stores.ledger.decide(sale, &[order]).await.unwrap();
    assert_eq!(decided.accepted.len(), 1);
}

#[tokio::test]
async fn a_draft_has_nothing_to_hold() {
    let world = World::new().await;
    let draft = world.draft(5, 1).await;
    let (ledger, ids) = (&world.stores.ledger, &world.stores.ids);
    let id = create(ledger, ids, &actor(), draft).await.unwrap();
    let paused = apply(&world, id, Change::Pause).await;
    assert!(matches!(paused, Err(PhaseError::NotRunning(_, "draft"))));
    assert_eq!(ledger.sale(id).await.unwrap().unwrap().phase, Phase::Draft);
}
