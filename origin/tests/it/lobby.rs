//! Lobbies: what PoPs report, and when and with whom places are drawn.

use crate::site::{Site, assert_problem};
use crate::support::{actor, eventually};
use kernel::ids::SaleId;
use kernel::lobby::{CLOSING_MS_MAX, EMPTY_ROOT, Lobby};
use origin::sales::{SaleDraft, create, freeze_all};
use serde_json::{Value, json};

const ROOT: &str = "1111111111111111111111111111111111111111111111111111111111111111";

/// A public sale that opens in an hour.
async fn scheduled(site: &Site) -> SaleId {
    let draft = site.world.draft(10, 1).await;
    let opens_at = origin::now().plus_seconds(3_600);
    let closes_at = opens_at.plus_seconds(3_600);
    let draft = SaleDraft {
        opens_at,
        closes_at,
        ..draft
    };
    site.world.open(draft).await
}

/// Turns the clock: the sale opened so long ago.
async fn opened(site: &Site, sale: SaleId, ago_ms: i64) {
    let opens_at = origin::now().0 - ago_ms;
    let statement = format!("UPDATE sales SET opens_at_ms = {opens_at} WHERE id = {sale}");
    site.world.sql(statement).await;
}

async fn report(site: &Site, pop: &str, sale: SaleId, count: u64, closed: Value) -> (u16, Value) {
    report_as(site, pop, "g1", sale, count, closed).await
}

async fn report_as(
    site: &Site,
    pop: &str,
    generation: &str,
    sale: SaleId,
    count: u64,
    closed: Value,
) -> (u16, Value) {
    let body = json!({
        "sale_id": sale, "generation": generation, "count": count, "closed": closed
    });
    site.post_by(pop, "/internal/lobbies", body).await
}

fn stands(answer: &(u16, Value), continue_above: u64, closed: bool) {
    let expected = json!({ "continue_above": continue_above, "closed": closed });
    assert_eq!(answer, &(200, expected));
}

/// What the ledger shows of a lobby, which is what the snapshot does.
async fn lobby(site: &Site, sale: SaleId) -> Lobby {
    let ledger = &site.world.stores.ledger;
    let row = ledger.sale(sale).await.unwrap().unwrap();
    ledger.lobby(sale, &row.draw).await.unwrap()
}

#[tokio::test]
async fn arrivals_never_count_back_and_a_lost_store_goes_on_above_all_it_gave() {
    let site = Site::new().await;
    let sale = scheduled(&site).await;
    for count in [0, 5, 3] {
        stands(
            &report(&site, "pop-1", sale, count, Value::Null).await,
            0,
            false,
        );
    }
    assert_eq!(lobby(&site, sale).await.waiting, 5);
    for count in [0, 0] {
        let answer = report_as(&site, "pop-1", "g2", sale, count, Value::Null).await;
        stands(&answer, 1_005, false);
    }
    let answer = report_as(&site, "pop-1", "g2", sale, 1_007, Value::Null).await;
    stands(&answer, 1_005, false);
    stands(
        &report(&site, "pop-2", sale, 2, Value::Null).await,
        0,
        false,
    );
    assert_eq!(lobby(&site, sale).await.waiting, 1_009);
}

#[tokio::test]
async fn a_report_that_cannot_be_true_is_refused() {
    let site = Site::new().await;
    let sale = scheduled(&site).await;
    let tree =
        |count: u64, size: u64, root: &str| json!({"count": count, "size": size, "root": root});
    let early = report(&site, "pop-1", sale, 3, tree(3, 3, ROOT)).await;
    assert_problem(&early, 400, "malformed");
    opened(&site, sale, 100).await;
    for (count, closed) in [
        (3, tree(4, 3, ROOT)),
        (3, tree(3, 4, ROOT)),
        (3, tree(3, 3, "11")),
        (1 << 50, Value::Null),
    ] {
        let answer = report(&site, "pop-1", sale, count, closed).await;
        assert_problem(&answer, 400, "malformed");
    }
    let unknown = report(&site, "pop-1", SaleId(5), 0, Value::Null).await;
    assert_problem(&unknown, 404, "unknown-sale");
    let draft = site.world.draft(1, 1).await;
    let stores = &site.world.stores;
    let draft = create(&stores.ledger, &stores.ids, &actor(), draft)
        .await
        .unwrap();
    let answer = report(&site, "pop-1", draft, 0, Value::Null).await;
    assert_problem(&answer, 404, "unknown-sale");
}

