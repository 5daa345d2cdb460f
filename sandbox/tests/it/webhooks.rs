//! What the shop is told, and that it is told in the end.

use tokio::net::TcpSocket;

use crate::program::{Sandbox, choose, request};
use crate::shop::Shop;

#[tokio::test]
async fn paying_sends_one_signed_webhook() {
    let data = tempfile::tempdir().unwrap();
    let mut shop = Shop::open(0).await;
    let sandbox = Sandbox::start(data.path(), &shop.webhook_url).await;
    let checkout = sandbox.checkout("7").await;

    assert_eq!(choose(&checkout, "pay").await.status(), 303);
    let event = shop.next().await;
    assert!(event["id"].as_str().unwrap().starts_with("evt_"));
    assert_eq!(event["type"], "payment.paid");
    assert!(event["created_at_ms"].is_i64());
    assert_eq!(event["payment"]["order_id"], "7");
    assert_eq!(event["payment"]["state"], "paid");
    assert_eq!(event["payment"]["amount"]["amount_minor"], 59_900);
    assert!(checkout.ends_with(event["payment"]["payment_id"].as_str().unwrap()));

    // A second click changes nothing and tells nothing; the next event is another payment's.
    assert_eq!(choose(&checkout, "pay").await.status(), 303);
    assert_eq!(choose(&checkout, "decline").await.status(), 409);
    choose(&sandbox.checkout("8").await, "pay").await;
    assert_eq!(shop.next().await["payment"]["order_id"], "8");
    assert!(shop.is_quiet());
}

#[tokio::test]
async fn a_declined_payment_can_be_tried_again() {
    let data = tempfile::tempdir().unwrap();
    let mut shop = Shop::open(0).await;
    let sandbox = Sandbox::start(data.path(), &shop.webhook_url).await;
    let checkout = sandbox.checkout("7").await;

    assert_eq!(choose(&checkout, "decline").await.status(), 303);
    let declined = shop.next().await;
    assert_eq!(declined["type"], "payment.declined");
    assert_eq!(declined["payment"]["state"], "open");
    let page = reqwest::get(&checkout).await.unwrap().text().await.unwrap();
    assert!(page.contains("was declined") && page.contains("<form"));

    assert_eq!(choose(&checkout, "pay").await.status(), 303);
    assert_eq!(shop.next().await["type"], "payment.paid");
}

#[tokio::test]
async fn a_shop_that_fails_twice_gets_the_event_a_third_time() {
    let data = tempfile::tempdir().unwrap();
    let mut shop = Shop::open(2).await;
    let sandbox = Sandbox::start(data.path(), &shop.webhook_url).await;
    choose(&sandbox.checkout("7").await, "pay").await;

    let attempts = [
        shop.next_raw().await,
        shop.next_raw().await,
        shop.next_raw().await,
    ];
    assert!(
        attempts
            .iter()
            .all(|attempt| attempt.body == attempts[0].body)
    );
    // Taken: the next one is another event.
    choose(&sandbox.checkout("8").await, "pay").await;
    assert_eq!(shop.next().await["payment"]["order_id"], "8");
}

#[tokio::test]
async fn a_killed_sandbox_delivers_after_its_restart() {
    let data = tempfile::tempdir().unwrap();
    // Bound but not listening: the port stays ours, and every connection is refused.
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let url = format!("http://{}/webhooks/sandbox", socket.local_addr().unwrap());
    let sandbox = Sandbox::start(data.path(), &url).await;
    let checkout = sandbox.checkout("7").await;
    assert_eq!(choose(&checkout, "pay").await.status(), 303);
    sandbox.kill().await;

    let sandbox = Sandbox::start(data.path(), &url).await;
    let mut shop = Shop::on(socket.listen(16).unwrap(), 0);
    let event = shop.next().await;
    assert!(checkout.ends_with(event["payment"]["payment_id"].as_str().unwrap()));
    let again = sandbox.open("7", &request("7")).await;
    assert_eq!(event["payment"]["order_id"], "7");
    assert_eq!(again.status(), 200, "the key is remembered");
    assert_eq!(
        again.json::<serde_json::Value>().await.unwrap()["state"],
        "paid"
    );
    sandbox.stop().await;
}
