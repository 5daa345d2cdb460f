//! The edge and webhooks listeners: who is let in, and what each refusal says.

use crate::site::{Call, GET, Site, assert_problem, read};
use axum::body::Body;
use axum::http::Request;
use kernel::edge_report::MADE_HEADER;
use kernel::ids::{AccountId, LeaseId, OrderId};
use kernel::pop_signature::{POP_HEADER, TIME_HEADER};
use kernel::token::{PurchaseToken, mint};
use origin::http::{edge_routes, webhook_routes};
use serde_json::json;
use tower::ServiceExt;

#[tokio::test]
async fn nothing_is_answered_that_no_pop_has_signed() {
    let site = Site::new().await;
    for path in ["/internal/snapshot", "/api/session", "/nothing"] {
        let bare = Request::builder().uri(path).body(Body::empty()).unwrap();
        assert_problem(&site.send(bare).await, 403, "unknown-pop");
    }
    let mut stranger = site.signed(&Call {
        path: "/internal/snapshot",
        ..GET
    });
    stranger
        .headers_mut()
        .insert(POP_HEADER, "pop-9".parse().unwrap());
    assert_problem(&site.send(stranger).await, 403, "unknown-pop");
    let mut moved = site.signed(&Call {
        path: "/internal/snapshot",
        ..GET
    });
    *moved.uri_mut() = "/api/session".parse().unwrap();
    assert_problem(&site.send(moved).await, 403, "unknown-pop");
}

#[tokio::test]
async fn the_snapshot_shows_public_sales_and_is_not_sent_twice() {
    let site = Site::new().await;
    let sale = site.world.sale(50, 2).await;
    let (status, snapshot) = site
        .call(Call {
            path: "/internal/snapshot",
            ..GET
        })
        .await;
    assert_eq!(status, 200);
    assert_eq!(snapshot["sales"][0]["id"], sale.to_string());
    assert_eq!(snapshot["sales"][0]["state"], "open");
    assert_eq!(snapshot["sales"][0]["remaining"], "many");
    let mut again = site.signed(&Call {
        path: "/internal/snapshot",
        ..GET
    });
    let etag = format!("\"{}\"", snapshot["version"].as_str().unwrap());
    again
        .headers_mut()
        .insert("if-none-match", etag.parse().unwrap());
    assert_eq!(site.send(again).await.0, 304);
}

#[tokio::test]
async fn the_snapshot_tells_the_time_and_takes_what_the_edge_counted() {
    let site = Site::new().await;
    site.world.sale(50, 2).await;
    let get = async |path| {
        let call = site.signed(&Call { path, ..GET });
        let answer = edge_routes(site.origin.clone()).oneshot(call).await;
        let answer = answer.unwrap();
        let number = |name| {
            let value = answer.headers().get(name)?.to_str().ok()?;
            value.parse::<i64>().ok()
        };
        let (time, made) = (number(TIME_HEADER), number(MADE_HEADER));
        (answer.status().as_u16(), time, made)
    };
    let before = origin::now().0;
    let told = get("/internal/snapshot?pages=7.1.0.0.0.0.0.0.0&gate=0.0.0.0.0.5.0.0.2").await;
    let (status, Some(time), Some(made)) = told else {
        panic!("{told:?}");
    };
    assert_eq!(status, 200);
    assert!((before..=origin::now().0).contains(&time), "{time}");
    assert!(made <= time && time - made < 5_000, "{made} {time}");
    let metrics = origin::ops::metrics::text().unwrap();
    let pop = &site.keys.pop;
    for line in [
        "doorbuster_edge_catalogue_reads_total{component=\"pages\",level=\"instance\",pop=\"POP\"} 7",
        "doorbuster_edge_catalogue_reads_total{component=\"pages\",level=\"stale\",pop=\"POP\"} 1",
        "doorbuster_edge_store_calls_total{component=\"gate\",outcome=\"answered\",pop=\"POP\"} 5",
        "doorbuster_edge_store_calls_total{component=\"gate\",outcome=\"refused\",pop=\"POP\"} 2",
    ] {
        let line = line.replace("POP", pop);
        assert!(metrics.contains(&line), "{line} in {metrics}");
    }
    for query in [
        "pages=7",
        "pages=7.1.0.0.0.0.0.0.-1",
        "other=1.0.0.0.0.0.0.0.0",
    ] {
        let path = format!("/internal/snapshot?{query}");
        assert_problem(
            &site.call(Call { path: &path, ..GET }).await,
            400,
            "malformed",
        );
    }
}

