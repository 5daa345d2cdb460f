//! Programs of others that are told of orders.

mod subscriber;

use crate::close::with_payment;
use crate::support::{World, eventually};
use origin::ledger::{Actor, OrderEvent};
use origin::notifications::MAILED;
use origin::settings::SubscriptionSettings;
use origin::subscriptions::{
    Call, CallError, Caller, SigningSecret, SubscribeError, deliver, subscribe,
};
use std::sync::LazyLock;
use subscriber::{Subscriber, Told};
use tokio::task::JoinHandle;

fn actor() -> &'static Actor {
    static GRACE: LazyLock<Actor> = LazyLock::new(|| Actor("operator:grace".into()));
    &GRACE
}

fn caller(private: bool) -> Caller {
    Caller::new(SubscriptionSettings { private }).unwrap()
}

async fn follow(world: &World, url: &str, kinds: &[OrderEvent]) -> (u64, SigningSecret) {
    let (ledger, ids) = (&world.stores.ledger, &world.stores.ids);
    let made = subscribe(ledger, ids, url, kinds.to_vec(), None, actor());
    made.await.unwrap()
}

async fn hand_on(world: &World) {
    while world.stores.ledger.fan_out(&MAILED, 100).await.unwrap() > 0 {}
}

fn deliverer(world: &World) -> JoinHandle<()> {
    tokio::spawn(deliver(world.stores.ledger.clone(), caller(true)))
}

/// All that waits is due now.
async fn hurry(world: &World) {
    world
        .sql("UPDATE webhook_deliveries SET due_at_ms = 1 WHERE state = 'waiting'".into())
        .await;
}

#[tokio::test]
async fn a_subscriber_is_told_in_signed_messages_that_name_nobody() {
    let world = World::new().await;
    let subscriber = Subscriber::start().await;
    let kinds = [OrderEvent::Paid, OrderEvent::Accepted];
    let (id, secret) = follow(&world, &subscriber.url("/hook"), &kinds).await;
    let sale = world.sale(5, 1).await;
    let (order, settlement) = with_payment(&world, sale).await;
    world.settle(&settlement).await;
    hand_on(&world).await;
    let working = deliverer(&world);
    let ledger = &world.stores.ledger;
    eventually("two messages", async || {
        let log = ledger.deliveries(id, u64::MAX, 10).await.unwrap();
        let told = log.iter().filter(|delivery| delivery.state == "delivered");
        told.count() == 2
    })
    .await;
    working.abort();
    assert_eq!(subscriber.told().len(), 2);
    for Told { headers, body, .. } in subscriber.told() {
        let signed = secret.sign(
            &headers["webhook-id"],
            headers["webhook-timestamp"].parse().unwrap(),
            body.as_bytes(),
        );
        assert_eq!(headers["webhook-signature"], signed);
        let message: serde_json::Value = serde_json::from_str(&body).unwrap();
        let kind = message["type"].as_str().unwrap();
        assert!(["order.accepted", "order.paid"].contains(&kind), "{body}");
        assert_eq!(message["data"]["order_id"], order.to_string());
        assert_eq!(message["data"]["state"], "paid");
        assert!(message["timestamp"].as_str().unwrap().ends_with('Z'));
        for hidden in ["checkout", "Ada", "Main Street", "Town", "account"] {
            assert!(!body.contains(hidden), "{hidden} in {body}");
        }
    }
}

#[tokio::test]
async fn what_failed_is_told_again_under_the_same_id_and_what_was_told_can_be_replayed() {
    let world = World::new().await;
    let subscriber = Subscriber::start().await;
    subscriber.answer(503);
    let (id, _) = follow(&world, &subscriber.url("/"), &[OrderEvent::Accepted]).await;
    let sale = world.sale(5, 1).await;
    world.pending(sale, 1, 1).await;
    hand_on(&world).await;
    let working = deliverer(&world);
    eventually("the first attempt", async || subscriber.told().len() == 1).await;
    subscriber.answer(204);
    let ledger = &world.stores.ledger;
    let delivered = async || {
        let log = ledger.deliveries(id, u64::MAX, 10).await.unwrap();
        log.len() == 1 && log[0].state == "delivered"
    };
    eventually("the delivery", async || {
        hurry(&world).await;
        delivered().await
    })
    .await;
    let delivery = ledger.deliveries(id, u64::MAX, 10).await.unwrap()[0].id;
    let attempts = ledger.attempts(delivery).await.unwrap();
    let statuses: Vec<_> = attempts.iter().map(|(_, attempt)| attempt.status).collect();
    assert_eq!(
        (statuses[0], *statuses.last().unwrap()),
        (Some(503), Some(204))
    );
    assert!(attempts[0].1.error.as_ref().unwrap().contains("503"));

    let before = subscriber.told().len();
    assert!(ledger.replay_delivery(delivery, actor()).await.unwrap());
    assert!(!ledger.replay_delivery(delivery + 1, actor()).await.unwrap());
    eventually("the replay", async || {
        subscriber.told().len() == before + 1 && delivered().await
    })
    .await;
    let (from, until) = (
        origin::now().plus_seconds(-60),
        origin::now().plus_seconds(60),
    );
    let replay = async |from, until| {
        let count = ledger.replay_deliveries(id, from, until, actor()).await;
        count.unwrap()
    };
    assert_eq!(replay(until, until.plus_seconds(1)).await, 0);
    assert_eq!(replay(from, until).await, 1);
    eventually("the second replay", async || {
        subscriber.told().len() == before + 2
    })
    .await;
    working.abort();
    let told = subscriber.told();
    let first = &told[0];
    for again in &told[1..] {
        assert_eq!(again.headers["webhook-id"], first.headers["webhook-id"]);
        assert_eq!(again.body, first.body);
    }
}

