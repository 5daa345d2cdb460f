//! What an owner sees and changes.

use super::{PASSWORD, Post, fresh};
use crate::site::assert_problem;
use crate::support::eventually;
use serde_json::{Value, json};

#[tokio::test]
async fn name_and_language_are_changed_and_messages_are_in_that_language() {
    let post = Post::new().await;
    let contact = fresh("words");
    let id = post.register("10.6.0.1", &contact, &contact).await;
    let cookie = post.cookie(&id).await;
    let path = "/api/account";
    let (status, account) = post.own(&cookie, "GET", path, Value::Null).await;
    assert_eq!((status, account["language"].as_str()), (200, Some("en")));
    assert_eq!(account["contact"], contact);
    let change = json!({ "name": " Grace ", "language": "de" });
    let (status, account) = post.own(&cookie, "POST", path, change).await;
    assert_eq!((status, account["name"].as_str()), (200, Some("Grace")));
    for (field, body) in [
        ("name", json!({ "name": " " })),
        ("name", json!({ "name": "a".repeat(101) })),
        ("name", json!({ "name": "a\nb" })),
        ("language", json!({ "language": "fr" })),
        ("contact", json!({ "contact": "a@b.example" })),
    ] {
        let answer = post.own(&cookie, "POST", path, body).await;
        assert_problem(&answer, 422, "invalid-field");
        assert_eq!(answer.1["errors"][0]["field"], field, "{answer:?}");
    }
    assert_eq!(post.ask_code("10.6.0.2", &contact, "reset").await.0, 202);
    let newest = &post.outside.messages(&contact).await[0];
    let subject = newest["subject"].as_str().unwrap();
    assert!(subject.starts_with("Ihr Code"), "{newest}");
}

#[tokio::test]
async fn another_password_needs_the_one_that_holds_and_ends_the_other_sessions() {
    let post = Post::new().await;
    let contact = fresh("password");
    let id = post.register("10.7.0.1", &contact, &contact).await;
    let (here, there) = (post.cookie(&id).await, post.cookie(&id).await);
    let path = "/api/account/password";
    let wrong = json!({ "current_password": "guess guess", "password": "new horse" });
    let answer = post.own(&here, "POST", path, wrong).await;
    assert_problem(&answer, 422, "invalid-field");
    assert_eq!(answer.1["errors"][0]["field"], "current_password");
    let short = json!({ "current_password": PASSWORD, "password": "short" });
    let answer = post.own(&here, "POST", path, short).await;
    assert_eq!(answer.1["errors"][0]["field"], "password", "{answer:?}");

    let right = json!({ "current_password": PASSWORD, "password": "new horse" });
    assert_eq!(post.own(&here, "POST", path, right).await.0, 204);
    let account = "/api/account";
    assert_eq!(post.own(&here, "GET", account, Value::Null).await.0, 200);
    let ended = post.own(&there, "GET", account, Value::Null).await;
    assert_problem(&ended, 401, "signed-out");
    let former = post.sign_in("10.7.0.1", &contact, PASSWORD).await;
    assert_problem(&former, 401, "wrong-password");
    assert_eq!(post.sign_in("10.7.0.1", &contact, "new horse").await.0, 200);
    eventually("the notice", async || {
        post.outside
            .has(&contact, "Your password was changed")
            .await
    })
    .await;
}

