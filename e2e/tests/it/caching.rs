//! How old what shoppers see is, what that costs the origin, and who is told.

use crate::shop::{Shop, eventually};
use reqwest::{Client, Response};
use std::time::{Duration, Instant};

/// A visitor who looks now.
async fn look(client: &Client, shop: &Shop, path: &str) -> Response {
    let answer = client.get(shop.url(path)).send().await.unwrap();
    assert_eq!(answer.status(), 200, "{path}");
    answer
}

fn age_seconds(answer: &Response) -> u64 {
    let age = answer.headers().get("age").expect("an Age");
    age.to_str().unwrap().parse().unwrap()
}

/// The same page under an address that nobody has asked for, so that its component answers.
fn anew(path: &str, number: u64) -> String {
    format!("{path}?look={number}")
}

/// The sum of all series of a counter whose labels hold this text.
fn count(metrics: &str, name: &str, label: &str) -> u64 {
    let lines = metrics.lines().filter(|line| line.starts_with(name));
    let lines = lines.filter(|line| line.contains(label));
    lines
        .map(|line| line.rsplit(' ').next().unwrap().parse::<u64>().unwrap())
        .sum()
}

const READS: &str = "doorbuster_edge_catalogue_reads_total{";
const LEVELS: [&str; 5] = ["instance", "stale", "key_value", "origin", "none"];

fn reads(metrics: &str, level: &str) -> u64 {
    count(metrics, READS, &format!("level=\"{level}\""))
}

fn all_reads(metrics: &str) -> u64 {
    LEVELS.iter().map(|level| reads(metrics, level)).sum()
}

#[tokio::test]
async fn what_is_shown_is_young_costs_the_origin_little_and_is_counted() {
    let shop = Shop::start("caching");
    let sale = shop.sale(10, 1).await;
    let client = Client::new();
    let (page, json) = (format!("/sales/{sale}"), format!("/api/sales/{sale}"));
    let snapshots = |metrics: &str| {
        let route = "route=\"/internal/snapshot\"";
        count(metrics, "doorbuster_edge_requests_total{", route)
    };

    let before = shop.metrics().await;
    let (began, mut looks) = (Instant::now(), 0);
    while began.elapsed() < Duration::from_secs(5) {
        for path in [&page, &json] {
            let age = age_seconds(&look(&client, &shop, &anew(path, looks)).await);
            // A second is promised; the rest is for a machine that stands still.
            assert!(age <= 10, "{age} s old");
            looks += 1;
        }
    }
    let seconds = began.elapsed().as_secs_f64();
    let mut after = String::new();
    eventually("the counts at the origin", async || {
        look(&client, &shop, &anew(&page, looks)).await;
        looks += 1;
        after = shop.metrics().await;
        (all_reads(&after) - all_reads(&before)) * 10 >= looks * 9
    })
    .await;
    let level = |level| reads(&after, level) - reads(&before, level);
    #[expect(clippy::cast_precision_loss, reason = "a few hundred requests")]
    let rate = (snapshots(&after) - snapshots(&before)) as f64 / began.elapsed().as_secs_f64();
    println!(
        "{looks} looks, most in {seconds:.1} s; by level: {:?}; {rate:.1} snapshot requests a second",
        LEVELS.map(|name| (name, level(name)))
    );
    assert!(
        level("instance") * 10 > looks * 8,
        "most are answered from the instance"
    );
    assert!(level("none") == 0, "nobody is sent away");
    assert!(rate < 20.0, "ten times what is promised");

    // The cache in front of the components answers most of it before they are asked.
    let (began, mut looks, mut hits) = (Instant::now(), 0, 0);
    while began.elapsed() < Duration::from_secs(3) {
        for path in [&page, &json] {
            let answer = look(&client, &shop, path).await;
            let age = age_seconds(&answer);
            assert!(age <= 10, "{age} s old");
            let status = answer.headers()["cache-status"].to_str().unwrap();
            hits += u64::from(status.starts_with("doorbuster-edge; hit"));
            looks += 1;
        }
    }
    println!("{hits} of {looks} looks were answered by the cache");
    assert!(hits * 2 > looks, "most looks are hits");

    // Not a change is seen later than three seconds after the origin has it.
    let seen = async |state: &str| {
        let began = Instant::now();
        eventually(state, async || {
            let answer = look(&client, &shop, &json).await;
            let sale: serde_json::Value = answer.json().await.unwrap();
            sale["state"] == state
        })
        .await;
        began.elapsed()
    };
    for (command, state) in [("pause", "paused"), ("resume", "open")] {
        shop.doorbuster(&["sale", command, &sale]);
        let took = seen(state).await;
        println!("{state}: seen {took:.2?} after the command");
        assert!(
            took < Duration::from_secs(10),
            "three times what is promised"
        );
    }
}

#[tokio::test]
async fn while_the_origin_is_away_the_age_tells_so_and_nobody_waits() {
    let shop = Shop::start("stale");
    let sale = shop.sale(10, 1).await;
    let client = Client::new();
    let page = format!("/sales/{sale}");
    assert!(age_seconds(&look(&client, &shop, &page).await) <= 10);

    shop.stop("origin");
    let mut longest = Duration::ZERO;
    let mut age = 0;
    eventually("a page that is three seconds old", async || {
        let began = Instant::now();
        age = age_seconds(&look(&client, &shop, &page).await);
        longest = longest.max(began.elapsed());
        age >= 3
    })
    .await;
    println!("origin away: {age} s old, served in {longest:.1?} at most");

    shop.restart("origin");
    eventually("a young page", async || {
        age_seconds(&look(&client, &shop, &page).await) <= 1
    })
    .await;
    let etag = look(&client, &shop, &page).await.headers()["etag"].clone();
    let again = client.get(shop.url(&page)).header("if-none-match", &etag);
    let again = again.send().await.unwrap();
    assert_eq!(again.status(), 304);
    assert!(again.headers().contains_key("age"));
}
