//! A shopper with a program instead of a browser.

use crate::shop::eventually;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use kernel::challenge::{self, Challenge};
use kernel::lobby::Receipt;
use reqwest::{Client, Method, RequestBuilder};
use serde_json::{Value, json};
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;
use xtask::system::{Addresses, PopAddress};

pub struct Buyer {
    number: u32,
    client: Client,
    /// Where this buyer connects to.
    edge: String,
    /// What the page they are on is called.
    site: String,
    sandbox: String,
    pub cookie: Option<String>,
    pub token: Option<String>,
}

pub type Answer = (u16, Value);

impl Buyer {
    /// Somebody at 127.x.y.z who is not signed in.
    pub fn new(addresses: &Addresses, number: u32) -> Self {
        Self {
            number,
            client: client(number),
            edge: addresses.edge_url.clone(),
            site: addresses.edge_url.clone(),
            sandbox: addresses.sandbox_url.clone(),
            cookie: None,
            token: None,
        }
    }

    /// The same buyer with new connections, after the edge was restarted.
    pub fn reconnected(self) -> Self {
        let client = client(self.number);
        Self { client, ..self }
    }

    /// The same buyer, whom the site's name leads to this PoP.
    pub fn at(self, pop: &PopAddress) -> Self {
        let edge = pop.edge_url.clone();
        Self { edge, ..self }
    }

    pub fn signed_in(addresses: &Addresses, number: u32, cookie: String) -> Self {
        Self {
            cookie: Some(cookie),
            ..Self::new(addresses, number)
        }
    }

    /// The account that the cookie names.
    pub fn account(&self) -> String {
        let cookie = self.cookie.as_deref().unwrap();
        let claims = cookie.split('.').nth(1).unwrap();
        let claims = BASE64.decode(claims).unwrap();
        let claims: Value = serde_json::from_slice(&claims).unwrap();
        claims["sub"].as_str().unwrap().to_owned()
    }

