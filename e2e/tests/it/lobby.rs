//! A lobby of ten thousand at two PoPs: the draw is a permutation, nobody's place follows from when
//! they came, and every receipt verifies.

use crate::buyer::Buyer;
use crate::shop::{Shop, eventually};
use crate::statistics::{is_permutation, rank_correlation, unrelated_max};
use futures::{StreamExt, stream};
use kernel::lobby::{BadReceipt, Receipt};
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

const VISITORS: u32 = 10_000;
const AT_ONCE: usize = 24;
/// One of so many asks when the sale opens.
const ASK_EVERY: usize = 500;
/// Of so many the standing is compared with the receipt.
const LOOKED_AT: usize = 100;
const UNITS: u32 = 10;
/// Those who are there when the sale opens; the others do not come.
const CLAIMING: usize = 60;
const CLAIM: Duration = Duration::from_mins(1);
/// An account may ask 30 times a minute.
const PAUSE: Duration = Duration::from_secs(3);

struct Visitor {
    buyer: Buyer,
    receipt: Receipt,
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_are_drawn_fairly() {
    let shop = Shop::with("lobby", 2, &[]);
    let terms = ["--rate", "100000", "--quota", "2"];
    let sale = shop.scheduled_sale(UNITS, 1, "+2h", &terms).await;
    let published = lobby_of(&shop, &sale).await;
    assert_eq!(published["seed"], json!(null));

    // They come to either PoP; each is led to the one where they belong.
    let began = Instant::now();
    let buyers = shop.buyers(VISITORS).await;
    println!("{VISITORS} accounts in {:?}", began.elapsed());
    let began = Instant::now();
    let pops = &shop.addresses.pops;
    let mut joined: Vec<Buyer> = stream::iter(buyers.into_iter().enumerate())
        .map(async |(number, buyer)| {
            let buyer = buyer.at(&pops[number % 2]);
            let (_, grant) = buyer.join(&sale).await;
            assert!(grant["arrival"].is_u64(), "{grant}");
            buyer
        })
        .buffer_unordered(AT_ONCE)
        .collect()
        .await;
    println!("{VISITORS} joined in {:?}", began.elapsed());
    let again = joined[0].join(&sale).await;
    assert_eq!(again.0, 200, "an account has one arrival: {again:?}");
    let early = joined[0].get(&format!("/gate/sales/{sale}/places")).await;
    assert_eq!(
        (&early.1["state"], &early.1["place"]),
        (&json!("waiting"), &json!(null))
    );

    shop.doorbuster(&["sale", "change", &sale, "--opens", "+2s"]);
    eventually("the draw", async || {
        // Somebody at each PoP asks at the opening, or it would be left out.
        for (number, buyer) in joined.iter().step_by(ASK_EVERY).enumerate() {
            let path = format!("/gate/sales/{sale}/places");
            let (status, standing) = buyer.get(&path).await;
            if status != 200 {
                println!("{number}: {status} {standing}");
            }
        }
        lobby_of(&shop, &sale).await["drawn_at_ms"].is_u64()
    })
    .await;
    let drawn = lobby_of(&shop, &sale).await;
    assert_eq!(drawn["commitment"], published["commitment"]);
    let count = |index: usize| drawn["pops"][index]["count"].as_u64().unwrap();
    assert_eq!(count(0) + count(1), u64::from(VISITORS));
    assert!(count(0).abs_diff(count(1)) < 500, "{drawn}");

    slots_go_by_place(&mut joined, &sale).await;

    let renewals = stream::iter(&mut joined).map(Buyer::renew);
    renewals.buffer_unordered(AT_ONCE).collect::<()>().await;
    let began = Instant::now();
    let visitors: Vec<Visitor> = stream::iter(joined)
        .map(async |buyer| {
            let receipt = buyer.receipt(&sale).await;
            assert_eq!(receipt.verify(), Ok(receipt.place), "{receipt:?}");
            Visitor { buyer, receipt }
        })
        .buffer_unordered(AT_ONCE)
        .collect()
        .await;
    println!("{VISITORS} receipts verified in {:?}", began.elapsed());
    looks_fair(&visitors);
    // The count that is changed there is the other PoP's.
    let mut receipts = visitors.iter().map(|visitor| &visitor.receipt);
    let of_second = receipts.find(|receipt| receipt.pop == pops[1].id);
    what_is_changed_is_found(&shop, of_second.unwrap());
    for visitor in visitors.iter().take(LOOKED_AT) {
        let path = format!("/gate/sales/{sale}/places");
        let (_, standing) = visitor.buyer.get(&path).await;
        assert_eq!(standing["place"], visitor.receipt.place, "{standing}");
    }
    shop.audit();
}

async fn lobby_of(shop: &Shop, sale: &str) -> serde_json::Value {
    let path = shop.url(&format!("/api/sales/{sale}"));
    let sale: serde_json::Value = reqwest::get(path).await.unwrap().json().await.unwrap();
    sale["lobby"].clone()
}

fn looks_fair(visitors: &[Visitor]) {
    let places: Vec<u64> = visitors
        .iter()
        .map(|visitor| visitor.receipt.place)
        .collect();
    assert!(is_permutation(&places));
    let tickets: BTreeSet<_> = visitors
        .iter()
        .map(|visitor| &visitor.receipt.ticket)
        .collect();
    assert_eq!(tickets.len(), visitors.len());
    let mut by_pop = BTreeMap::<&str, Vec<(u64, u64)>>::new();
    for Visitor { receipt, .. } in visitors {
        let pairs = by_pop.entry(&receipt.pop).or_default();
        pairs.push((receipt.arrival, receipt.place));
    }
    assert_eq!(by_pop.len(), 2);
    for (pop, pairs) in by_pop {
        let correlation = rank_correlation(&pairs);
        println!(
            "{pop}: {} arrivals, rank correlation {correlation:.4}",
            pairs.len()
        );
        assert!(
            correlation.abs() < unrelated_max(pairs.len()),
            "{pop}: {correlation}"
        );
    }
}

/// By the operator's command line, and by the code that pages run.
fn what_is_changed_is_found(shop: &Shop, receipt: &Receipt) {
    let folder = tempfile::tempdir().unwrap();
    let verify = |receipt: &Receipt| {
        let path = folder.path().join("receipt.json");
        std::fs::write(&path, serde_json::to_vec(receipt).unwrap()).unwrap();
        let path = path.display().to_string();
        shop.try_doorbuster(&["lobby", "verify", &path, "--site", &shop.addresses.edge_url])
    };
    verify(receipt).expect("the receipt is right");
    let check = |change: fn(&mut Receipt), expected| {
        let mut changed = receipt.clone();
        change(&mut changed);
        assert_eq!(changed.verify(), Err(expected), "{changed:?}");
        verify(&changed).expect_err("the command finds it, too");
    };
    check(
        |receipt| receipt.lobby.seed = Some("07".repeat(32)),
        BadReceipt::Seed,
    );
    check(|receipt| receipt.ticket.push('0'), BadReceipt::Ticket);
    check(
        |receipt| receipt.lobby.pops[0].count += 1,
        BadReceipt::Place,
    );
    check(|receipt| receipt.place += 1, BadReceipt::Place);
}

/// Some of them are there when the sale opens, and whoever has a higher place asks first, again and
/// again. For a minute the others can claim theirs; then the lowest of those who wait come first.
async fn slots_go_by_place(joined: &mut [Buyer], sale: &str) {
    let mut claiming = Vec::new();
    for buyer in joined.iter_mut().step_by(VISITORS as usize / CLAIMING) {
        // An instance may hear of the draw a moment after another.
        let mut place = None;
        eventually("a place", async || {
            let standing = buyer.get(&format!("/gate/sales/{sale}/places")).await.1;
            place = standing["place"].as_u64();
            place.is_some()
        })
        .await;
        let place = place.unwrap();
        let pop = buyer.receipt(sale).await.pop;
        claiming.push((place, pop, buyer));
    }
    claiming.sort_by_key(|(place, ..)| std::cmp::Reverse(*place));

    let began = Instant::now();
    let most = usize::try_from(UNITS * 2).unwrap();
    let mut holders = BTreeMap::<String, BTreeSet<u64>>::new();
    let mut count = 0;
    while count < most {
        assert!(began.elapsed() < CLAIM * 3, "{holders:?}");
        for (place, pop, buyer) in &mut claiming {
            if buyer.token.is_none() && matches!(buyer.ask_for_token(sale).await.0, 200 | 201) {
                holders.entry(pop.clone()).or_default().insert(*place);
                count += 1;
            }
        }
        tokio::time::sleep(PAUSE).await;
    }
    println!("{count} slots went by place in {:?}", began.elapsed());
    assert_eq!(count, most, "{holders:?}");
    // At a PoP nobody got one before a lower place that asked as well.
    for (pop, places) in &holders {
        let here = claiming.iter().rev().filter(|(_, at, _)| at == pop);
        let lowest: BTreeSet<_> = here.map(|(place, ..)| *place).take(places.len()).collect();
        assert_eq!(*places, lowest, "{pop}");
    }
}
