//! Signing in: what it takes, how it ends, and who is slowed down.

use super::desk::{Admin, Asked, assert_refused};
use crate::support::eventually;
use origin::ledger::Role;
use serde_json::{Value, json};

#[tokio::test]
async fn nobody_signs_in_without_name_password_and_a_fresh_code() {
    let admin = Admin::new().await;
    let ada = admin.person("ada", Role::Admin).await;
    let refused = async |origin: usize, name: &str, password: &str, code: &str| {
        let body = json!({ "name": name, "password": password, "code": code, "bearer": true });
        let answer = admin.at(origin, &Asked::post("session").with(body)).await;
        assert_refused(&answer, 401, "sign-in-refused");
        answer.body
    };
    let (name, password) = (ada.name.as_str(), ada.password.as_str());
    let first = refused(0, name, "not the password", &ada.code(0)).await;
    let unknown = format!("x{name}");
    for (name, code) in [
        (unknown.as_str(), ada.code(0)),
        (name, String::new()),
        (name, ada.wrong_code()),
    ] {
        // What was wrong is told to nobody but the log.
        assert_eq!(refused(0, name, password, &code).await, first);
    }
    let code = ada.code(0);
    let body = json!({ "name": name, "password": password, "code": code, "bearer": true });
    let opened = admin.at(0, &Asked::post("session").with(body)).await;
    assert_eq!(
        (opened.status, &opened.body["role"]),
        (201, &json!("admin"))
    );
    // The same code again: at the same origin, and at another.
    for origin in [0, 1] {
        assert_eq!(refused(origin, name, password, &code).await, first);
    }
    let token = opened.body["token"].as_str().unwrap();
    let log = admin.lines(token, "action=session.refused").await;
    let why: Vec<&str> = log
        .iter()
        .map(|line| line["after"]["why"].as_str().unwrap())
        .collect();
    let newest_first = [
        "replayed-code",
        "replayed-code",
        "wrong-code",
        "wrong-code",
        "unknown-name",
        "wrong-password",
    ];
    assert_eq!(why, newest_first);
    assert_eq!(log[5]["subject"], format!("operator:{name}"));
    assert_eq!(log[5]["actor"], format!("address:{}", admin.address));
    let text = serde_json::to_string(&log).unwrap();
    assert!(
        !text.contains(password) && !text.contains("not the password"),
        "{text}"
    );
}

#[tokio::test]
async fn who_is_disabled_or_changed_is_signed_out_at_every_origin_at_once() {
    let admin = Admin::new().await;
    let chief = admin.person("chief", Role::Admin).await;
    let ada = admin.person("ada", Role::Seller).await;
    let chief_token = admin.sign_in(0, &chief).await;
    let token = admin.sign_in(0, &ada).await;
    let who = async |token: &str| admin.at(1, &Asked::get("session").by(token)).await;
    assert_eq!(who(&token).await.status, 200);
    let change = async |what: &str, body: Value| {
        let path = format!("operators/{}/{what}", ada.name);
        admin
            .at(0, &Asked::post(&path).by(&chief_token).with(body))
            .await
    };
    assert_eq!(change("disable", json!({})).await.status, 200);
    assert_refused(&who(&token).await, 401, "signed-out");
    assert_refused(&admin.try_sign_in(1, &ada, 1).await, 401, "sign-in-refused");
    // Let in again, the former session stays over.
    assert_eq!(change("enable", json!({})).await.status, 200);
    assert_refused(&who(&token).await, 401, "signed-out");
    let token = admin.try_sign_in(1, &ada, 1).await.body["token"]
        .as_str()
        .unwrap()
        .to_owned();
    assert_eq!(who(&token).await.body["role"], "seller");
    assert_eq!(
        change("role", json!({ "role": "viewer" })).await.body["role"],
        "viewer"
    );
    assert_refused(&who(&token).await, 401, "signed-out");

    // Nobody shuts the last admin out.
    let path = format!("operators/{}/disable", chief.name);
    let answer = admin.at(0, &Asked::post(&path).by(&chief_token)).await;
    assert_refused(&answer, 409, "wrong-state");
    let log = admin
        .lines(&chief_token, &format!("subject=operator%3A{}", ada.name))
        .await;
    let actions: Vec<&str> = log
        .iter()
        .map(|line| line["action"].as_str().unwrap())
        .collect();
    assert_eq!(actions[..2], ["operator.role", "session.open"]);
    assert_eq!(log[0]["before"]["role"], "seller");
    assert_eq!(log[0]["after"]["role"], "viewer");
    assert_eq!(
        admin
            .at(1, &Asked::delete("session").by(&chief_token))
            .await
            .status,
        204
    );
    assert_refused(&who(&chief_token).await, 401, "signed-out");
}