    /// Where this buyer connects from.
    pub fn address(&self) -> IpAddr {
        address(self.number)
    }

    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let request = self.client.request(method, format!("{}{path}", self.edge));
        let request = request.header("origin", &self.site);
        match &self.cookie {
            Some(cookie) => request.header("cookie", cookie),
            None => request,
        }
    }

    pub async fn get(&self, path: &str) -> Answer {
        read(self.request(Method::GET, path)).await
    }

    pub async fn post(&self, path: &str, body: &Value) -> Answer {
        read(self.request(Method::POST, path).json(body)).await
    }

    /// Solves a challenge of this purpose and gives the answer.
    pub async fn challenge(&self, purpose: &str, sale: &str) -> String {
        let path = format!("/gate/challenges?purpose={purpose}&sale_id={sale}");
        let mut answer = (0, Value::Null);
        // An instance of the gate may not know a sale that another of the relay knows already.
        eventually("the challenge", async || {
            answer = self.get(&path).await;
            !matches!(answer.0, 404 | 503)
        })
        .await;
        assert_eq!(answer.0, 200, "{answer:?}");
        let challenge: Challenge = serde_json::from_value(answer.1).unwrap();
        let solution = challenge::solve(&challenge, 1_000_000).expect("it can be solved");
        challenge::answer(challenge, solution)
    }

    /// Signs up with the code from the mailbox.
    pub async fn sign_up(&mut self, contact: &str) -> Answer {
        let challenge = self.challenge("code", "").await;
        let body = json!({ "contact": contact, "purpose": "register", "challenge": challenge });
        let (status, ticket) = self.post("/api/accounts/codes", &body).await;
        assert_eq!(status, 202, "{ticket}");
        let code = self.mailed_code(contact).await;
        let body = json!({
            "ticket": ticket["ticket"], "code": code, "name": "Ada", "password": "correct horse",
        });
        let request = self.request(Method::POST, "/api/accounts").json(&body);
        let answer = request.send().await.unwrap();
        let cookie = answer
            .headers()
            .get("set-cookie")
            .map(|value| value.to_str().unwrap());
        self.cookie = cookie.map(|cookie| cookie.split(';').next().unwrap().to_owned());
        (answer.status().as_u16(), answer.json().await.unwrap())
    }

    async fn mailed_code(&self, contact: &str) -> String {
        let mut code = None;
        eventually("the mail", async || {
            let mailbox = format!("{}/mailbox?to={contact}", self.sandbox);
            let mailbox: Value = reqwest::get(mailbox).await.unwrap().json().await.unwrap();
            code = mailbox["messages"][0]["code"].as_str().map(str::to_owned);
            code.is_some()
        })
        .await;
        code.unwrap()
    }

    /// Has the session renewed, as a page does when it hears that it should.
    pub async fn renew(&mut self) {
        let request = self.request(Method::GET, "/api/session");
        let answer = request.send().await.expect("the edge answers");
        let cookie = answer.headers()["set-cookie"].to_str().unwrap();
        self.cookie = cookie.split(';').next().map(str::to_owned);
    }

    /// Joins the lobby of a sale.
    pub async fn join(&self, sale: &str) -> Answer {
        let mut answer = (0, Value::Null);
        // The PoP store may be too slow to say that it is done.
        eventually("an arrival", async || {
            let challenge = self.challenge("place", sale).await;
            let path = format!("/gate/sales/{sale}/places");
            answer = self.post(&path, &json!({ "challenge": challenge })).await;
            answer.0 != 503
        })
        .await;
        answer
    }

    /// What the place that was drawn can be checked with.
    pub async fn receipt(&self, sale: &str) -> Receipt {
        let mut answer = (0, Value::Null);
        eventually("a receipt", async || {
            answer = self.get(&format!("/gate/sales/{sale}/receipt")).await;
            !matches!(answer.0, 404 | 503)
        })
        .await;
        serde_json::from_value(answer.1.clone()).unwrap_or_else(|_| panic!("{answer:?}"))
    }

    /// Asks for a purchase token; keeps the one it gets.
    pub async fn ask_for_token(&mut self, sale: &str) -> Answer {
        let challenge = self.challenge("token", sale).await;
        let path = format!("/gate/sales/{sale}/tokens");
        let (status, body) = self.post(&path, &json!({ "challenge": challenge })).await;
        if let Some(token) = body["token"].as_str() {
            self.token = Some(token.to_owned());
        }
        (status, body)
    }

    /// Asks until there is a token or none to be had. Being told to wait is waited out.
    pub async fn get_token(&mut self, sale: &str) -> Answer {
        let mut unsure = false;
        for _ in 0..200 {
            let answer = self.ask_for_token(sale).await;
            match answer.0 {
                // The PoP store gave it, and was too slow to say so.
                200 if unsure => return (201, answer.1),
                503 => unsure = true,
                404 | 429 => {}
                _ => return answer,
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        panic!("no token in 200 tries");
    }

    pub async fn place(&self, sale: &str, quantity: u32) -> Answer {
        let request = self.request(Method::POST, "/api/orders");
        let request = match &self.token {
            Some(token) => request.bearer_auth(token),
            None => request,
        };
        read(request.json(&json!({ "sale_id": sale, "quantity": quantity }))).await
    }

    /// Waits until the order is in this state.
    pub async fn wait_for(&self, order: &str, state: &str) -> Value {
        let mut last = Value::Null;
        eventually(state, async || {
            let (status, body) = self.get(&format!("/api/orders/{order}")).await;
            last = body;
            status == 200 && last["state"] == state
        })
        .await;
        last
    }

    /// Begins the payment and settles it at the provider's checkout page.
    pub async fn pay(&self, order: &str, outcome: &str) -> Answer {
        let ship_to = json!({
            "name": "Ada", "lines": ["Main Street 1"], "postcode": "12345", "city": "Town",
            "country": "DE",
        });
        let path = format!("/api/orders/{order}/payment");
        let answer = self.post(&path, &json!({ "ship_to": ship_to })).await;
        if answer.1["checkout_url"].is_string() {
            assert_eq!(self.pay_at(&answer.1, outcome).await, 303);
        }
        answer
    }

    /// Chooses on the checkout page of a payment that was started.
    pub async fn pay_at(&self, started: &Value, outcome: &str) -> u16 {
        let checkout = started["checkout_url"].as_str().unwrap();
        let form = self.client.post(checkout).form(&[("outcome", outcome)]);
        form.send().await.unwrap().status().as_u16()
    }
}

/// 127.1.0.1 and on, an address for each number.
fn address(number: u32) -> IpAddr {
    IpAddr::V4(Ipv4Addr::from(
        u32::from(Ipv4Addr::new(127, 1, 0, 1)) + number,
    ))
}

fn client(number: u32) -> Client {
    Client::builder()
        .local_address(address(number))
        // The edge closes connections that are idle for ten seconds; a request must not meet that.
        .pool_idle_timeout(Duration::from_secs(3))
        .redirect(reqwest::redirect::Policy::none())
        .build()
        .unwrap()
}

pub async fn read(request: RequestBuilder) -> Answer {
    let answer = request.send().await.expect("the edge answers");
    let status = answer.status().as_u16();
    (
        status,
        serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap_or(Value::Null),
    )
}

#[track_caller]
pub fn assert_problem(answer: &Answer, status: u16, word: &str) {
    let kind = format!("/problems/{word}");
    assert_eq!(
        (answer.0, answer.1["type"].as_str()),
        (status, Some(kind.as_str())),
        "{answer:?}"
    );
}
