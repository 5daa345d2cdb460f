//! What is known of a person: handed out, and erased.

use super::{PASSWORD, Post, fresh};
use crate::site::assert_problem;
use kernel::ids::AccountId;
use kernel::wire::Address;
use origin::accounts::{add, erase, export};
use origin::ledger::{Actor, Cancelled, StartPayment};
use origin::ops::audit::audit;
use serde_json::{Value, json};
use sqlx::Row;

const STREET: &str = "12 Analytical Street";

/// A pending order of this account, with a payment that says where it goes.
async fn ordered(post: &Post, account: u64) -> kernel::ids::OrderId {
    let world = &post.site.world;
    let sale = world.sale(5, 2).await;
    let id = world.pending(sale, account, 1).await;
    let ledger = &world.stores.ledger;
    let order = ledger.order_of_anyone(id).await.unwrap().unwrap();
    let ship_to = Address {
        name: "Ada Secret".into(),
        lines: vec![STREET.into()],
        postcode: "10115".into(),
        city: "Berlin".into(),
        country: "DE".into(),
    };
    let start = StartPayment {
        id: kernel::ids::PaymentId(world.id().await),
        order: &order,
        provider: "sandbox",
        ship_to: &ship_to,
    };
    ledger.start_payment(start).await.unwrap();
    id
}

/// How often each of these texts stands in any column of any table that has to do with accounts.
async fn left(post: &Post, texts: &[&str]) -> Vec<String> {
    let mut connection = post.site.world.connection().await;
    let mut found = Vec::new();
    for table in [
        "accounts",
        "addresses",
        "orders",
        "payments",
        "operator_log",
        "order_events",
    ] {
        let query = format!("SELECT * FROM {table}");
        let rows = sqlx::query(sqlx::AssertSqlSafe(query))
            .fetch_all(&mut connection)
            .await
            .unwrap();
        for row in rows {
            for column in 0..row.len() {
                let value: String = row.try_get_unchecked(column).unwrap_or_default();
                if texts.iter().any(|text| value.contains(text)) {
                    found.push(format!("{table}: {value}"));
                }
            }
        }
    }
    found
}

#[tokio::test]
async fn an_erased_account_leaves_its_orders_and_nothing_of_a_person() {
    let post = Post::new().await;
    let contact = fresh("erased");
    let id = post.register("10.12.0.1", &contact, &contact).await;
    let account = AccountId(id.parse().unwrap());
    let cookie = post.cookie(&id).await;
    let address = json!({ "name": "Ada Secret", "lines": [STREET], "postcode": "", "city": "B", "country": "DE" });
    let body = json!({ "address": address });
    let path = "/api/account/addresses";
    assert_eq!(post.own(&cookie, "POST", path, body).await.0, 201);
    let order = ordered(&post, account.0).await;

    let (status, all) = post
        .own(&cookie, "GET", "/api/account/export", Value::Null)
        .await;
    assert_eq!((status, &all["account"]["contact"]), (200, &json!(contact)));
    assert_eq!(all["orders"][0]["order"]["order_id"], order.to_string());
    assert_eq!(all["orders"][0]["ship_to"]["lines"][0], STREET);
    assert_eq!(all["sessions"].as_array().unwrap().len(), 2);

    let end = async |password: &str| {
        let body = json!({ "current_password": password });
        post.own(&cookie, "DELETE", "/api/account", body).await
    };
    let answer = end("guess guess").await;
    assert_eq!(
        answer.1["errors"][0]["field"], "current_password",
        "{answer:?}"
    );
    assert_problem(&end(PASSWORD).await, 409, "orders-open");
    let stores = &post.site.world.stores;
    let cancelled = stores.ledger.cancel(order, account).await.unwrap();
    assert_eq!(cancelled, Cancelled::Yes);
    let secrets = [contact.as_str(), "Ada", STREET, "argon2"];
    assert!(
        left(&post, &secrets).await.len() >= 3,
        "they are looked for rightly"
    );
    assert_eq!(end(PASSWORD).await.0, 204);

    assert_eq!(left(&post, &secrets).await, Vec::<String>::new());
    let row = stores.ledger.order_of_anyone(order).await.unwrap().unwrap();
    assert_eq!((row.account, row.quantity), (account, 1));
    let answer = post.own(&cookie, "GET", "/api/account", Value::Null).await;
    assert_problem(&answer, 401, "signed-out");
    let answer = post.sign_in("10.12.0.1", &contact, PASSWORD).await;
    assert_problem(&answer, 401, "wrong-password");
    origin::orders::release_all(stores).await.unwrap();
    let report = audit(&stores.ledger, &stores.stock).await.unwrap();
    assert!(report.holds, "{report:?}");
    // The contact is free: somebody can begin anew.
    let anew = add(&stores.ledger, &stores.ids, &contact, "Ada", PASSWORD)
        .await
        .unwrap();
    assert_ne!(anew.id, account);
}

#[tokio::test]
async fn what_an_operator_hands_out_or_erases_is_in_the_log() {
    let post = Post::new().await;
    let stores = &post.site.world.stores;
    let (ledger, stock) = (&stores.ledger, &stores.stock);
    let contact = fresh("operator");
    let account = add(ledger, &stores.ids, &contact, "Ada", PASSWORD)
        .await
        .unwrap();
    let cookie = post.cookie(&account.id.to_string()).await;
    let actor = Actor("shell:test".into());
    let all = export(ledger, stock, &actor, account.id).await.unwrap();
    assert_eq!(
        (all.account.contact.as_str(), all.sessions.len()),
        (contact.as_str(), 1)
    );
    erase(ledger, stock, &actor, account.id).await.unwrap();
    assert!(erase(ledger, stock, &actor, account.id).await.is_err());
    let renewed = post.own(&cookie, "GET", "/api/session", Value::Null).await;
    assert_problem(&renewed, 401, "signed-out");
    let mut connection = post.site.world.connection().await;
    let lines: Vec<(String, String, String)> =
        sqlx::query_as("SELECT actor, action, subject FROM operator_log ORDER BY id")
            .fetch_all(&mut connection)
            .await
            .unwrap();
    let subject = format!("account:{}", account.id);
    let line = |action: &str| ("shell:test".to_owned(), action.to_owned(), subject.clone());
    assert_eq!(lines, [line("account.export"), line("account.erase")]);
}
