//! What operators do at the admin API, by their roles.

use super::desk::{Admin, Asked, Person, assert_refused};
use origin::ledger::Role;
use serde_json::{Value, json};

#[tokio::test]
async fn a_role_may_what_the_table_says_and_the_rest_is_refused_and_logged() {
    let admin = Admin::new().await;
    let sale = admin.world.sale(5, 1).await;
    let chief = admin.person("chief", Role::Admin).await;
    let (viewer, seller) = (
        admin.person("vera", Role::Viewer).await,
        admin.person("sam", Role::Seller).await,
    );
    let (chief, vera, sam) = (
        admin.sign_in(0, &chief).await,
        admin.sign_in(0, &viewer).await,
        admin.sign_in(0, &seller).await,
    );
    let (show, pause) = (format!("sales/{sale}"), format!("sales/{sale}/pause"));
    let shown = admin.at(1, &Asked::get(&show).by(&vera)).await;
    assert_eq!(
        (shown.status, &shown.body["redis_available"]),
        (200, &json!(5))
    );
    assert_refused(
        &admin.at(1, &Asked::post(&pause).by(&vera)).await,
        403,
        "forbidden",
    );
    let paused = admin.at(1, &Asked::post(&pause).by(&sam)).await;
    assert_eq!(
        (paused.status, &paused.body["state"]),
        (200, &json!("paused"))
    );
    for what in ["operators", "pops/pop-1/revoke", "dead-letters/1/retry"] {
        let answer = admin.at(0, &Asked::post(what).by(&sam)).await;
        assert_refused(&answer, 403, "forbidden");
    }
    assert_refused(
        &admin.at(0, &Asked::get("operators").by(&vera)).await,
        403,
        "forbidden",
    );

    let refused = admin.lines(&chief, "action=request.forbidden").await;
    assert_eq!(refused.len(), 5);
    assert_eq!(refused[4]["actor"], format!("operator:{}", viewer.name));
    assert_eq!(
        refused[4]["subject"],
        format!("POST /admin/api/sales/{sale}/pause")
    );
    assert_eq!(
        refused[4]["after"],
        json!({ "role": "viewer", "needs": "seller" })
    );
    let about = format!("subject=sale%3A{sale}&limit=1");
    let line = &admin.lines(&chief, &about).await[0];
    assert_eq!(line["action"], "sale.phase");
    assert_eq!(line["actor"], format!("operator:{}", seller.name));
    assert_eq!(
        (&line["before"], &line["after"]),
        (&json!("published"), &json!("paused"))
    );
}

#[tokio::test]
async fn bad_input_and_strangers_get_a_clear_problem() {
    let admin = Admin::new().await;
    let chief = admin.person("chief", Role::Admin).await;
    let token = admin.sign_in(0, &chief).await;
    let check = async |asked: Asked, status: u16, word: &str| {
        assert_refused(&admin.at(0, &asked).await, status, word);
    };
    for token in ["", "00", &"0".repeat(64)] {
        check(Asked::get("sales").by(token), 401, "signed-out").await;
    }
    check(Asked::get("sales"), 401, "signed-out").await;
    check(Asked::get("nothing").by(&token), 404, "unknown-path").await;
    check(Asked::delete("sales").by(&token), 405, "method-not-allowed").await;
    check(Asked::get("sales/7").by(&token), 404, "unknown-sale").await;
    check(Asked::get("sales/x").by(&token), 404, "unknown-sale").await;
    check(Asked::get("orders/7").by(&token), 404, "unknown-order").await;
    for path in ["accounts/7", "operators/nobody", "dead-letters/7"] {
        check(Asked::get(path).by(&token), 404, "not-found").await;
    }
    check(
        Asked::post("pops/nowhere/revoke").by(&token),
        404,
        "not-found",
    )
    .await;
    let add = |body: Value| Asked::post("operators").by(&token).with(body);
    check(
        add(json!({ "name": "Ada", "role": "admin" })),
        422,
        "invalid-field",
    )
    .await;
    check(
        add(json!({ "name": "ada", "role": "owner" })),
        422,
        "invalid-field",
    )
    .await;
    check(
        add(json!({ "name": chief.name, "role": "admin" })),
        422,
        "invalid-field",
    )
    .await;
    check(
        add(json!({ "name": "ada", "role": "admin", "password": "short" })),
        422,
        "invalid-field",
    )
    .await;
    check(
        add(json!({ "name": "ada", "role": "admin", "x": 1 })),
        422,
        "invalid-field",
    )
    .await;
}

