//! Two origins on the same stores, and counts that somebody has tampered with.

use crate::backend::Backend;
use kernel::order::Refusal;

#[tokio::test(flavor = "multi_thread")]
async fn two_whole_origins_and_one_is_killed() {
    let backend = Backend::new().await;
    backend.start_whole();
    backend.start_whole();
    let sale = backend.sale(120).await;
    let outcome = backend.rush(sale, 300, 40, async || {
        backend.kill(1);
        // A balancer would send its buyers to the other.
        backend.forget(1);
    });
    let outcome = outcome.await;
    assert_eq!(backend.decided(&outcome).await, 120);
    backend.settled(sale).await;
    assert_eq!(backend.row(sale).await.available(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn roles_apart_and_a_decider_is_killed() {
    let backend = Backend::new().await;
    for roles in ["http", "http", "decider", "decider", "timers", "outboxes"] {
        backend.start(roles, &[]);
    }
    let sale = backend.sale(120).await;
    let outcome = backend.rush(sale, 300, 40, async || backend.kill(2)).await;
    assert_eq!(backend.decided(&outcome).await, 120);
    backend.settled(sale).await;
    assert_eq!(backend.row(sale).await.available(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_units_that_are_not_there_are_never_confirmed() {
    let backend = Backend::new().await;
    backend.start_whole();
    let sale = backend.sale(60).await;
    let add = async || {
        let client = redis::Client::open(backend.urls.redis.as_str()).unwrap();
        let mut redis = client.get_multiplexed_async_connection().await.unwrap();
        let mut add = redis::cmd("HINCRBY");
        add.arg(format!("sale:{{{sale}}}"))
            .arg("available")
            .arg(1_000);
        let _: i64 = add.query_async(&mut redis).await.unwrap();
    };
    let outcome = backend.rush(sale, 400, 20, add).await;
    assert_eq!(backend.decided(&outcome).await, 60, "as many as there are");
    backend.settled(sale).await;
    let row = backend.row(sale).await;
    assert_eq!((row.reserved, row.available()), (60, 0));
    assert!(row.epoch > 1, "it was counted anew");
    let accepted = outcome.accepted.lock().unwrap().clone();
    for id in accepted {
        let order = backend
            .stores
            .ledger
            .order_of_anyone(id)
            .await
            .unwrap()
            .unwrap();
        let plain = matches!(
            order.reason,
            None | Some(Refusal::SoldOut | Refusal::TryAgain)
        );
        assert!(plain, "{order:?}");
    }
}
