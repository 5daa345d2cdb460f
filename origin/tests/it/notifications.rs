//! Mails about orders: each is written once and sent at least once, under one name.

mod mail_server;

use crate::close::with_payment;
use crate::support::World;
use kernel::ids::{AccountId, OrderId};
use kernel::language::Language;
use mail_server::MailServer;
use origin::ledger::{Account, SendingEnd};
use origin::notifications::{MAILED, Sender};
use origin::settings::{MailSettings, Secret};
use std::collections::BTreeMap;

const DAY_MS: i64 = 86_400_000;

fn sender(server: &MailServer) -> Sender {
    let settings = MailSettings {
        smtp_url: Secret(server.url()),
        from: "Shop <shop@example.test>".into(),
        public_url: "http://127.0.0.1".into(),
        language: Language::En,
    };
    Sender::new(&settings).unwrap()
}

async fn account(world: &World, id: u64, contact: &str) {
    let account = Account {
        id: AccountId(id),
        contact: contact.into(),
        name: "Ada".into(),
        password_hash: "none".into(),
        language: Language::De,
    };
    assert!(world.stores.ledger.insert_account(&account).await.unwrap());
}

/// How many mails are in which state.
async fn states(world: &World) -> BTreeMap<String, i64> {
    let mut connection = world.connection().await;
    let rows: Vec<(String, i64)> =
        sqlx::query_as("SELECT state, COUNT(*) FROM notifications GROUP BY state")
            .fetch_all(&mut connection)
            .await
            .unwrap();
    rows.into_iter().collect()
}

fn counts(states: &[(&str, i64)]) -> BTreeMap<String, i64> {
    let states = states.iter();
    states
        .map(|(state, count)| ((*state).to_owned(), *count))
        .collect()
}

async fn hand_on(world: &World) {
    while world.stores.ledger.fan_out(&MAILED, 100).await.unwrap() > 0 {}
}

#[tokio::test]
async fn each_event_becomes_one_mail_however_many_hand_it_on() {
    let world = World::new().await;
    let sale = world.sale(50, 1).await;
    for account in 10..40 {
        world.pending(sale, account, 1).await;
    }
    let (paid, settlement) = with_payment(&world, sale).await;
    world.settle(&settlement).await;
    let handing = (0..6).map(|_| {
        let ledger = world.stores.ledger.clone();
        tokio::spawn(async move {
            let mut handed = 0;
            // The others may hold all rows for a moment.
            for _ in 0..20 {
                handed += ledger.fan_out(&MAILED, 3).await.unwrap();
            }
            handed
        })
    });
    let mut handed = 0;
    for each in handing.collect::<Vec<_>>() {
        handed += each.await.unwrap();
    }
    hand_on(&world).await;
    assert!(handed > 3, "they handed on together");
    // 31 orders, and one of them is paid.
    assert_eq!(states(&world).await, counts(&[("waiting", 32)]));
    world
        .sql(format!(
            "INSERT INTO order_events (order_id, kind, created_at_ms) VALUES ({paid}, 'paid', 1), ({paid}, 'packed', 1)"
        ))
        .await;
    hand_on(&world).await;
    assert_eq!(states(&world).await, counts(&[("waiting", 32)]));
    assert_eq!(world.sql("DELETE FROM order_events".into()).await, 0);
}

#[tokio::test]
async fn many_senders_send_each_mail_once() {
    let world = World::new().await;
    let server = MailServer::start().await;
    let sale = world.sale(40, 1).await;
    for id in 10..40 {
        account(&world, id, &format!("a{id}@example.test")).await;
        world.pending(sale, id, 1).await;
    }
    hand_on(&world).await;
    let sending = (0..3).map(|_| {
        let (ledger, sender) = (world.stores.ledger.clone(), sender(&server));
        tokio::spawn(async move { while sender.send_due(&ledger).await.unwrap() > 0 {} })
    });
    for each in sending.collect::<Vec<_>>() {
        each.await.unwrap();
    }
    assert_eq!(states(&world).await, counts(&[("sent", 30)]));
    let ids = server.message_ids();
    assert_eq!((ids.len(), ids.values().max()), (30, Some(&1)), "{ids:?}");
}