#[tokio::test]
async fn an_order_needs_session_and_token_of_the_same_account() {
    let site = Site::new().await;
    let sale = site.world.sale(50, 2).await;
    let (mine, other) = (site.cookie(1).await, site.cookie(2).await);
    let token = site.token(sale, 1).await;
    let order = json!({ "sale_id": sale, "quantity": 1 });

    assert_problem(
        &site.place("", Some(&token), order.clone()).await,
        401,
        "signed-out",
    );
    assert_problem(
        &site.place(&mine, None, order.clone()).await,
        403,
        "token-missing",
    );
    assert_problem(
        &site.place(&mine, Some("x.y.z"), order.clone()).await,
        403,
        "token-invalid",
    );
    assert_problem(
        &site.place(&other, Some(&token), order.clone()).await,
        403,
        "token-invalid",
    );
    let elsewhere = json!({ "sale_id": "77", "quantity": 1 });
    assert_problem(
        &site.place(&mine, Some(&token), elsewhere).await,
        403,
        "token-invalid",
    );

    let (status, first) = site.place(&mine, Some(&token), order.clone()).await;
    assert_eq!((status, first["state"].as_str()), (202, Some("queued")));
    let (status, again) = site.place(&mine, Some(&token), order).await;
    assert_eq!((status, &again["order_id"]), (202, &first["order_id"]));

    let path = format!("/api/orders/{}", first["order_id"].as_str().unwrap());
    let look = async |cookie: &str| {
        site.call(Call {
            path: &path,
            cookie: Some(cookie),
            ..GET
        })
        .await
    };
    assert_eq!(look(&mine).await.0, 200);
    assert_problem(&look(&other).await, 404, "unknown-order");
}

#[tokio::test]
async fn a_bad_body_is_refused_with_its_reason() {
    let site = Site::new().await;
    let sale = site.world.sale(50, 2).await;
    let cookie = site.cookie(1).await;
    let token = site.token(sale, 1).await;
    let post = async |body: &str| {
        let call = Call {
            method: "POST",
            path: "/api/orders",
            cookie: Some(&cookie),
            token: Some(&token),
            body: body.to_owned(),
        };
        site.call(call).await
    };
    assert_problem(&post("{").await, 400, "malformed");
    assert_problem(&post("[]").await, 400, "malformed");
    assert_problem(&post(&" ".repeat(16 * 1_024 + 1)).await, 413, "too-large");
    let unknown = post(&json!({ "sale_id": sale, "quantity": 1, "price": 0 }).to_string()).await;
    assert_problem(&unknown, 422, "invalid-field");
    assert_eq!(unknown.1["errors"][0]["field"], "price");
    for quantity in [0, 101] {
        let body = json!({ "sale_id": sale, "quantity": quantity }).to_string();
        assert_problem(&post(&body).await, 422, "invalid-field");
    }
    let body = json!({ "sale_id": sale, "quantity": 3 }).to_string();
    assert_problem(&post(&body).await, 409, "over-limit");
}

#[tokio::test]
async fn a_token_of_a_lease_that_ended_and_an_early_one_are_refused() {
    let site = Site::new().await;
    let sale = site.world.sale(50, 2).await;
    let cookie = site.cookie(1).await;
    let order = json!({ "sale_id": sale, "quantity": 1 });
    let early = mint(
        &site.keys,
        1,
        &PurchaseToken {
            account: AccountId(1),
            sale,
            slot: OrderId(1),
            lease: LeaseId(1),
            not_before: origin::now().plus_seconds(5),
            expires_at: origin::now().plus_seconds(120),
        },
    );
    assert_problem(
        &site.place(&cookie, Some(&early), order.clone()).await,
        403,
        "token-early",
    );
    let token = site.token(sale, 1).await;
    site.world
        .sql("UPDATE leases SET ends_at_ms = 1".into())
        .await;
    assert_problem(
        &site.place(&cookie, Some(&token), order).await,
        403,
        "token-invalid",
    );
}

#[tokio::test]
async fn a_session_that_was_ended_is_refused_and_listed() {
    let site = Site::new().await;
    let cookie = site.cookie(1).await;
    let list = || Call {
        path: "/api/orders",
        cookie: Some(&cookie),
        ..GET
    };
    assert_eq!(site.call(list()).await.0, 200);
    let out = Call {
        method: "DELETE",
        path: "/api/session",
        cookie: Some(&cookie),
        ..GET
    };
    assert_eq!(site.call(out).await.0, 204);
    assert_problem(&site.call(list()).await, 401, "signed-out");
    let (_, snapshot) = site
        .call(Call {
            path: "/internal/snapshot",
            ..GET
        })
        .await;
    assert!(!snapshot["revoked_sessions"].as_array().unwrap().is_empty());
}

#[tokio::test]
async fn unknown_paths_methods_and_a_mail_server_that_is_away_are_problems() {
    let site = Site::new().await;
    assert_problem(
        &site
            .call(Call {
                path: "/api/nothing",
                ..GET
            })
            .await,
        404,
        "unknown-path",
    );
    let put = Call {
        method: "PUT",
        path: "/api/orders",
        ..GET
    };
    assert_problem(&site.call(put).await, 405, "method-not-allowed");
    let body = json!({ "contact": "ada@example.test", "purpose": "register", "challenge": "" });
    let code = || Call {
        method: "POST",
        path: "/api/accounts/codes",
        body: body.to_string(),
        ..GET
    };
    assert_problem(&site.call(code()).await, 503, "unavailable");
    assert_problem(&site.call(code()).await, 503, "unavailable");
}

#[tokio::test]
async fn a_webhook_without_the_providers_signature_is_refused() {
    let site = Site::new().await;
    let request = Request::post("/webhooks/sandbox")
        .header("sandbox-signature", "t=1,v1=00")
        .body(Body::from("{}"))
        .unwrap();
    let answer = webhook_routes(site.origin.clone())
        .oneshot(request)
        .await
        .unwrap();
    assert_problem(&read(answer).await, 400, "malformed");
}
