//! Money that goes back, seen by the buyer, at the provider and in MySQL; and what does not agree
//! with the provider is found.

use crate::buyer::Buyer;
use crate::shop::{Shop, eventually};
use serde_json::{Value, json};

/// What a unit costs in the shop of the tests.
const PRICE: i64 = 39_900;

impl Shop {
    async fn sql(&self, statement: String) -> u64 {
        let pool = sqlx::mysql::MySqlPool::connect(&self.addresses.mysql_url)
            .await
            .unwrap();
        let done = sqlx::query(sqlx::AssertSqlSafe(statement)).execute(&pool);
        let rows = done.await.unwrap().rows_affected();
        pool.close().await;
        rows
    }

    /// The payment of an order, as the provider has it.
    async fn there(&self, order: &str) -> Value {
        let url = format!("{}/v1/payments", self.addresses.sandbox_url);
        let ask = reqwest::Client::new()
            .get(url)
            .query(&[("order_id", order)]);
        let key = self.secret("payments_api_key");
        let answer = ask.bearer_auth(key).send().await.unwrap();
        let list: Value = answer.json().await.unwrap();
        assert_eq!(list["payments"].as_array().unwrap().len(), 1, "{list}");
        list["payments"][0].clone()
    }

    fn order(&self, order: &str) -> Value {
        serde_json::from_str(&self.doorbuster(&["order", "show", order, "--json"])).unwrap()
    }
}

async fn pending(buyer: &mut Buyer, sale: &str) -> String {
    assert_eq!(buyer.get_token(sale).await.0, 201);
    let (status, order) = buyer.place(sale, 1).await;
    assert_eq!(status, 202, "{order}");
    let id = order["order_id"].as_str().unwrap().to_owned();
    buyer.wait_for(&id, "pending_payment").await;
    id
}

/// Until the buyer sees that so much went back.
async fn sees_back(buyer: &Buyer, order: &str, amount_minor: i64) {
    eventually("the refund", async || {
        let (_, seen) = buyer.get(&format!("/api/orders/{order}")).await;
        seen["refunded"] == json!({ "amount_minor": amount_minor, "currency": "USD" })
    })
    .await;
}

#[tokio::test]
async fn late_money_goes_back_and_a_difference_from_the_provider_is_found() {
    let shop = Shop::start("refund");
    let sale = shop.sale(5, 1).await;
    let mut buyers = shop.buyers(2).await;
    let (mut late, mut refunded) = (buyers.remove(0), buyers.remove(0));

    let order = pending(&mut late, &sale).await;
    let ship_to = json!({
        "name": "Ada", "lines": ["Main Street 1"], "postcode": "12345", "city": "Town",
        "country": "DE",
    });
    let path = format!("/api/orders/{order}/payment");
    let (status, started) = late.post(&path, &json!({ "ship_to": ship_to })).await;
    assert_eq!(status, 201, "{started}");
    let past = format!("UPDATE orders SET expires_at_ms = 1 WHERE id = {order}");
    assert_eq!(shop.sql(past).await, 1);
    late.wait_for(&order, "expired").await;
    assert_eq!(late.pay_at(&started, "pay").await, 303);
    sees_back(&late, &order, PRICE).await;

    let row = shop.order(&order);
    let refund = &row["refunds"][0];
    assert_eq!(
        (&row["state"], &refund["reason"]),
        (&json!("expired"), &json!("late"))
    );
    assert_eq!(refund["state"], "done");
    assert!(
        refund["done_at_ms"].as_i64() <= refund["due_at_ms"].as_i64(),
        "{refund}"
    );
    assert_eq!(shop.there(&order).await["refunded"]["amount_minor"], PRICE);

    let order = pending(&mut refunded, &sale).await;
    refunded.pay(&order, "pay").await;
    refunded.wait_for(&order, "paid").await;
    shop.doorbuster(&["order", "refund", &order, "--amount", "900"]);
    sees_back(&refunded, &order, 900).await;
    assert_eq!(shop.order_state(&order), "paid");
    shop.doorbuster(&["order", "refund", &order, "--restock"]);
    sees_back(&refunded, &order, PRICE).await;
    assert_eq!(shop.order_state(&order), "refunded");
    eventually("the unit's return", async || {
        shop.sale_row(&sale)["redis_available"] == 5
    })
    .await;
    let again = shop.try_doorbuster(&["order", "refund", &order]);
    assert!(again.unwrap_err().contains("nothing can be given back"));
    shop.audit();

    let compared = shop.doorbuster(&["payments", "compare"]);
    assert!(
        compared.starts_with("Nothing differs: 2 payments"),
        "{compared}"
    );
    let forget = format!("UPDATE refunds SET amount_minor = 1 WHERE order_id = {order}");
    assert_eq!(shop.sql(forget).await, 2);
    let found = shop.try_doorbuster(&["payments", "compare", "--json"]);
    assert!(found.unwrap_err().contains("(exit status: 1)"));
    assert!(
        shop.metrics()
            .await
            .contains("doorbuster_refunds_overdue 0")
    );
}
