//! A crowd competes for a stock that is much too small.

use crate::buyer::Buyer;
use crate::shop::{Shop, eventually};
use futures::{StreamExt, stream};
use std::collections::{BTreeMap, HashSet};

const BUYERS: u32 = 2_000;
const UNITS: u32 = 100;
const QUOTA: usize = 5;
const ATTEMPTS_EACH: usize = 5;
const ASKS_EACH: usize = 3;
const AT_ONCE: usize = 64;

#[tokio::test(flavor = "multi_thread")]
async fn two_thousand_compete_for_a_hundred() {
    let shop = Shop::shared();
    let sale = shop.sale(UNITS, 2).await;
    let buyers = shop.buyers(BUYERS).await;

    // No order is placed yet, so every token handed out is alive at the end of this.
    let asked: Vec<(Buyer, u16)> = stream::iter(buyers)
        .map(async |mut buyer| {
            let (mut status, _) = buyer.ask_for_token(&sale).await;
            // Who is told to wait asks again, so that the quota is what ends it.
            for _ in 1..ASKS_EACH {
                if buyer.token.is_none() {
                    (status, _) = buyer.ask_for_token(&sale).await;
                }
            }
            (buyer, status)
        })
        .buffer_unordered(AT_ONCE)
        .collect()
        .await;
    let tokens: HashSet<_> = asked
        .iter()
        .filter_map(|(buyer, _)| buyer.token.clone())
        .collect();
    assert!(
        tokens.len() <= QUOTA * UNITS as usize,
        "{} tokens are alive",
        tokens.len()
    );
    // A lease that is lent twice for one need would be missing here, 64 slots at a time.
    assert!(
        tokens.len() >= QUOTA * UNITS as usize * 4 / 5,
        "only {} got a token",
        tokens.len()
    );
    let refused = asked.iter().filter(|(buyer, _)| buyer.token.is_none());
    let unexpected: Vec<_> = refused
        .filter(|(_, status)| !matches!(status, 429 | 503))
        .collect();
    assert!(
        unexpected.is_empty(),
        "{:?}",
        unexpected.first().map(|(_, status)| status)
    );

    let attempts = asked
        .iter()
        .flat_map(|(buyer, _)| std::iter::repeat_n(buyer, ATTEMPTS_EACH));
    let answers: Vec<_> = stream::iter(attempts)
        .map(async |buyer| buyer.place(&sale, 1).await)
        .buffer_unordered(AT_ONCE)
        .collect()
        .await;
    let mut by_status = BTreeMap::<u16, usize>::new();
    let mut orders = HashSet::new();
    for (status, body) in &answers {
        *by_status.entry(*status).or_default() += 1;
        if *status == 202 {
            orders.insert(body["order_id"].as_str().unwrap().to_owned());
        }
    }
    println!(
        "{} tokens; order attempts by status: {by_status:?}",
        tokens.len()
    );
    assert_eq!(answers.len(), BUYERS as usize * ATTEMPTS_EACH);
    assert!(
        by_status
            .keys()
            .all(|status| matches!(status, 202 | 403 | 409 | 503)),
        "{by_status:?}"
    );
    assert_eq!(orders.len(), UNITS as usize);

    eventually("all decisions", async || {
        shop.sale_row(&sale)["reserved"] == UNITS
    })
    .await;
    for order in orders.iter().take(5) {
        assert_eq!(shop.order_state(order), "pending_payment");
    }
    let row = shop.sale_row(&sale);
    assert_eq!(
        (row["available"].as_u64(), row["redis_available"].as_u64()),
        (Some(0), Some(0))
    );
    shop.audit();
}