#[tokio::test]
async fn a_lost_phone_and_a_forgotten_password_are_replaced() {
    let admin = Admin::new().await;
    let chief = admin.person("chief", Role::Admin).await;
    let mut ada = admin.person("ada", Role::Viewer).await;
    let token = admin.sign_in(0, &chief).await;
    let reset = async |what: &str, name: &str| {
        let path = format!("operators/{name}/{what}");
        admin
            .at(1, &Asked::post(&path).by(&token).with(json!({})))
            .await
    };
    let codes = reset("totp", &ada.name).await.body;
    let password = reset("password", &ada.name).await.body;
    assert_refused(&admin.try_sign_in(0, &ada, 0).await, 401, "sign-in-refused");
    password["password"]
        .as_str()
        .unwrap()
        .clone_into(&mut ada.password);
    assert_refused(&admin.try_sign_in(0, &ada, 0).await, 401, "sign-in-refused");
    ada.reads(codes["totp"]["secret"].as_str().unwrap());
    assert_eq!(admin.try_sign_in(0, &ada, 0).await.status, 201);
    let log = admin
        .lines(&token, &format!("subject=operator%3A{}", ada.name))
        .await;
    let text = serde_json::to_string(&log).unwrap();
    assert!(text.contains("operator.reset-totp") && text.contains("operator.reset-password"));
    for secret in [
        ada.password.as_str(),
        codes["totp"]["secret"].as_str().unwrap(),
    ] {
        assert!(!text.contains(secret), "{secret} in {text}");
    }
}

#[tokio::test]
async fn a_cookie_is_believed_of_our_own_pages_alone() {
    let admin = Admin::new().await;
    let ada = admin.person("ada", Role::Admin).await;
    let mut body = ada.asks(0);
    body["bearer"] = json!(false);
    let opened = admin.at(0, &Asked::post("session").with(body)).await;
    assert_eq!((opened.status, &opened.body["token"]), (201, &Value::Null));
    let set = opened.header("set-cookie").unwrap();
    for part in [
        "__Host-operator=",
        "; Path=/",
        "; Secure",
        "; HttpOnly",
        "; SameSite=Strict",
    ] {
        assert!(set.contains(part), "{part} in {set}");
    }
    let cookie = set.split(';').next().unwrap();
    let host = format!("http://127.0.0.1:{}", admin.ports[1]);
    let check = async |asked: Asked, headers: &[(&str, &str)], status: u16| {
        let asked = asked.header("cookie", cookie);
        let asked = headers
            .iter()
            .fold(asked, |asked, (name, value)| asked.header(name, value));
        let answer = admin.at(1, &asked).await;
        assert_eq!(answer.status, status, "{headers:?}: {:?}", answer.body);
        assert_eq!(answer.header("cache-control"), Some("no-store"));
        if status == 403 {
            assert_refused(&answer, 403, "cross-site");
        }
    };
    let get = || Asked::get("session");
    let post = || Asked::post("operators/nobody/enable");
    check(get(), &[], 200).await;
    check(get(), &[("sec-fetch-site", "cross-site")], 403).await;
    check(post(), &[], 403).await;
    check(post(), &[("origin", "https://evil.example")], 403).await;
    check(post(), &[("sec-fetch-site", "same-site")], 403).await;
    check(post(), &[("sec-fetch-site", "none")], 403).await;
    check(post(), &[("origin", &host)], 404).await;
    check(post(), &[("sec-fetch-site", "same-origin")], 404).await;
    // Signing in: what a page of another site sends is refused.
    let elsewhere = Asked::post("session")
        .with(ada.asks(1))
        .header("origin", "https://evil.example");
    assert_refused(&admin.at(0, &elsewhere).await, 403, "cross-site");
}

#[tokio::test]
async fn who_guesses_waits_longer_and_longer_at_every_origin() {
    let admin = Admin::new().await;
    let ada = admin.person("ada", Role::Admin).await;
    let guess = async |origin: usize| {
        let body = json!({ "name": ada.name, "password": "guess", "code": "000000" });
        admin.at(origin, &Asked::post("session").with(body)).await
    };
    let mut tries = 0;
    let slow = loop {
        let answer = guess(tries % 2).await;
        tries += 1;
        assert!(tries < 30, "nobody was slowed down");
        if answer.status == 429 {
            break answer;
        }
    };
    assert_refused(&slow, 429, "slow-down");
    assert!(tries > 5, "five are free: {tries}");
    let seconds: u32 = slow.header("retry-after").unwrap().parse().unwrap();
    assert!((1..=900).contains(&seconds), "{seconds}");
    // Not even the right password passes now, and it passes later.
    assert_eq!(admin.try_sign_in(1, &ada, 0).await.status, 429);
    eventually("an end of the wait", async || {
        admin.try_sign_in(0, &ada, 1).await.status == 201
    })
    .await;
}
