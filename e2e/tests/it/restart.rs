//! The origin is killed in the middle of a sale.

use crate::shop::{Shop, eventually};
use futures::{StreamExt, stream};
use std::collections::HashSet;
use std::sync::Mutex;
use std::time::Duration;

const BUYERS: u32 = 120;
const UNITS: u32 = 80;

#[tokio::test(flavor = "multi_thread")]
async fn no_202_is_without_its_order_when_the_origin_is_killed() {
    let shop = Shop::start("restart");
    let sale = shop.sale(UNITS, 1).await;
    let mut buyers = shop.buyers(BUYERS).await;
    for buyer in &mut buyers {
        assert_eq!(buyer.get_token(&sale).await.0, 201);
    }
    let accepted = Mutex::new(HashSet::new());
    let place_all = async || {
        stream::iter(&buyers)
            .for_each_concurrent(8, async |buyer| {
                for _ in 0..100 {
                    let (status, body) = buyer.place(&sale, 1).await;
                    if status == 202 {
                        let id = body["order_id"].as_str().unwrap().to_owned();
                        accepted.lock().unwrap().insert(id);
                    }
                    // 503 is unknown: the same token is used again.
                    if status != 503 {
                        return;
                    }
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
                panic!("the origin did not come back");
            })
            .await;
    };
    let crash = async {
        eventually("the first orders", async || {
            accepted.lock().unwrap().len() >= 10
        })
        .await;
        tokio::task::block_in_place(|| shop.crash_origin());
    };
    tokio::join!(place_all(), crash);

    let accepted = accepted.into_inner().unwrap();
    println!("{} orders accepted around a crash", accepted.len());
    eventually("all decisions", async || {
        shop.sale_row(&sale)["reserved"] == UNITS
    })
    .await;
    for order in &accepted {
        assert_eq!(shop.order_state(order), "pending_payment");
    }
    assert_eq!(accepted.len(), UNITS as usize);
    shop.audit();
}
