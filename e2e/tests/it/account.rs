//! An account through the edge: by its owner, without scripts, and its sessions at every PoP.

use crate::buyer::{Buyer, assert_problem};
use crate::shop::{Shop, eventually};
use reqwest::Method;
use serde_json::{Value, json};
use std::time::Instant;

/// Sends a form as a page does; gives status, where it leads and the page.
async fn form(buyer: &Buyer, path: &str, fields: &[(&str, &str)]) -> (u16, String, String) {
    let request = buyer.request(Method::POST, path).form(fields);
    page(request).await
}

async fn look(buyer: &Buyer, path: &str) -> (u16, String, String) {
    page(buyer.request(Method::GET, path)).await
}

async fn page(request: reqwest::RequestBuilder) -> (u16, String, String) {
    let answer = request.header("accept", "text/html").send().await.unwrap();
    let status = answer.status().as_u16();
    let location = answer.headers().get("location");
    let location = location.map(|value| value.to_str().unwrap().to_owned());
    (
        status,
        location.unwrap_or_default(),
        answer.text().await.unwrap(),
    )
}

#[tokio::test]
async fn an_account_is_changed_and_ended_by_forms_alone() {
    let shop = Shop::shared();
    let mut buyer = Buyer::new(&shop.addresses, 9_101);
    let contact = format!("forms-{}@example.test", origin::random_id());
    assert_eq!(buyer.sign_up(&contact).await.0, 201);

    let (status, _, html) = look(&buyer, "/api/account").await;
    assert_eq!(status, 200, "{html}");
    assert!(
        html.contains(&contact) && html.contains("A program"),
        "{html}"
    );
    let words = [("name", "Grace <b>"), ("language", "de")];
    let (status, next, _) = form(&buyer, "/api/account", &words).await;
    assert_eq!((status, next.as_str()), (303, "/api/account?done=words"));
    let (_, _, html) = look(&buyer, &next).await;
    assert!(
        html.contains("Grace &lt;b&gt;") && html.contains("are saved"),
        "{html}"
    );

    let address = [
        ("name", "Ada"),
        ("line-1", "12 Street"),
        ("line-2", ""),
        ("postcode", "10115"),
        ("city", ""),
        ("country", "DE"),
        ("is_default", "yes"),
    ];
    let path = "/api/account/addresses";
    let (status, _, html) = form(&buyer, path, &address).await;
    assert_eq!(status, 422, "{html}");
    assert!(
        html.contains("id=\"ship-city-error\"") && html.contains("12 Street"),
        "{html}"
    );
    let address = address.map(|field| {
        if field.0 == "city" {
            ("city", "Berlin")
        } else {
            field
        }
    });
    assert_eq!(form(&buyer, path, &address).await.0, 303);
    let (_, list) = buyer.get(path).await;
    let kept = &list["addresses"][0];
    assert_eq!(
        (&kept["is_default"], &kept["address"]["city"]),
        (&json!(true), &json!("Berlin"))
    );
    let id = kept["address_id"].as_str().unwrap();
    let (status, _, html) = look(&buyer, &format!("{path}/{id}")).await;
    assert!(status == 200 && html.contains("value=\"Berlin\""), "{html}");
    let changed = address.map(|field| {
        if field.0 == "city" {
            ("city", "Bonn")
        } else {
            field
        }
    });
    assert_eq!(form(&buyer, &format!("{path}/{id}"), &changed).await.0, 303);

    let wrong = [
        ("current_password", "guess guess"),
        ("password", "another horse"),
    ];
    let (status, _, html) = form(&buyer, "/api/account/password", &wrong).await;
    assert!(
        status == 422 && html.contains("id=\"password-current-error\""),
        "{html}"
    );
    let right = [
        ("current_password", "correct horse"),
        ("password", "another horse"),
    ];
    assert_eq!(form(&buyer, "/api/account/password", &right).await.0, 303);

    let (status, export) = buyer.get("/api/account/export").await;
    assert_eq!(
        (status, &export["account"]["name"]),
        (200, &json!("Grace <b>"))
    );
    assert_eq!(
        form(&buyer, &format!("{path}/{id}/delete"), &[]).await.0,
        303
    );
    let erase = [("current_password", "another horse")];
    let (status, _, html) = form(&buyer, "/api/account/delete", &erase).await;
    assert!(
        status == 200 && html.contains("Your account is deleted"),
        "{html}"
    );
    eventually("the end of the session", async || {
        buyer.get("/api/account").await.0 == 401
    })
    .await;
    // The contact is free for whoever begins anew.
    let mut anew = Buyer::new(&shop.addresses, 9_102);
    assert_eq!(anew.sign_up(&contact).await.0, 201);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_that_is_ended_elsewhere_is_refused_at_every_pop() {
    let shop = Shop::with("sessions", 2, &[]);
    let [near, far] = &shop.addresses.pops[..] else {
        panic!("{:?}", shop.addresses.pops);
    };
    let contact = format!("sessions-{}@example.test", origin::random_id());
    let mut phone = Buyer::new(&shop.addresses, 1).at(near);
    assert_eq!(phone.sign_up(&contact).await.0, 201);
    let mut lost = Buyer::new(&shop.addresses, 2).at(far);
    let challenge = lost.challenge("sign-in", "").await;
    let body = json!({ "contact": contact, "password": "correct horse", "challenge": challenge });
    let request = lost.request(Method::POST, "/api/session").json(&body);
    let request = request.header("user-agent", "Mozilla/5.0 (Windows NT 10.0) Firefox/140.0");
    let answer = request.send().await.unwrap();
    assert_eq!(answer.status(), 200);
    let cookie = answer.headers()["set-cookie"].to_str().unwrap();
    lost.cookie = cookie.split(';').next().map(str::to_owned);
    assert_eq!(lost.get("/api/orders").await.0, 200);

    let (_, answer) = phone.get("/api/sessions").await;
    let of = |is_this: bool| {
        let mut sessions = answer["sessions"].as_array().unwrap().iter();
        let found = sessions.find(|one| one["is_this"] == is_this);
        found.cloned().unwrap_or_default()
    };
    assert_eq!(of(false)["device"], "Firefox on Windows", "{answer}");
    let path =
        |session: Value| format!("/api/sessions/{}", session["session_id"].as_str().unwrap());
    let seen_afar = Buyer::signed_in(&shop.addresses, 3, lost.cookie.clone().unwrap()).at(far);
    let seen_near = Buyer::signed_in(&shop.addresses, 4, lost.cookie.clone().unwrap()).at(near);
    assert_eq!(seen_near.get("/api/orders").await.0, 200);
    let started = Instant::now();
    let end = phone.request(Method::DELETE, &path(of(false)));
    assert_eq!(end.send().await.unwrap().status(), 204);
    for (name, buyer) in [("near", &seen_near), ("far", &seen_afar)] {
        eventually("the end at a PoP", async || {
            buyer.get("/api/orders").await.0 == 401
        })
        .await;
        println!(
            "refused at the {name} PoP {:?} after the end",
            started.elapsed()
        );
        assert_problem(&buyer.get("/api/session").await, 401, "signed-out");
    }
    // The one that ended it goes on.
    assert_eq!(phone.get("/api/orders").await.0, 200);
}