#[tokio::test]
async fn another_contact_needs_the_password_and_a_code_sent_there() {
    let post = Post::new().await;
    let (former, new, taken) = (fresh("former"), fresh("new"), fresh("taken"));
    let id = post.register("10.8.0.1", &former, &former).await;
    let other = post.register("10.8.0.2", &taken, &taken).await;
    let cookie = post.cookie(&id).await;
    let ask = async |contact: &str, password: &str| {
        let body = json!({ "contact": contact, "current_password": password });
        let path = "/api/account/contact-codes";
        post.own(&cookie, "POST", path, body).await
    };
    let answer = ask(&new, "guess guess").await;
    assert_eq!(
        answer.1["errors"][0]["field"], "current_password",
        "{answer:?}"
    );
    let answer = ask(&former, PASSWORD).await;
    assert_eq!(answer.1["errors"][0]["field"], "contact", "{answer:?}");
    // A contact that is taken is told so by message, not to whoever asks.
    let (status, ticket) = ask(&taken, PASSWORD).await;
    assert_eq!(status, 202, "{ticket}");
    let told = "You already have an account";
    assert!(post.outside.has(&taken, told).await);

    let (status, ticket) = ask(&new, PASSWORD).await;
    assert_eq!(status, 202, "{ticket}");
    let code = post.outside.code(&new).await;
    let path = "/api/account/contact";
    let body = json!({ "ticket": ticket["ticket"], "code": code });
    // Another account can do nothing with it.
    let stranger = post.cookie(&other).await;
    let answer = post.own(&stranger, "POST", path, body.clone()).await;
    assert_problem(&answer, 422, "invalid-field");
    let (status, account) = post.own(&cookie, "POST", path, body).await;
    assert_eq!((status, &account["contact"]), (200, &json!(new)));
    assert_eq!(post.sign_in("10.8.0.1", &new, PASSWORD).await.0, 200);
    let gone = post.sign_in("10.8.0.1", &former, PASSWORD).await;
    assert_problem(&gone, 401, "wrong-password");
    eventually("the notice", async || {
        let subject = "Your account has another contact now";
        post.outside.has(&former, subject).await
    })
    .await;
}

fn address(name: &str) -> Value {
    json!({ "name": name, "lines": [" 1 Street "], "postcode": "1", "city": "Town", "country": "DE" })
}

#[tokio::test]
async fn an_account_keeps_ten_addresses_and_offers_one_first() {
    let post = Post::new().await;
    let contact = fresh("addresses");
    let id = post.register("10.9.0.1", &contact, &contact).await;
    let cookie = post.cookie(&id).await;
    let path = "/api/account/addresses";
    let add = async |name: &str, is_default: bool| {
        let body = json!({ "address": address(name), "is_default": is_default });
        post.own(&cookie, "POST", path, body).await
    };
    let first_of = |list: &Value| {
        let addresses = list["addresses"].as_array().unwrap();
        let firsts = addresses.iter().filter(|kept| kept["is_default"] == true);
        let names: Vec<String> = firsts
            .map(|kept| kept["address"]["name"].as_str().unwrap().to_owned())
            .collect();
        names.join(",")
    };
    let (status, list) = add("a", false).await;
    assert_eq!((status, first_of(&list)), (201, "a".to_owned()));
    assert_eq!(list["addresses"][0]["address"]["lines"][0], "1 Street");
    assert_eq!(first_of(&add("b", false).await.1), "a");
    let (_, list) = add("c", true).await;
    assert_eq!(first_of(&list), "c");
    let at = |list: &Value, index: usize| {
        let id = list["addresses"][index]["address_id"].as_str().unwrap();
        format!("{path}/{id}")
    };
    let body = json!({ "address": address("b2"), "is_default": true });
    let (status, changed) = post.own(&cookie, "POST", &at(&list, 1), body.clone()).await;
    assert_eq!((status, first_of(&changed)), (200, "b2".to_owned()));
    let (status, left) = post
        .own(&cookie, "DELETE", &at(&list, 1), Value::Null)
        .await;
    assert_eq!((status, first_of(&left)), (200, "a".to_owned()));
    let gone = post
        .own(&cookie, "DELETE", &at(&list, 1), Value::Null)
        .await;
    assert_problem(&gone, 404, "unknown-address");

    for number in 2..10 {
        assert_eq!(add(&number.to_string(), false).await.0, 201);
    }
    assert_problem(&add("one more", false).await, 409, "too-many-addresses");
    let wrong = json!({ "address": { "name": "", "lines": [], "postcode": "", "city": "", "country": "x" } });
    let answer = post.own(&cookie, "POST", path, wrong).await;
    assert_problem(&answer, 422, "invalid-field");
    assert_eq!(answer.1["errors"][0]["field"], "address.name");

    // Nobody else can see, change or delete them.
    let (other, stranger) = (fresh("stranger"), "10.9.0.2");
    let other = post.register(stranger, &other, &other).await;
    let stranger = post.cookie(&other).await;
    let answer = post.own(&stranger, "POST", &at(&list, 0), body).await;
    assert_problem(&answer, 404, "unknown-address");
    let answer = post
        .own(&stranger, "DELETE", &at(&list, 0), Value::Null)
        .await;
    assert_problem(&answer, 404, "unknown-address");
    let (_, none) = post.own(&stranger, "GET", path, Value::Null).await;
    assert_eq!(none["addresses"], json!([]));
}

