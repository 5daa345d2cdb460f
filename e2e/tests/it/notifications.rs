//! What buyers and subscribers are told: through the whole system, and while those who tell die.

use crate::backend::Backend;
use crate::buyer::Buyer;
use crate::shop::{Shop, eventually};
use serde_json::Value;
use std::collections::BTreeMap;
use xtask::servers::{Launch, Ready, Server, ports};

/// How often each message came to a mailbox, by its Message-ID.
async fn mails(sandbox_url: &str, to: &str) -> BTreeMap<String, usize> {
    let mailbox = format!("{sandbox_url}/mailbox?to={to}");
    let mailbox: Value = reqwest::get(mailbox).await.unwrap().json().await.unwrap();
    let mut counts = BTreeMap::new();
    for message in mailbox["messages"].as_array().unwrap() {
        let id = message["message_id"].as_str().unwrap_or_default();
        if id.starts_with("order-") {
            *counts.entry(id.to_owned()).or_default() += 1;
        }
    }
    counts
}

#[tokio::test]
async fn a_buyer_gets_one_mail_of_each_kind_until_the_parcel_is_there() {
    let shop = Shop::shared();
    let sale = shop.sale(10, 2).await;
    let mut buyer = Buyer::new(&shop.addresses, 9_501);
    let contact = "grace.told@example.test";
    assert_eq!(buyer.sign_up(contact).await.0, 201);
    assert_eq!(buyer.get_token(&sale).await.0, 201);
    let (status, order) = buyer.place(&sale, 1).await;
    assert_eq!(status, 202, "{order}");
    let id = order["order_id"].as_str().unwrap();
    buyer.wait_for(id, "pending_payment").await;
    assert_eq!(buyer.pay(id, "pay").await.0, 201);
    buyer.wait_for(id, "paid").await;

    let list = shop.doorbuster(&["delivery", "export", "--sale", &sale]);
    let row = list.lines().nth(1).expect("the order is on the list");
    assert!(
        row.starts_with(id) && row.contains("Main Street 1"),
        "{list}"
    );
    let early = shop.try_doorbuster(&["delivery", "deliver", id]);
    assert!(early.unwrap_err().contains("cannot become delivered"));
    shop.doorbuster(&["delivery", "pack", id]);
    let steps = [
        "delivery",
        "ship",
        id,
        "--carrier",
        "DHL",
        "--tracking",
        "T-1",
    ];
    assert!(shop.doorbuster(&steps).ends_with("is now shipped"));
    assert!(shop.doorbuster(&steps).ends_with("is already shipped"));
    let shipped = buyer.wait_for(id, "shipped").await;
    assert_eq!(shipped["shipment"]["tracking"], "T-1");
    shop.doorbuster(&["delivery", "deliver", id]);
    buyer.wait_for(id, "delivered").await;

    let expected = ["accepted", "paid", "shipped"];
    let expected = expected.map(|kind| (format!("order-{id}-{kind}@example.test"), 1));
    let expected = BTreeMap::from(expected);
    let sandbox = &shop.addresses.sandbox_url;
    eventually("the mails", async || {
        mails(sandbox, contact).await == expected
    })
    .await;
    shop.audit();
}

#[tokio::test]
async fn a_webhook_of_the_command_line_hears_of_an_order() {
    let shop = Shop::shared();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/hook", listener.local_addr().unwrap());
    let made = shop.doorbuster(&["webhooks", "add", &url, "--kinds", "accepted"]);
    let (id, secret) = made.split_once('\n').unwrap();
    assert!(secret.starts_with("whsec_"), "{made}");
    assert!(!shop.doorbuster(&["webhooks", "list"]).contains("whsec_"));
    let sale = shop.sale(10, 2).await;
    let mut buyer = shop.buyers(1).await.pop().unwrap();
    assert_eq!(buyer.get_token(&sale).await.0, 201);
    let (_, order) = buyer.place(&sale, 1).await;
    let order = order["order_id"].as_str().unwrap().to_owned();
    // Other tests' orders come here too. Nobody answers: an attempt that fails is in the log.
    drop(listener);
    eventually("an attempt", async || {
        let log = shop.doorbuster(&["webhooks", "log", id, "--limit", "500", "--json"]);
        let mut lines = log
            .lines()
            .map(|line| serde_json::from_str::<Value>(line).unwrap());
        let line = lines.find(|line| line["order_id"] == order.as_str());
        line.is_some_and(|line| line["attempts"][0]["error"].is_string())
    })
    .await;
    shop.doorbuster(&["webhooks", "remove", id]);
    assert!(!shop.doorbuster(&["webhooks", "list"]).contains(&url));
}