#[tokio::test]
async fn what_a_dead_sender_left_is_sent_under_the_same_name() {
    let world = World::new().await;
    let server = MailServer::start().await;
    let sale = world.sale(5, 1).await;
    account(&world, 10, "ada@example.test").await;
    let order = world.pending(sale, 10, 1).await;
    hand_on(&world).await;
    let ledger = &world.stores.ledger;
    let taken = ledger.take_notifications(5, 60_000).await.unwrap();
    assert_eq!(taken.len(), 1);
    let sender = sender(&server);
    assert_eq!(sender.send_due(ledger).await.unwrap(), 0, "it is taken");
    let over = "UPDATE notifications SET due_at_ms = 1";
    world.sql(over.into()).await;
    assert_eq!(sender.send_due(ledger).await.unwrap(), 1);
    let late = ledger.end_sending(&taken[0], &SendingEnd::Sent).await;
    assert!(!late.unwrap(), "who was late has nothing to say");
    // As if it had died after the mail server's yes.
    let again = "UPDATE notifications SET due_at_ms = 1, done_at_ms = NULL, state = 'sending'";
    world.sql(again.into()).await;
    assert_eq!(sender.send_due(ledger).await.unwrap(), 1);
    let id = format!("<order-{order}-accepted@example.test>");
    assert_eq!(server.message_ids(), BTreeMap::from([(id, 2)]));
    let mails = server.mails();
    assert!(mails[0].contains("multipart/alternative"), "{}", mails[0]);
    // "Ihre Bestellung": the account is German.
    assert!(mails[0].contains("Guten Tag Ada"), "{}", mails[0]);
    assert!(mails[0].contains("Auto-Submitted: auto-generated"));
}

async fn state_of(world: &World, order: OrderId) -> (String, u32, Option<i64>, Option<String>) {
    let mut connection = world.connection().await;
    sqlx::query_as("SELECT state, attempts, due_at_ms, error FROM notifications WHERE order_id = ?")
        .bind(order.0)
        .fetch_one(&mut connection)
        .await
        .unwrap()
}

#[tokio::test]
async fn a_mail_that_is_refused_is_tried_again_and_given_up_after_three_days() {
    let world = World::new().await;
    let server = MailServer::start().await;
    server.refuse(true);
    let sale = world.sale(5, 1).await;
    account(&world, 10, "ada@example.test").await;
    account(&world, 11, "+49 151 1234").await;
    let (order, phone) = (
        world.pending(sale, 10, 1).await,
        world.pending(sale, 11, 1).await,
    );
    hand_on(&world).await;
    let (ledger, sender) = (&world.stores.ledger, sender(&server));
    sender.send_due(ledger).await.unwrap();
    assert_eq!(state_of(&world, phone).await.0, "no-address");
    let (state, attempts, due_at, error) = state_of(&world, order).await;
    assert_eq!((state.as_str(), attempts), ("waiting", 1));
    assert!(
        due_at.unwrap() > 0 && error.unwrap().contains("451"),
        "it says why"
    );
    assert_eq!(ledger.waiting_notifications().await.unwrap().count, 1);

    let later = format!("UPDATE notifications SET due_at_ms = 1 WHERE order_id = {order}");
    world.sql(later.clone()).await;
    server.refuse(false);
    sender.send_due(ledger).await.unwrap();
    assert_eq!(state_of(&world, order).await.0, "sent");

    server.refuse(true);
    let long_ago = origin::now().0 - 3 * DAY_MS - 1;
    world
        .sql(format!(
            "UPDATE notifications SET state = 'waiting', done_at_ms = NULL, due_at_ms = 1,
                    created_at_ms = {long_ago} WHERE order_id = {order}"
        ))
        .await;
    sender.send_due(ledger).await.unwrap();
    let (state, _, due_at, _) = state_of(&world, order).await;
    assert_eq!((state.as_str(), due_at), ("failed", None));
}

#[tokio::test]
async fn what_was_told_long_ago_is_deleted_and_nothing_else() {
    let world = World::new().await;
    let sale = world.sale(20, 1).await;
    for account in 10..20 {
        world.pending(sale, account, 1).await;
    }
    hand_on(&world).await;
    let ledger = &world.stores.ledger;
    let done = |days: i64, limit: u32| {
        let at = origin::now().0 - days * DAY_MS;
        format!(
            "UPDATE notifications SET state = 'sent', due_at_ms = NULL, done_at_ms = {at}
             WHERE done_at_ms IS NULL LIMIT {limit}"
        )
    };
    world.sql(done(91, 4)).await;
    world.sql(done(89, 2)).await;
    let days_90 = 90 * DAY_MS;
    assert_eq!(ledger.delete_notifications(days_90, 3).await.unwrap(), 3);
    assert_eq!(ledger.delete_notifications(days_90, 3).await.unwrap(), 1);
    assert_eq!(ledger.delete_notifications(days_90, 3).await.unwrap(), 0);
    let left = counts(&[("sent", 2), ("waiting", 4)]);
    assert_eq!(states(&world).await, left);
}
