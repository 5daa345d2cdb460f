//! Making and publishing sales.

use crate::support::World;
use origin::sales::{PublishError, Published, create, publish};

#[tokio::test]
async fn publishing_twice_changes_nothing() {
    let world = World::new().await;
    let sale = world.sale(10, 2).await;
    world.admit(sale, 1, 2).await;
    let again = publish(&world.stores.ledger, &world.stores.stock, sale)
        .await
        .unwrap();
    assert_eq!(again, Published::Before);
    assert_eq!(world.available(sale).await, 8);
}

#[tokio::test]
async fn a_publication_cut_off_after_the_load_is_repeated() {
    let world = World::new().await;
    let draft = world.draft(10, 2).await;
    let id = create(&world.stores.ledger, &world.stores.ids, draft)
        .await
        .unwrap();
    // As if the process had died between loading Redis and making the sale public.
    let (ledger, stock) = (&world.stores.ledger, &world.stores.stock);
    ledger.begin_publish(id).await.unwrap();
    let row = ledger.sale(id).await.unwrap().unwrap();
    let load = origin::stock::Load {
        sale: id,
        epoch: row.epoch,
        available: 10,
        limit: 2,
        opens_at: row.sale.opens_at,
        closes_at: row.sale.closes_at,
    };
    assert!(stock.load(load).await.unwrap());
    assert!(
        !stock.load(load).await.unwrap(),
        "the same epoch is loaded once"
    );

    assert_eq!(publish(ledger, stock, id).await.unwrap(), Published::Now);
    assert_eq!(world.available(id).await, 10);
    let counts = ledger.sale_counts(id).await.unwrap().unwrap();
    assert_eq!(counts.entries, [10, 0, 0]);
}

#[tokio::test]
async fn a_slug_is_taken_once_and_an_unknown_sale_is_named() {
    let world = World::new().await;
    let draft = world.draft(1, 1).await;
    let (ledger, ids) = (&world.stores.ledger, &world.stores.ids);
    create(ledger, ids, draft.clone()).await.unwrap();
    let error = create(ledger, ids, draft).await.unwrap_err();
    assert!(error.to_string().contains("is taken"), "{error}");
    let unknown = publish(ledger, &world.stores.stock, kernel::ids::SaleId(5)).await;
    assert!(matches!(unknown, Err(PublishError::Unknown(_))));
}
