//! Stripe, by a stand-in that others wrote: payments, declines, refunds, and checkouts that are over.

mod stand_in;

use crate::site::{Call, GET, Site};
use crate::support::{World, eventually, usd};
use kernel::ids::OrderId;
use kernel::time::UnixMillis;
use origin::http::webhook_routes;
use origin::ledger::{Actor, RefundKey, RefundOrder};
use origin::payments::{
    Provider, ProviderError, RefundAnswer, RefundRequest, close_stale, refund_order,
    work_off_refunds,
};
use origin::settings::{PaymentSettings, RefundSettings, Secret, StripeSettings};
use serde_json::{Value, json};
use stand_in::{SECRET_KEY, StandIn, WEBHOOK_SECRET};
use tokio::net::TcpListener;

const ACCOUNT: u64 = 1;
const GOOD_CARD: &str = "pm_card_visa";
const BAD_CARD: &str = "pm_card_chargeCustomerFail";

/// A site that is paid at Stripe's stand-in, one order of it, and its checkout.
struct Till {
    stripe: StandIn,
    site: Site,
    provider: Provider,
    webhooks: String,
    cookie: String,
    order: OrderId,
    intent: String,
    opened_at: UnixMillis,
}

fn settings(url: &str) -> PaymentSettings {
    PaymentSettings::Stripe(StripeSettings {
        url: url.to_owned(),
        secret_key: Secret(SECRET_KEY.into()),
        webhook_secret: Secret(WEBHOOK_SECRET.into()),
    })
}

impl Till {
    async fn open() -> Self {
        let stripe = StandIn::start().await;
        let world = World::new().await;
        let sale = world.sale(5, 2).await;
        let order = world.pending(sale, ACCOUNT, 1).await;
        let site = Site::paying_at(world, settings(&stripe.url));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let webhooks = format!("http://{}/webhooks/stripe", listener.local_addr().unwrap());
        let routes = webhook_routes(site.origin.clone());
        tokio::spawn(axum::serve(listener, routes).into_future());
        stripe.send_events_to(&webhooks).await;

        let cookie = site.cookie(ACCOUNT).await;
        let opened_at = origin::now();
        let ship_to = json!({"ship_to": {
            "name": "A", "lines": ["B"], "postcode": "1", "city": "C", "country": "DE",
        }});
        let path = format!("/api/orders/{order}/payment");
        let pay = Call {
            method: "POST",
            path: &path,
            cookie: Some(&cookie),
            body: ship_to.to_string(),
            ..GET
        };
        let (status, begun) = site.call(pay).await;
        assert_eq!(status, 201, "{begun}");
        let url = begun["checkout_url"].as_str().unwrap().to_owned();
        // The secret stands behind the `#`, which no server sees.
        let (page, secret) = url.split_once('#').unwrap();
        assert_eq!(page, format!("http://127.0.0.1:8080/orders/{order}/pay"));
        let intent = secret.split_once("_secret_").unwrap().0.to_owned();
        Self {
            provider: Provider::new(settings(&stripe.url)).unwrap(),
            stripe,
            site,
            webhooks,
            cookie,
            order,
            intent,
            opened_at,
        }
    }

    async fn order(&self) -> Value {
        let path = format!("/api/orders/{}", self.order);
        let call = Call {
            path: &path,
            cookie: Some(&self.cookie),
            ..GET
        };
        let (status, order) = self.site.call(call).await;
        assert_eq!(status, 200, "{order}");
        order
    }

    async fn becomes(&self, pointer: &str, expected: Value) {
        eventually(&format!("{pointer} = {expected}"), async || {
            self.order().await.pointer(pointer) == Some(&expected)
        })
        .await;
    }

    async fn intent(&self) -> Value {
        let path = format!("/v1/payment_intents/{}", self.intent);
        self.stripe.get(&path).await
    }
}

