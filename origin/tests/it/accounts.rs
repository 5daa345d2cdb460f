//! Accounts: contacts, back-off, what an owner changes, takes along and erases.

mod own;
mod personal;
mod tries;

use crate::outside::{API_KEY, Outside};
use crate::site::{Call, GET, Site, assert_problem};
use crate::support::{World, eventually};
use origin::settings::{Secret, TextSettings};
use serde_json::{Value, json};

pub const PASSWORD: &str = "correct horse";

/// An origin and where its messages go.
pub struct Post {
    pub site: Site,
    pub outside: Outside,
}

impl Post {
    pub async fn new() -> Self {
        let outside = Outside::start().await;
        let texts = TextSettings {
            url: outside.url.clone(),
            api_key: Secret(API_KEY.into()),
        };
        let world = World::new().await;
        let site = Site::that_sends(world, &outside.smtp_url, Some(texts));
        Self { site, outside }
    }

    /// A request from a network of one address.
    pub async fn from(&self, client: &str, path: &str, body: Value) -> (u16, Value) {
        let body = body.to_string();
        let call = Call {
            method: "POST",
            path,
            body,
            ..GET
        };
        self.site.call_from(client, &call).await
    }

    /// The account's own request.
    pub async fn own(&self, cookie: &str, method: &str, path: &str, body: Value) -> (u16, Value) {
        let body = if body.is_null() {
            String::new()
        } else {
            body.to_string()
        };
        let call = Call {
            method,
            path,
            cookie: Some(cookie),
            token: None,
            body,
        };
        self.site.call_from("127.0.0.1", &call).await
    }

    pub async fn ask_code(&self, client: &str, contact: &str, purpose: &str) -> (u16, Value) {
        let body = json!({ "contact": contact, "purpose": purpose, "challenge": "" });
        self.from(client, "/api/accounts/codes", body).await
    }

    /// A new account with this contact; gives its id.
    pub async fn register(&self, client: &str, contact: &str, stored: &str) -> String {
        let (status, ticket) = self.ask_code(client, contact, "register").await;
        assert_eq!(status, 202, "{ticket}");
        let code = self.outside.code(stored).await;
        let ticket = &ticket["ticket"];
        let body = json!({ "ticket": ticket, "code": code, "name": "Ada", "password": PASSWORD });
        let (status, signed_in) = self.from(client, "/api/accounts", body).await;
        assert_eq!(status, 201, "{signed_in}");
        signed_in["account"]["id"].as_str().unwrap().to_owned()
    }

    pub async fn sign_in(&self, client: &str, contact: &str, password: &str) -> (u16, Value) {
        let body = json!({ "contact": contact, "password": password, "challenge": "" });
        self.from(client, "/api/session", body).await
    }

    /// A cookie of this account.
    pub async fn cookie(&self, id: &str) -> String {
        self.site.cookie(id.parse().unwrap()).await
    }
}

/// A contact that no other test has.
pub fn fresh(name: &str) -> String {
    format!("{name}-{}@example.test", &origin::random_id()[..12])
}

/// A number that no other test has.
fn fresh_number() -> String {
    let number = u64::from_str_radix(&origin::random_id()[..8], 16).unwrap();
    format!("+49151{number:010}")[..15].to_owned()
}

#[tokio::test]
async fn a_mobile_number_gets_its_code_by_text_message() {
    let post = Post::new().await;
    let number = fresh_number();
    let typed = format!("00{} ({}) {}", &number[1..3], &number[3..6], &number[6..]);
    let id = post.register("10.1.0.1", &typed, &number).await;
    let text = &post.outside.messages(&number).await[0];
    assert!(text["text"].as_str().unwrap().len() <= 160, "{text}");
    let (status, signed_in) = post.sign_in("10.1.0.1", &number, PASSWORD).await;
    assert_eq!((status, &signed_in["account"]["id"]), (200, &json!(id)));

    // The same contact once more: the answer is the same, and its owner is told.
    let (status, _) = post.ask_code("10.1.0.2", &number, "register").await;
    assert_eq!(status, 202);
    let newest = &post.outside.messages(&number).await[0];
    assert_eq!(newest["code"], Value::Null, "{newest}");
}

#[tokio::test]
async fn a_contact_that_cannot_be_reached_is_a_fault_of_its_field() {
    let site = Site::new().await;
    for contact in ["+4915123456789", "not a contact", "", "0151 2345678"] {
        let body = json!({ "contact": contact, "purpose": "register", "challenge": "" });
        let (path, body) = ("/api/accounts/codes", body.to_string());
        let call = Call {
            method: "POST",
            path,
            body,
            ..GET
        };
        let answer = site.call(call).await;
        assert_problem(&answer, 422, "invalid-field");
        assert_eq!(answer.1["errors"][0]["field"], "contact", "{answer:?}");
    }
}

#[tokio::test]
async fn a_code_is_sent_once_a_minute_to_whoever_asks_and_seldom_to_one_contact() {
    let post = Post::new().await;
    let contact = fresh("seldom");
    assert_eq!(post.ask_code("10.2.0.1", &contact, "reset").await.0, 202);
    let again = post.ask_code("10.2.0.1", &contact, "reset").await;
    assert_problem(&again, 429, "slow-down");
    // Somebody else's asking does not keep the owner from it, until it is too many messages.
    let mut sent = 1;
    for network in 2..=12 {
        let client = format!("10.2.0.{network}");
        match post.ask_code(&client, &contact, "reset").await {
            (202, _) => sent += 1,
            answer => assert_problem(&answer, 429, "slow-down"),
        }
    }
    assert_eq!(sent, 10);
    eventually("the messages", async || {
        post.outside.messages(&contact).await.len() == 10
    })
    .await;
}
