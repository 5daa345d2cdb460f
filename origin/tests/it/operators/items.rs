//! The catalogue at the admin API.

use super::desk::{Admin, Asked, assert_refused};
use origin::ledger::Role;
use serde_json::json;

#[tokio::test]
async fn a_seller_keeps_the_catalogue_and_overwrites_nobody() {
    let admin = Admin::new().await;
    let seller = admin.person("sam", Role::Seller).await;
    let viewer = admin.person("vera", Role::Viewer).await;
    let (sam, vera) = (
        admin.sign_in(0, &seller).await,
        admin.sign_in(0, &viewer).await,
    );
    let item = |title: &str| {
        json!({
            "sku": "lamp-1",
            "title": title,
            "attributes": [{ "name": "Colour", "value": "red" }],
            "list_price": { "amount_minor": 4_900, "currency": "USD" },
        })
    };
    let add = |token: &str| Asked::post("items").by(token).with(item("Desk lamp"));
    assert_refused(&admin.at(0, &add(&vera)).await, 403, "forbidden");
    let added = admin.at(0, &add(&sam)).await;
    assert_eq!(added.status, 201, "{}", added.body);
    assert_eq!(added.body["version"], 1);
    let id = added.body["id"].as_str().unwrap().to_owned();
    assert_eq!(
        added.header("location"),
        Some(format!("/admin/api/items/{id}").as_str())
    );
    assert_refused(&admin.at(0, &add(&sam)).await, 422, "invalid-field");

    let path = format!("items/{id}");
    let change = |version: u64, title: &str| {
        let body = json!({ "version": version, "item": item(title) });
        Asked::new("PUT", &path).by(&sam).with(body)
    };
    let changed = admin.at(1, &change(1, "Reading lamp")).await;
    assert_eq!(
        (changed.status, &changed.body["version"]),
        (200, &json!(2)),
        "{}",
        changed.body
    );
    // Somebody else saw the first version only.
    let stale = admin.at(0, &change(1, "Night lamp")).await;
    assert_eq!(stale.status, 409, "{}", stale.body);

    let found = Asked::get("items?search=reading%20red").by(&vera);
    let found = admin.at(0, &found).await;
    assert_eq!(found.body["items"][0]["id"], json!(id), "{}", found.body);
    let away = Asked::post(&format!("{path}/archive")).by(&sam);
    let archived = admin.at(0, &away.with(json!({ "version": 2 }))).await;
    assert_eq!(
        (archived.status, &archived.body["version"]),
        (200, &json!(3))
    );
    let none = admin.at(0, &Asked::get("items").by(&vera)).await;
    assert_eq!(none.body["items"], json!([]));
    assert_refused(
        &admin.at(0, &Asked::get("items/7").by(&vera)).await,
        404,
        "not-found",
    );
    let lines = admin.lines(&vera, &format!("subject=item%3A{id}")).await;
    assert_eq!(lines.len(), 3, "{lines:?}");
    let who = format!("operator:{}", seller.name);
    assert!(lines.iter().all(|line| line["actor"] == json!(who)));
}