#[tokio::test]
async fn an_order_is_paid_at_stripe_and_goes_back_once() {
    let till = Till::open().await;
    let intent = till.intent().await;
    assert_eq!(intent["amount"], 39_900);
    assert_eq!(intent["currency"], "usd");
    assert_eq!(intent["metadata"]["order_id"], till.order.to_string());

    // Only what Stripe signed is believed.
    let event =
        json!({"id": "evt_1", "type": "payment_intent.succeeded", "data": {"object": intent}});
    let forged = reqwest::Client::new()
        .post(&till.webhooks)
        .header("stripe-signature", "t=1,v1=00")
        .json(&event);
    assert_eq!(forged.send().await.unwrap().status(), 400);
    assert_eq!(till.order().await["state"], "pending_payment");

    let (status, paid) = till.stripe.pay(&till.intent, GOOD_CARD).await;
    assert_eq!((status, &paid["status"]), (200, &json!("succeeded")));
    till.becomes("/state", json!("paid")).await;
    // It is paid and stays so.
    till.provider.close_checkout(&till.intent).await.unwrap();

    let stores = &till.site.world.stores;
    let promise = RefundSettings {
        promised_ms: 300_000,
    };
    let part = RefundOrder {
        order: till.order,
        amount_minor: Some(10_000),
        restock: false,
    };
    let actor = Actor("shell:test".into());
    refund_order(&stores.ledger, &stores.ids, promise, &actor, part)
        .await
        .unwrap();
    let worker = tokio::spawn(work_off_refunds(stores.clone(), till.provider.clone()));
    till.becomes("/refunded/amount_minor", json!(10_000)).await;
    worker.abort();

    let refunds = format!("/v1/refunds?payment_intent={}", till.intent);
    let made = till.stripe.get(&refunds).await;
    assert_eq!(made["data"].as_array().unwrap().len(), 1, "{made}");
    assert_eq!(made["data"][0]["amount"], 10_000);

    // Asked again under its key, even by one who lost the answer: the stand-in knows no
    // idempotency keys, as Stripe no longer does after a day.
    let key: RefundKey = made["data"][0]["metadata"]["refund_key"]
        .as_str()
        .and_then(|key| key.parse().ok())
        .unwrap();
    let again = RefundRequest {
        key,
        provider_ref: &till.intent,
        amount: usd(10_000),
        refund_ref: None,
    };
    let reference = made["data"][0]["id"].as_str().unwrap();
    for refund_ref in [None, Some(reference)] {
        let again = RefundRequest {
            refund_ref,
            ..again
        };
        let answer = till.provider.refund(again).await.unwrap();
        assert_eq!(answer, RefundAnswer::Done(reference.to_owned()));
    }
    assert_eq!(
        till.stripe.get(&refunds).await["data"]
            .as_array()
            .unwrap()
            .len(),
        1
    );

    let (from, to) = (
        till.opened_at.plus_seconds(-1),
        origin::now().plus_seconds(2),
    );
    let page = till.provider.list(from, to, None).await.unwrap();
    assert_eq!(page.next_cursor, None);
    let [listed] = page.payments.as_slice() else {
        panic!("{page:?}");
    };
    assert_eq!(listed.provider_ref, till.intent);
    assert_eq!(listed.order, Some(till.order));
    assert_eq!(
        (listed.amount, listed.refunded_minor),
        (usd(39_900), 10_000)
    );
    assert!(listed.paid);
    let later = till
        .provider
        .list(to, to.plus_seconds(60), None)
        .await
        .unwrap();
    assert!(later.payments.is_empty());
    till.stripe.stop().await;
}

#[tokio::test]
async fn a_card_that_is_declined_leaves_the_order_open() {
    let till = Till::open().await;
    let (status, declined) = till.stripe.pay(&till.intent, BAD_CARD).await;
    assert_eq!(status, 402, "{declined}");
    till.becomes("/payment/state", json!("declined")).await;
    assert_eq!(till.order().await["state"], "pending_payment");

    // A refund of what was never paid is refused for good, and no reason to ask for ever.
    let refund = RefundRequest {
        key: "7".parse().unwrap(),
        provider_ref: &till.intent,
        amount: usd(1),
        refund_ref: None,
    };
    let answer = till.provider.refund(refund).await.unwrap();
    assert!(matches!(answer, RefundAnswer::Failed(_)), "{answer:?}");
    let unknown = RefundRequest {
        provider_ref: "pi_0/../..",
        ..refund
    };
    let answer = till.provider.refund(unknown).await.unwrap();
    assert!(matches!(answer, RefundAnswer::Failed(_)), "{answer:?}");
}

#[tokio::test]
async fn the_checkout_of_a_cancelled_order_is_closed_at_stripe() {
    let till = Till::open().await;
    let stores = &till.site.world.stores;
    assert_eq!(close_stale(stores, &till.provider).await.unwrap(), 0);
    assert_ne!(till.intent().await["status"], "canceled");

    let path = format!("/api/orders/{}/cancel", till.order);
    let cancel = Call {
        method: "POST",
        path: &path,
        cookie: Some(&till.cookie),
        ..GET
    };
    let (status, order) = till.site.call(cancel).await;
    assert_eq!(status, 200, "{order}");
    assert_eq!(close_stale(stores, &till.provider).await.unwrap(), 1);
    assert_eq!(till.intent().await["status"], "canceled");
    assert_eq!(close_stale(stores, &till.provider).await.unwrap(), 0);
}

#[tokio::test]
async fn stripe_that_is_away_is_no_refusal() {
    let mut till = Till::open().await;
    let taken = StandIn::start().await;
    let provider = Provider::new(settings(&taken.url)).unwrap();
    taken.stop().await;
    let answer = provider.close_checkout(&till.intent).await;
    assert!(matches!(answer, Err(ProviderError::Away(_))), "{answer:?}");
    // Neither is a wrong key, which somebody will set right.
    let PaymentSettings::Stripe(mut wrong) = settings(&till.stripe.url) else {
        unreachable!("they are Stripe's");
    };
    wrong.secret_key = Secret("pk_wrong".into());
    till.provider = Provider::new(PaymentSettings::Stripe(wrong)).unwrap();
    let answer = till.provider.close_checkout(&till.intent).await;
    assert!(matches!(answer, Err(ProviderError::Away(_))), "{answer:?}");
}