/// A mailbox of its own: its server, where mail goes, and where it is read.
fn mailbox(backend: &Backend) -> (Server, String, String) {
    let [http, smtp] = [(); 2].map(|()| ports::free().unwrap());
    let local = |port: u16| format!("127.0.0.1:{port}");
    let args = [
        "--http",
        &local(http),
        "--smtp",
        &local(smtp),
        "--webhook-url",
        "http://127.0.0.1:9/",
        "--webhook-secret",
        "secret",
        "--api-key",
        "key",
        "--data",
        &backend.data().join("sandbox").display().to_string(),
    ];
    let launch = Launch {
        name: "sandbox".to_owned(),
        program: xtask::workspace::binaries()
            .unwrap()
            .join("doorbuster-sandbox"),
        args: args.iter().map(Into::into).collect(),
        environment: Vec::new(),
        folder: backend.data().to_owned(),
        log: backend.data().join("logs").join("sandbox.log"),
        lock: None,
    };
    let server = Server::start(launch, http, Ready::Http { path: "/livez" });
    let server = server.expect("the sandbox starts");
    (
        server,
        format!("smtp://{}", local(smtp)),
        format!("http://{}", local(http)),
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_is_forgotten_nor_told_twice_to_the_eye_while_those_who_tell_die() {
    const BUYERS: u32 = 30;
    /// What a process sends at the same time.
    const AT_ONCE: usize = 16;
    let backend = Backend::new().await;
    backend.start("http,decider,timers", &[]);
    let sale = backend.sale(BUYERS).await;
    let outcome = backend.rush(sale, BUYERS, 0, async || {}).await;
    assert_eq!(backend.decided(&outcome).await, BUYERS as usize);
    backend
        .sql(
            "INSERT INTO accounts (id, contact, name, password_hash, created_at_ms)
             SELECT account_id, 'ada@example.test', 'Ada', 'none', 1 FROM orders LIMIT 1"
                .to_owned(),
        )
        .await;
    // A contact has one account, and the mailbox is asked by contact.
    backend
        .sql("UPDATE orders SET account_id = (SELECT MIN(id) FROM accounts)".to_owned())
        .await;
    let (_sandbox, smtp_url, sandbox_url) = mailbox(&backend);
    let smtp = ("DOORBUSTER_SMTP_URL", smtp_url.as_str());
    let over = "UPDATE notifications SET due_at_ms = 1 WHERE state = 'sending'";
    for place in ["tell.handed-on", "tell.taken", "tell.sent"] {
        backend.start_and_die("outboxes", place, &[smtp]).await;
        // Who had taken them is dead; a minute would show it too.
        backend.sql(over.to_owned()).await;
    }
    backend.start("outboxes", &[smtp]);
    backend.start("outboxes", &[smtp]);
    let mut told = BTreeMap::new();
    eventually("all mails", async || {
        told = mails(&sandbox_url, "ada@example.test").await;
        told.len() == BUYERS as usize
    })
    .await;
    let ids = outcome.accepted.lock().unwrap().clone();
    for id in ids {
        let name = format!("order-{id}-accepted@example.test");
        assert!(told.contains_key(&name), "{name} in {told:?}");
    }
    // Those that were with the mail server when their sender died.
    let twice = told.values().filter(|count| **count > 1).count();
    println!(
        "{} mails, {twice} of them came twice under one Message-ID",
        told.len()
    );
    assert!(twice <= AT_ONCE, "{told:?}");
}
