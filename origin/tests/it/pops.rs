//! PoPs: heard, revoked, restored, their keys rotated; each change holds within two seconds.

use crate::site::{Call, GET, Site, assert_problem};
use crate::support::{actor, eventually};
use kernel::ids::{AccountId, OrderId};
use kernel::lease::{LEASE_LIFE_SECONDS, LeaseGrant};
use kernel::token::{PurchaseToken, mint};
use origin::ledger::Rotated;
use origin::sales::{Change, Terms, change, change_terms};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

/// The longest a change may take to hold.
const HOLDS_AFTER: Duration = Duration::from_secs(2);

async fn soon(what: &str, done: impl AsyncFnMut() -> bool) {
    let started = Instant::now();
    eventually(what, done).await;
    assert!(
        started.elapsed() < HOLDS_AFTER,
        "{what} took {:?}",
        started.elapsed()
    );
}

async fn listed(site: &Site) -> Vec<Value> {
    let (_, snapshot) = site.snapshot_by("pop-2").await;
    snapshot["pops"].as_array().cloned().unwrap_or_default()
}

#[tokio::test]
async fn a_pop_tells_its_address_and_that_it_lives() {
    let site = Site::new().await;
    let get = async |path: &str| site.call(Call { path, ..GET }).await;
    let answer = get("/internal/snapshot?url=http%3A%2F%2F127.0.0.1%3A3000").await;
    assert_eq!(answer.0, 200);
    soon("a list with the address", async || {
        let pops = listed(&site).await;
        pops.len() == 2 && pops[0]["url"] == "http://127.0.0.1:3000" && pops[0]["live"] == true
    })
    .await;
    let first = &listed(&site).await[0];
    assert_eq!(
        (&first["id"], &first["key_version"]),
        (&json!("pop-1"), &json!(1))
    );
    let peer_key = hex::encode(site.keys.peer.verifying_key().as_bytes());
    assert_eq!(first["peer_key"], peer_key);
    for query in ["url=ftp%3A%2F%2Fa", "url=http%3A%2F%2Fa%2Fb", "colour=red"] {
        let path = format!("/internal/snapshot?{query}");
        assert_problem(&get(&path).await, 400, "malformed");
    }
}

#[tokio::test]
async fn a_pop_that_falls_silent_does_not_live() {
    let site = Site::new().await;
    site.snapshot_by("pop-1").await;
    let lives = async |id: usize| listed(&site).await[id]["live"] == true;
    soon("a living PoP", async || lives(0).await).await;
    site.world
        .sql("UPDATE pops SET heard_at_ms = heard_at_ms - 15000 WHERE id = 'pop-1'".into())
        .await;
    soon("a silent PoP", async || !lives(0).await && lives(1).await).await;
}

#[tokio::test]
async fn a_revoked_pop_is_shut_out_and_its_slots_flow_back() {
    let site = Site::new().await;
    let sale = site.world.sale(2, 1).await;
    let (cookie, order) = (
        site.cookie(1).await,
        json!({ "sale_id": sale, "quantity": 1 }),
    );
    let token = site.token(sale, 1).await;
    let ask = async |pop| {
        let body = json!({
            "sale_id": sale, "generation": "g", "want": 10, "waiting": [], "returned": null
        });
        site.post_by(pop, "/internal/leases", body).await
    };
    assert_eq!(ask("pop-1").await.1["count"], 9);
    assert_eq!(ask("pop-2").await.1["count"], 0);

    let ledger = &site.world.stores.ledger;
    assert!(ledger.revoke_pop(&actor(), "pop-1").await.unwrap());
    assert!(!ledger.revoke_pop(&actor(), "pop-9").await.unwrap());
    soon("a PoP that is shut out", async || {
        ask("pop-1").await.0 == 403
    })
    .await;
    assert_problem(&site.snapshot_by("pop-1").await, 403, "unknown-pop");
    let placed = site.place(&cookie, Some(&token), order.clone()).await;
    assert_problem(&placed, 403, "unknown-pop");
    assert_eq!(ask("pop-2").await.1["count"], 10, "its slots flowed back");
    soon("a list without it", async || {
        listed(&site).await.iter().all(|pop| pop["id"] != "pop-1")
    })
    .await;

    assert!(ledger.restore_pop(&actor(), "pop-1").await.unwrap());
    soon("a PoP that may come in again", async || {
        ask("pop-1").await.0 == 200
    })
    .await;
    let placed = site.place(&cookie, Some(&token), order).await;
    assert_problem(&placed, 403, "token-invalid");
}

