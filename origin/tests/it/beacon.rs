//! A beacon's round in the draw: from a file, over HTTP, or missing.

use crate::support::{World, actor};
use axum::routing::get;
use kernel::ids::SaleId;
use kernel::lobby::{BEACON_AFTER_MS, Lobby};
use kernel::time::UnixMillis;
use origin::ledger::BEACON_WAIT_MS;
use origin::sales::{PublishError, Rounds, SaleDraft, Source, create, finish_all, publish};

const ROUNDS: Rounds = Rounds {
    genesis: UnixMillis(1_000_000),
    period_ms: 3_000,
};

/// A sale that names the beacon and has opened.
async fn sale(world: &World) -> SaleId {
    let draft = SaleDraft {
        with_beacon: true,
        ..world.draft(10, 1).await
    };
    let stores = &world.stores;
    let id = create(&stores.ledger, &stores.ids, &actor(), draft)
        .await
        .unwrap();
    let without = publish(&stores.ledger, &stores.stock, &actor(), None, id).await;
    assert!(matches!(without, Err(PublishError::NoBeacon(_))));
    publish(&stores.ledger, &stores.stock, &actor(), Some(ROUNDS), id)
        .await
        .unwrap();
    id
}

async fn lobby(world: &World, sale: SaleId) -> Lobby {
    let ledger = &world.stores.ledger;
    let row = ledger.sale(sale).await.unwrap().unwrap();
    ledger.lobby(sale, &row.draw).await.unwrap()
}

/// Turns the clock: the round was due so long ago.
async fn due(world: &World, ago_ms: i64) {
    let due = origin::now().0 - ago_ms;
    world
        .sql(format!("UPDATE sales SET beacon_due_at_ms = {due}"))
        .await;
}

#[tokio::test]
async fn a_draw_waits_for_its_round_and_takes_it_from_a_file() {
    let world = World::new().await;
    let before = origin::now();
    let sale = sale(&world).await;
    let ledger = &world.stores.ledger;
    let folder = std::env::temp_dir().join(world.prefix());
    std::fs::create_dir(&folder).unwrap();
    let source = Source::new(&format!("file://{}/{{round}}", folder.display()));

    let waiting = lobby(&world, sale).await;
    let beacon = waiting.beacon.clone().unwrap();
    assert!(beacon.due_at_ms.since(before) >= BEACON_AFTER_MS);
    std::fs::write(
        folder.join(beacon.round.to_string()),
        format!("{}\n", "ab".repeat(32)),
    )
    .unwrap();
    finish_all(ledger, Some(&source)).await.unwrap();
    assert_eq!(lobby(&world, sale).await, waiting, "its round is not due");
    assert_eq!((waiting.seed, waiting.drawn_at_ms), (None, None));

    due(&world, 0).await;
    let missing = Source::new("file:///nowhere/{round}");
    finish_all(ledger, Some(&missing)).await.unwrap();
    assert_eq!(
        lobby(&world, sale).await.drawn_at_ms,
        None,
        "it is waited for"
    );
    finish_all(ledger, Some(&source)).await.unwrap();
    let drawn = lobby(&world, sale).await;
    assert_eq!(drawn.beacon.clone().unwrap().value, Some("ab".repeat(32)));
    assert!(drawn.draw(sale).is_some());
    std::fs::remove_dir_all(folder).unwrap();
}

#[tokio::test]
async fn a_beacon_that_is_silent_holds_a_sale_up_for_a_minute_and_that_is_seen() {
    let world = World::new().await;
    let sale = sale(&world).await;
    let ledger = &world.stores.ledger;
    due(&world, BEACON_WAIT_MS - 10_000).await;
    finish_all(ledger, None).await.unwrap();
    assert_eq!(lobby(&world, sale).await.drawn_at_ms, None);
    due(&world, BEACON_WAIT_MS).await;
    finish_all(ledger, None).await.unwrap();
    let drawn = lobby(&world, sale).await;
    assert!(drawn.draw(sale).is_some());
    assert_eq!(drawn.beacon.unwrap().value, None);
}

#[tokio::test]
async fn an_http_source_is_believed_only_if_it_answers_the_round_asked_for() {
    let value = "0c".repeat(32);
    let answer =
        |round: u64| format!(r#"{{"round":{round},"randomness":"{value}","signature":"x"}}"#);
    let (right, other) = (answer(7), answer(8));
    let routes = axum::Router::new()
        .route("/right/7", get(move || async { right }))
        .route("/other/7", get(move || async { other }))
        .route("/long/7", get(|| async { " ".repeat(1 << 20) }))
        .route("/short/7", get(|| async { r#"{"randomness":"0c"}"# }));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let server = tokio::spawn(async move { axum::serve(listener, routes).await });
    let ask = async |path: &str| {
        let source = Source::new(&format!("http://{address}/{path}/{{round}}"));
        source
            .value(7)
            .await
            .map(hex::encode)
            .map_err(|error| format!("{error:?}"))
    };
    assert_eq!(ask("right").await, Ok(value.clone()));
    let check = async |path, words: &str| {
        let error = ask(path).await.unwrap_err();
        assert!(error.contains(words), "{path}: {error}");
    };
    check("other", "of another round").await;
    check("long", "Body(").await;
    check("short", "16 to 64 bytes").await;
    check("nothing", "Status(404)").await;
    server.abort();
}