#[tokio::test]
async fn a_pop_that_does_not_close_in_time_is_left_out_and_no_seed_is_shown_before() {
    let site = Site::new().await;
    let sale = scheduled(&site).await;
    let ledger = &site.world.stores.ledger;
    report(&site, "pop-1", sale, 3, Value::Null).await;
    report(&site, "pop-2", sale, 2, Value::Null).await;
    let seed = ledger.sale(sale).await.unwrap().unwrap().draw.seed;
    let (_, early) = site.snapshot_by("pop-1").await;
    let commitment = early["sales"][0]["lobby"]["commitment"].clone();
    assert_eq!(commitment, kernel::lobby::commitment(&seed.0));

    opened(&site, sale, 100).await;
    let tree = json!({ "count": 3, "size": 3, "root": ROOT });
    stands(&report(&site, "pop-1", sale, 3, tree).await, 0, true);
    let other = json!({ "count": 2, "size": 2, "root": EMPTY_ROOT });
    stands(
        &report(&site, "pop-1", sale, 3, other.clone()).await,
        0,
        true,
    );
    freeze_all(ledger).await.unwrap();
    let ask = json!({
        "sale_id": sale, "generation": "g1", "want": 1, "waiting": [], "returned": null
    });
    let (status, grant) = site.post_by("pop-1", "/internal/leases", ask.clone()).await;
    assert_eq!(
        (status, &grant["count"]),
        (200, &json!(0)),
        "nobody is admitted before the draw"
    );
    let (_, snapshot) = site.snapshot_by("pop-2").await;
    for answer in [&early, &snapshot, &grant] {
        assert!(
            !answer.to_string().contains(&hex::encode(seed.0)),
            "{answer}"
        );
    }
    assert_eq!(lobby(&site, sale).await.drawn_at_ms, None);

    opened(&site, sale, CLOSING_MS_MAX + 1).await;
    freeze_all(ledger).await.unwrap();
    stands(&report(&site, "pop-2", sale, 2, other).await, 0, true);
    stands(&report(&site, "pop-1", sale, 9, Value::Null).await, 0, true);
    let drawn = lobby(&site, sale).await;
    let parts: Vec<_> = drawn
        .pops
        .iter()
        .map(|pop| (pop.id.as_str(), pop.count, pop.size))
        .collect();
    assert_eq!(parts, [("pop-1", 3, 3), ("pop-2", 0, 0)]);
    assert_eq!(
        [drawn.pops[0].root.as_str(), &drawn.pops[1].root],
        [ROOT, EMPTY_ROOT]
    );
    assert_eq!((drawn.waiting, drawn.draw(sale).unwrap().total()), (11, 3));
    assert_eq!(drawn.commitment, commitment.as_str().unwrap());
    let (_, grant) = site.post_by("pop-1", "/internal/leases", ask).await;
    assert_eq!(grant["count"], 1);
    let shown = serde_json::to_value(&drawn).unwrap();
    eventually("a snapshot with the draw", async || {
        site.snapshot_by("pop-1").await.1["sales"][0]["lobby"] == shown
    })
    .await;
}

#[tokio::test]
async fn a_sale_is_drawn_once_by_whoever_comes_first() {
    let site = Site::new().await;
    let sale = scheduled(&site).await;
    let ledger = &site.world.stores.ledger;
    report(&site, "pop-1", sale, 0, Value::Null).await;
    freeze_all(ledger).await.unwrap();
    assert!(
        !ledger.freeze_lobbies(sale).await.unwrap(),
        "it has not opened"
    );
    opened(&site, sale, 1).await;
    assert!(
        !ledger.freeze_lobbies(sale).await.unwrap(),
        "its lobby has not closed"
    );
    let tree = json!({ "count": 0, "size": 0, "root": EMPTY_ROOT });
    report(&site, "pop-1", sale, 0, tree).await;
    let version = ledger.sale(sale).await.unwrap().unwrap().version;
    let both = tokio::join!(ledger.freeze_lobbies(sale), ledger.freeze_lobbies(sale));
    assert_ne!(both.0.unwrap(), both.1.unwrap());
    let row = ledger.sale(sale).await.unwrap().unwrap();
    assert_eq!(
        (row.version, row.draw.drawn_at.is_some()),
        (version + 1, true)
    );
}

#[tokio::test]
async fn a_sale_that_nobody_waited_for_is_drawn_at_once() {
    let site = Site::new().await;
    let published_late = site.world.sale(10, 1).await;
    assert!(lobby(&site, published_late).await.seed.is_some());
    let sale = scheduled(&site).await;
    opened(&site, sale, 0).await;
    freeze_all(&site.world.stores.ledger).await.unwrap();
    assert!(lobby(&site, sale).await.draw(sale).is_some());
}