#[tokio::test]
async fn an_operator_looks_after_a_sale_from_draft_to_close() {
    let admin = Admin::new().await;
    let item = admin.world.item().await;
    let sam: Person = admin.person("sam", Role::Seller).await;
    let token = admin.sign_in(0, &sam).await;
    let now = origin::now().0;
    let draft = json!({
        "item_id": item, "slug": format!("s{}", origin::random_id()), "units": 10,
        "price": { "amount_minor": 500, "currency": "EUR" },
        "opens_at_ms": now - 1, "closes_at_ms": now + 3_600_000,
    });
    let made = admin
        .at(0, &Asked::post("sales").by(&token).with(draft))
        .await;
    assert_eq!((made.status, &made.body["state"]), (201, &json!("draft")));
    let id = made.body["id"].as_str().unwrap();
    let step = async |asked: Asked| {
        let answer = admin.at(1, &asked.by(&token)).await;
        assert_eq!(answer.status, 200, "{:?}", answer.body);
        answer.body
    };
    let post = |what: &str| Asked::post(&format!("sales/{id}/{what}"));
    let terms = json!({ "price_minor": 400, "limit_per_account": 3 });
    let changed = step(Asked::new("PATCH", &format!("sales/{id}")).with(terms)).await;
    assert_eq!(changed["price"]["amount_minor"], 400);
    assert_eq!(step(post("publish")).await["state"], "open");
    let units = |direction, units| json!({ "direction": direction, "units": units });
    assert_eq!(step(post("units").with(units("add", 5))).await["total"], 15);
    assert_eq!(
        step(post("units").with(units("withdraw", 4))).await["total"],
        11
    );
    assert_eq!(step(post("rebuild")).await["rebuilt"]["available"], 11);
    assert_eq!(step(post("close")).await["state"], "closed");
    let again = admin.at(0, &post("pause").by(&token)).await;
    assert_refused(&again, 409, "wrong-state");
    let listed = step(Asked::get("sales?limit=1")).await;
    assert_eq!(
        (&listed["sales"][0]["id"], &listed["next_cursor"]),
        (&json!(id), &json!(id))
    );
    let log = admin.lines(&token, &format!("subject=sale%3A{id}")).await;
    let actions: Vec<&str> = log
        .iter()
        .rev()
        .map(|line| line["action"].as_str().unwrap())
        .collect();
    let expected = [
        "sale.create",
        "sale.change",
        "sale.publish",
        "sale.add-units",
        "sale.withdraw-units",
        "sale.rebuild",
        "sale.phase",
    ];
    assert_eq!(actions, expected);
    assert_eq!(log[5]["before"]["price"]["amount_minor"], 500);
    assert!(step(Asked::get("audit")).await["holds"] == true);
}

#[tokio::test]
async fn an_admin_writes_rules_and_begins_refunds_a_seller_does_not() {
    let admin = Admin::new().await;
    let sale = admin.world.sale(5, 1).await;
    let order = admin.world.pending(sale, 1, 1).await;
    let (chief, sam) = (
        admin.person("chief", Role::Admin).await,
        admin.person("sam", Role::Seller).await,
    );
    let (chief, sam) = (admin.sign_in(0, &chief).await, admin.sign_in(0, &sam).await);
    let refund = format!("orders/{order}/refunds");
    let begin = |token: &str| Asked::post(&refund).by(token).with(json!({}));
    assert_refused(&admin.at(0, &begin(&sam)).await, 403, "forbidden");
    // It is not paid: what the ledger says reaches who asked.
    assert_refused(&admin.at(0, &begin(&chief)).await, 409, "wrong-state");
    let shown = admin
        .at(1, &Asked::get(&format!("orders/{order}")).by(&sam))
        .await;
    let entries = json!([["available", "reserved"]]);
    let moved: Vec<Value> = shown.body["entries"]
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| json!([entry["source"], entry["target"]]))
        .collect();
    assert_eq!(json!(moved), entries);
    assert_eq!(
        admin.at(1, &Asked::get("refunds").by(&sam)).await.body["refunds"],
        json!([])
    );

    let body = json!({ "rules": { "rules": [] }, "why": "a test" });
    let write = |token: &str| Asked::post("rules").by(token).with(body.clone());
    assert_refused(&admin.at(0, &write(&sam)).await, 403, "forbidden");
    let written = admin.at(0, &write(&chief)).await;
    assert_eq!((written.status, &written.body["version"]), (201, &json!(1)));
    let shown = admin.at(1, &Asked::get("rules").by(&sam)).await;
    assert_eq!(
        (&shown.body["version"], &shown.body["why"]),
        (&json!(1), &json!("a test"))
    );
    let back = json!({ "version": 7, "why": "a test" });
    let back = Asked::post("rules/rollback").by(&chief).with(back);
    assert_refused(&admin.at(0, &back).await, 404, "not-found");
    let lines = admin.lines(&chief, "limit=1").await;
    assert!(
        lines[0]["actor"]
            .as_str()
            .unwrap()
            .starts_with("operator:chief-"),
        "{lines:?}"
    );
}