#[tokio::test]
async fn a_payment_keeps_the_address_as_it_was() {
    let post = Post::new().await;
    let contact = fresh("payment");
    let id = post.register("10.10.0.1", &contact, &contact).await;
    let cookie = post.cookie(&id).await;
    let addresses = "/api/account/addresses";
    let body = json!({ "address": address("Ada") });
    let (_, list) = post.own(&cookie, "POST", addresses, body).await;
    let kept = list["addresses"][0]["address_id"].clone();
    let world = &post.site.world;
    let sale = world.sale(5, 2).await;
    let order = world.pending(sale, id.parse().unwrap(), 1).await;
    let path = format!("/api/orders/{order}/payment");
    for (body, status, word) in [
        (json!({}), 422, "invalid-field"),
        (
            json!({ "address_id": kept, "ship_to": address("B") }),
            422,
            "invalid-field",
        ),
        (json!({ "address_id": "5" }), 404, "unknown-address"),
        // The provider is away; the payment is kept, to be begun again.
        (json!({ "address_id": kept }), 503, "unavailable"),
    ] {
        let answer = post.own(&cookie, "POST", &path, body).await;
        assert_problem(&answer, status, word);
    }
    let change = json!({ "address": address("Grace") });
    let at = format!("{addresses}/{}", kept.as_str().unwrap());
    assert_eq!(post.own(&cookie, "POST", &at, change).await.0, 200);
    let export = "/api/account/export";
    let (_, export) = post.own(&cookie, "GET", export, Value::Null).await;
    assert_eq!(export["orders"][0]["ship_to"]["name"], "Ada", "{export}");
    let now = &export["account"]["addresses"][0]["address"]["name"];
    assert_eq!(now, "Grace");
}

#[tokio::test]
async fn ones_sessions_are_listed_and_ended_one_by_one() {
    let post = Post::new().await;
    let contact = fresh("sessions");
    let id = post.register("10.11.0.1", &contact, &contact).await;
    let (here, there) = (post.cookie(&id).await, post.cookie(&id).await);
    let path = "/api/sessions";
    let (status, list) = post.own(&here, "GET", path, Value::Null).await;
    let sessions = list["sessions"].as_array().unwrap();
    // Those two, and the one of signing up.
    assert_eq!((status, sessions.len()), (200, 3), "{list}");
    let this: Vec<_> = sessions.iter().map(|one| one["is_this"] == true).collect();
    assert_eq!(this.iter().filter(|this| **this).count(), 1, "{list}");
    assert_eq!(sessions[0]["device"], "A program");

    let (_, list) = post.own(&there, "GET", path, Value::Null).await;
    let own = |list: &Value| {
        let mut sessions = list["sessions"].as_array().unwrap().iter();
        let own = sessions.find(|one| one["is_this"] == true).unwrap();
        format!("{path}/{}", own["session_id"].as_str().unwrap())
    };
    let there_path = own(&list);
    let (other, client) = (fresh("stranger"), "10.11.0.2");
    let other = post.register(client, &other, &other).await;
    let stranger = post.cookie(&other).await;
    let answer = post
        .own(&stranger, "DELETE", &there_path, Value::Null)
        .await;
    assert_problem(&answer, 404, "unknown-session");
    let ended = post.own(&here, "DELETE", &there_path, Value::Null).await;
    assert_eq!(ended.0, 204, "{ended:?}");
    let answer = post.own(&there, "GET", path, Value::Null).await;
    assert_problem(&answer, 401, "signed-out");
    let again = post.own(&here, "DELETE", &there_path, Value::Null).await;
    assert_problem(&again, 404, "unknown-session");
    let (_, list) = post.own(&here, "GET", path, Value::Null).await;
    assert_eq!(list["sessions"].as_array().unwrap().len(), 2);
}
