//! Making and publishing sales.

use crate::support::{World, actor};
use origin::sales::{PublishError, Published, Terms, change_terms, create, publish};
use origin::stock::Switched;

#[tokio::test]
async fn publishing_twice_changes_nothing() {
    let world = World::new().await;
    let sale = world.sale(10, 2).await;
    world.admit(sale, 1, 2).await;
    let again = publish(
        &world.stores.ledger,
        &world.stores.stock,
        &actor(),
        None,
        sale,
    )
    .await
    .unwrap();
    assert_eq!(again, Published::Before);
    assert_eq!(world.available(sale).await, 8);
}

#[tokio::test]
async fn a_publication_cut_off_after_the_load_is_repeated() {
    let world = World::new().await;
    let draft = world.draft(10, 2).await;
    let id = create(&world.stores.ledger, &world.stores.ids, &actor(), draft)
        .await
        .unwrap();
    // As if the process had died between loading Redis and making the sale public.
    let (ledger, stock) = (&world.stores.ledger, &world.stores.stock);
    let count = ledger.count(id, 0).await.unwrap();
    assert_eq!(stock.switch(&count).await.unwrap(), Switched::Yes);
    let kept = Switched::Kept(count.epoch);
    assert_eq!(
        stock.switch(&count).await.unwrap(),
        kept,
        "an epoch is loaded once"
    );

    assert_eq!(
        publish(ledger, stock, &actor(), None, id).await.unwrap(),
        Published::Now
    );
    assert_eq!(world.available(id).await, 10);
    let counts = ledger.sale_counts(id).await.unwrap().unwrap();
    assert_eq!(counts.entries, [10, 0, 0]);
}

#[tokio::test]
async fn a_slug_is_taken_once_and_an_unknown_sale_is_named() {
    let world = World::new().await;
    let draft = world.draft(1, 1).await;
    let (ledger, ids) = (&world.stores.ledger, &world.stores.ids);
    create(ledger, ids, &actor(), draft.clone()).await.unwrap();
    let error = create(ledger, ids, &actor(), draft).await.unwrap_err();
    assert!(error.to_string().contains("is taken"), "{error}");
    let unknown = publish(
        ledger,
        &world.stores.stock,
        &actor(),
        None,
        kernel::ids::SaleId(5),
    )
    .await;
    assert!(matches!(unknown, Err(PublishError::Unknown(_))));
}

#[tokio::test]
async fn terms_change_and_redis_takes_them_in() {
    let world = World::new().await;
    let sale = world.sale(10, 1).await;
    world.pending(sale, 1, 1).await;
    let terms = Terms {
        limit_per_account: Some(2),
        rate_per_second: Some(7),
        ..Terms::default()
    };
    let (ledger, now) = (&world.stores.ledger, origin::now());
    change_terms(ledger, &actor(), None, sale, terms, now)
        .await
        .unwrap();
    let watched = ledger.watched_sales(0).await.unwrap();
    assert!(watched[0].asked, "the limit is Redis' to know");
    world.rebuild(sale).await;
    assert!(!ledger.watched_sales(0).await.unwrap()[0].asked);
    world.admit(sale, 1, 1).await;
    let row = ledger.sale(sale).await.unwrap().unwrap();
    assert_eq!(row.sale.rate_per_second, 7);
    let price = Terms {
        price_minor: Some(1),
        ..Terms::default()
    };
    let error = change_terms(ledger, &actor(), None, sale, price, now)
        .await
        .unwrap_err();
    assert!(error.to_string().contains("frozen"), "{error}");
}

#[tokio::test]
async fn a_draft_that_changes_while_it_is_published_is_not() {
    let world = World::new().await;
    let draft = world.draft(10, 1).await;
    let (ledger, stock) = (&world.stores.ledger, &world.stores.stock);
    let id = create(ledger, &world.stores.ids, &actor(), draft)
        .await
        .unwrap();
    let count = ledger.count(id, 0).await.unwrap();
    stock.switch(&count).await.unwrap();
    let terms = Terms {
        units: Some(4),
        ..Terms::default()
    };
    change_terms(ledger, &actor(), None, id, terms, origin::now())
        .await
        .unwrap();
    let by = actor();
    let late = ledger.finish_publish(&by, id, count.epoch, count.available, None);
    assert!(late.await.is_err(), "10 units were loaded and 4 are meant");
    publish(ledger, stock, &actor(), None, id).await.unwrap();
    assert_eq!(world.available(id).await, 4);
}