#[tokio::test]
async fn a_revoked_pop_gets_no_lease_from_an_origin_that_does_not_know_yet() {
    let site = Site::new().await;
    let sale = site.world.sale(2, 1).await;
    site.snapshot_by("pop-1").await;
    let body = json!({
        "sale_id": sale, "generation": "g", "want": 1, "waiting": [], "returned": null
    });
    site.world
        .sql("UPDATE pops SET revoked = TRUE WHERE id = 'pop-1'".into())
        .await;
    let (status, grant) = site.post_by("pop-1", "/internal/leases", body).await;
    assert!(status == 403 || grant["count"] == 0, "{grant}");
}

#[tokio::test]
async fn a_rotated_key_counts_at_once_and_the_former_as_long_as_its_tokens() {
    let site = Site::new().await;
    let sale = site.world.sale(50, 10).await;
    let cookie = site.cookie(1).await;
    let body = json!({
        "sale_id": sale, "generation": "g", "want": 10, "waiting": [], "returned": null
    });
    let (_, grant) = site.post_by("pop-1", "/internal/leases", body).await;
    let grant: LeaseGrant = serde_json::from_value(grant).unwrap();
    let place = async |nth: u64, version| {
        let token = PurchaseToken {
            account: AccountId(1),
            sale,
            slot: OrderId(grant.first_slot.0 + nth),
            lease: grant.lease_id,
            not_before: origin::now(),
            expires_at: origin::now().plus_seconds(120),
        };
        let token = mint(&site.keys, version, &token);
        let order = json!({ "sale_id": sale, "quantity": 1 });
        site.place(&cookie, Some(&token), order).await
    };
    assert_eq!(place(0, 1).await.0, 202);
    assert_problem(&place(1, 3).await, 403, "token-invalid");

    let ledger = &site.world.stores.ledger;
    assert_eq!(
        ledger.rotate_pop(&actor(), "pop-9").await.unwrap(),
        Rotated::Unknown
    );
    assert_eq!(
        ledger.rotate_pop(&actor(), "pop-1").await.unwrap(),
        Rotated::To(2)
    );
    assert_eq!(place(1, 2).await.0, 202);
    assert_eq!(place(2, 1).await.0, 202);
    soon("a list with the new key", async || {
        let first = listed(&site).await[0].clone();
        first["key_version"] == 2 && first["oldest_key_version"] == 1
    })
    .await;
    let again = ledger.rotate_pop(&actor(), "pop-1").await.unwrap();
    assert!(matches!(again, Rotated::TooSoon(left) if left > 0));

    let life_ms = LEASE_LIFE_SECONDS * 1_000;
    site.world
        .sql(format!(
            "UPDATE pops SET rotated_at_ms = rotated_at_ms - {life_ms}"
        ))
        .await;
    soon("the end of the former key", async || {
        place(3, 1).await.0 == 403
    })
    .await;
    assert_eq!(place(4, 2).await.0, 202);
}

#[tokio::test]
async fn another_rate_and_a_pause_reach_the_edge_within_two_seconds() {
    let site = Site::new().await;
    let sale = site.world.sale(50, 1).await;
    let (ledger, stock) = (&site.world.stores.ledger, &site.world.stores.stock);
    site.snapshot_by("pop-1").await;
    let shown = async || site.snapshot_by("pop-1").await.1["sales"][0].clone();
    let terms = Terms {
        rate_per_second: Some(7),
        ..Terms::default()
    };
    change_terms(ledger, &actor(), None, sale, terms, origin::now())
        .await
        .unwrap();
    soon("the new rate", async || {
        shown().await["rate_per_second"] == 7
    })
    .await;
    change(ledger, stock, &actor(), sale, Change::Pause)
        .await
        .unwrap();
    soon("the pause", async || shown().await["state"] == "paused").await;
    let body = json!({
        "sale_id": sale, "generation": "g", "want": 1, "waiting": [], "returned": null
    });
    let (_, grant) = site.post_by("pop-1", "/internal/leases", body).await;
    assert_eq!(
        (&grant["count"], &grant["sold_out"]),
        (&json!(0), &json!(false))
    );
}