fn call_of<'a>(url: &'a str, secret: &'a SigningSecret) -> Call<'a> {
    Call {
        url,
        secret,
        id: "evt_1",
        seconds: 1,
        body: "{}",
    }
}

#[tokio::test]
async fn private_addresses_are_not_called_and_redirects_not_followed() {
    let subscriber = Subscriber::start().await;
    let secret = SigningSecret::draw();
    let careful = caller(false);
    let port = subscriber.url("/").rsplit_once(':').unwrap().1.to_owned();
    let url = subscriber.url("/");
    let digits = careful.call(call_of(&url, &secret)).await;
    assert!(matches!(digits, Err(CallError::Private)), "{digits:?}");
    let mapped = format!("http://[::ffff:127.0.0.1]:{port}");
    let mapped = careful.call(call_of(&mapped, &secret)).await;
    assert!(matches!(mapped, Err(CallError::Private)), "{mapped:?}");
    // No numbers but a name; and numbers that only a resolver takes for an address.
    for host in ["localhost", "127.1", "2130706433", "0x7f000001"] {
        let url = format!("http://{host}:{port}");
        let answer = careful.call(call_of(&url, &secret)).await;
        assert!(answer.is_err(), "{host}: {answer:?}");
    }
    assert_eq!(subscriber.told().len(), 0, "nobody was called");

    subscriber.answer(307);
    let answer = caller(true)
        .call(call_of(&subscriber.url("/"), &secret))
        .await;
    assert_eq!(answer.unwrap().as_u16(), 307);
    assert_eq!(subscriber.told().len(), 1, "it led back here");
}

#[tokio::test]
async fn a_subscriber_that_is_gone_is_told_nothing_more() {
    let world = World::new().await;
    let (gone, failing) = (Subscriber::start().await, Subscriber::start().await);
    gone.answer(410);
    failing.answer(500);
    let kinds = [OrderEvent::Accepted];
    let (gone_id, _) = follow(&world, &gone.url("/"), &kinds).await;
    let (failing_id, _) = follow(&world, &failing.url("/"), &kinds).await;
    let sale = world.sale(9, 1).await;
    world.pending(sale, 1, 1).await;
    hand_on(&world).await;
    let ledger = &world.stores.ledger;
    let is_on = async |id| ledger.subscription(id).await.unwrap().unwrap().active;
    let working = deliverer(&world);
    eventually("410", async || !is_on(gone_id).await).await;
    eventually("a failure", async || !failing.told().is_empty()).await;
    assert!(is_on(failing_id).await, "one failure is none");
    let day_ago = origin::now().plus_seconds(-86_401);
    let often = format!(
        "UPDATE webhook_subscriptions SET failures = 49, failing_since_ms = {} WHERE id = {failing_id}",
        day_ago.0
    );
    eventually("the end of patience", async || {
        world.sql(often.clone()).await;
        hurry(&world).await;
        !is_on(failing_id).await
    })
    .await;
    // Who is off is told nothing of what happens now; switched on, of what comes.
    world.pending(sale, 2, 1).await;
    hand_on(&world).await;
    failing.answer(200);
    assert!(
        ledger
            .switch_subscription(failing_id, true, actor())
            .await
            .unwrap()
    );
    world.pending(sale, 3, 1).await;
    hand_on(&world).await;
    eventually("what waited and what came", async || {
        hurry(&world).await;
        let log = ledger.deliveries(failing_id, u64::MAX, 10).await.unwrap();
        log.len() == 2 && log.iter().all(|delivery| delivery.state == "delivered")
    })
    .await;
    working.abort();
    assert!(ledger.remove_subscription(gone_id, actor()).await.unwrap());
    assert!(!ledger.remove_subscription(gone_id, actor()).await.unwrap());
    let mut connection = world.connection().await;
    let lines: Vec<String> = sqlx::query_scalar(
        "SELECT CONCAT(action, COALESCE(before_json, ''), COALESCE(after_json, '')) FROM operator_log",
    )
    .fetch_all(&mut connection)
    .await
    .unwrap();
    assert_eq!(lines.len(), 4, "{lines:?}");
    assert!(
        !lines.iter().any(|line| line.contains("whsec_")),
        "{lines:?}"
    );
}

#[tokio::test]
async fn a_subscription_is_refused_that_nobody_could_be_told_by() {
    let world = World::new().await;
    let (ledger, ids) = (&world.stores.ledger, &world.stores.ids);
    let ask = async |url: &str, kinds: Vec<OrderEvent>, secret: Option<&str>| {
        subscribe(ledger, ids, url, kinds, secret, actor()).await
    };
    let good = "https://shop.example/hook";
    let paid = || vec![OrderEvent::Paid];
    let refused = ask("ftp://shop.example", paid(), None).await;
    assert!(matches!(refused, Err(SubscribeError::Url)));
    let long = format!("{good}?{}", "a".repeat(500));
    assert!(matches!(
        ask(&long, paid(), None).await,
        Err(SubscribeError::Url)
    ));
    let refused = ask(good, Vec::new(), None).await;
    assert!(matches!(refused, Err(SubscribeError::Kinds)));
    let refused = ask(good, paid(), Some("whsec_c2hvcnQ=")).await;
    assert!(matches!(refused, Err(SubscribeError::Secret(_))));
    for _ in 0..20 {
        ask(good, paid(), None).await.unwrap();
    }
    assert!(matches!(
        ask(good, paid(), None).await,
        Err(SubscribeError::Full)
    ));
}
