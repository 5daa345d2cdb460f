//! Operators at two origins: who is let in, what each may do, and what the log says of it.

mod desk;

use crate::support::eventually;
use desk::{Admin, Asked, Person, assert_refused};
use origin::ledger::Role;
use serde_json::{Value, json};
use std::path::Path;

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

#[tokio::test]
async fn the_log_is_read_in_pages_and_by_who_what_and_when() {
    let admin = Admin::new().await;
    let chief = admin.person("chief", Role::Admin).await;
    let sale = admin.world.sale(5, 1).await;
    let token = admin.sign_in(0, &chief).await;
    for what in ["pause", "resume", "pause"] {
        let path = format!("sales/{sale}/{what}");
        assert_eq!(
            admin.at(0, &Asked::post(&path).by(&token)).await.status,
            200
        );
    }
    let me = format!("actor=operator%3A{}&action=sale.phase", chief.name);
    assert_eq!(admin.lines(&token, &me).await.len(), 3);
    let page = admin
        .at(0, &Asked::get(&format!("log?{me}&limit=2")).by(&token))
        .await
        .body;
    assert_eq!(page["lines"].as_array().unwrap().len(), 2);
    let next = format!(
        "{me}&limit=2&cursor={}",
        page["next_cursor"].as_str().unwrap()
    );
    let rest = admin.lines(&token, &next).await;
    assert_eq!((rest.len(), &rest[0]["after"]), (1, &json!("paused")));
    let at = rest[0]["at_ms"].as_i64().unwrap();
    assert_eq!(
        admin.lines(&token, &format!("{me}&to_ms={at}")).await.len(),
        0
    );
    assert_eq!(
        admin
            .lines(&token, &format!("{me}&from_ms={at}"))
            .await
            .len(),
        3
    );
    for (query, status, word) in [
        ("limit=0", 422, "invalid-field"),
        ("limit=1001", 422, "invalid-field"),
        ("cursor=x", 400, "malformed"),
        ("colour=red", 400, "malformed"),
        ("from_ms=5&to_ms=5", 422, "invalid-field"),
    ] {
        let answer = admin
            .at(0, &Asked::get(&format!("log?{query}")).by(&token))
            .await;
        assert_refused(&answer, status, word);
    }
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

#[test]
fn no_statement_of_ours_changes_or_deletes_a_line_of_the_log() {
    let top = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let mut seen = 0;
    let mut texts = Vec::new();
    for entry in std::fs::read_dir(top.join(".sqlx")).unwrap() {
        let text = std::fs::read_to_string(entry.unwrap().path()).unwrap();
        let statement: Value = serde_json::from_str(&text).unwrap();
        texts.push(statement["query"].as_str().unwrap().to_owned());
    }
    // And those that are put together while the program runs.
    let mut folders = vec![
        top.join("origin/src"),
        top.join("cli/src"),
        top.join("bench/src"),
    ];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                texts.push(std::fs::read_to_string(path).unwrap());
            }
        }
    }
    for text in texts {
        let words: Vec<&str> = text
            .split_whitespace()
            .map(|word| word.trim_matches('`'))
            .collect();
        for pair in words
            .windows(2)
            .filter(|pair| pair[1].starts_with("operator_log"))
        {
            seen += 1;
            let before = pair[0].to_uppercase();
            let writes = ["UPDATE", "TABLE", "REPLACE"];
            assert!(!writes.contains(&before.as_str()), "{pair:?} in {text}");
        }
        for three in words
            .windows(3)
            .filter(|three| three[2].starts_with("operator_log"))
        {
            assert!(
                !three[0].eq_ignore_ascii_case("DELETE"),
                "{three:?} in {text}"
            );
        }
    }
    assert!(seen >= 3, "the log's own statements were not found");
}
