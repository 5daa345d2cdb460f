//! Leased worker numbers: two origins on one database never mint the same id.

use crate::support::{World, eventually};
use kernel::ids::IDS_PER_MS;
use origin::ids::{IdError, Ids, Terms};
use std::collections::HashSet;
use std::time::Duration;

/// Renewed often, and lost soon.
const SHORT: Terms = Terms {
    life: Duration::from_secs(2),
    renew_every: Duration::from_millis(200),
};

async fn mint(ids: Ids, count: usize) -> Vec<u64> {
    let mut minted = Vec::with_capacity(count);
    while minted.len() < count {
        minted.push(ids.next().await.unwrap());
    }
    minted
}

fn worker(id: u64) -> u64 {
    id >> 12 & 0x3ff
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_origins_that_mint_at_the_same_time_never_mint_the_same_id() {
    let world = World::new().await;
    let origins = [
        Ids::lease(&world.stores.ledger).await.unwrap(),
        Ids::lease(&world.stores.ledger).await.unwrap(),
    ];
    // Each from several tasks, as requests do.
    let tasks = origins.iter().cycle().take(8);
    let tasks: Vec<_> = tasks
        .map(|ids| tokio::spawn(mint(ids.clone(), 12_500)))
        .collect();
    let mut seen = HashSet::new();
    for task in tasks {
        for id in task.await.unwrap() {
            assert!(seen.insert(id), "{id} was minted twice");
        }
    }
    let workers: HashSet<u64> = seen.iter().map(|id| worker(*id)).collect();
    assert_eq!((seen.len(), workers.len()), (100_000, 2));
}

#[tokio::test]
async fn a_block_is_whole() {
    let world = World::new().await;
    let first = world.stores.ids.block(4_096).await.unwrap();
    let next = world.stores.ids.next().await.unwrap();
    assert!(next >= first + 4_096, "{first} {next}");
}

#[tokio::test]
async fn renewing_keeps_a_number_beyond_its_first_lease() {
    let world = World::new().await;
    let ids = Ids::lease_on(&world.stores.ledger, SHORT).await.unwrap();
    let first = ids.next().await.unwrap();
    tokio::time::sleep(SHORT.life * 2).await;
    let later = ids.next().await.unwrap();
    assert_eq!(worker(later), worker(first));
    let other = Ids::lease(&world.stores.ledger).await.unwrap();
    assert_ne!(worker(other.next().await.unwrap()), worker(first));
}

#[tokio::test]
async fn a_number_taken_over_repeats_no_id() {
    let world = World::new().await;
    let ledger = &world.stores.ledger;
    // A former holder whose clock is a second fast mints ahead of everybody's time, to its end.
    let clock = origin::now().plus_ms(1_000);
    let (number, not_before) = ledger
        .lease_worker("former", clock, 200)
        .await
        .unwrap()
        .unwrap();
    let mut former = kernel::ids::Mint::new(number, not_before);
    let mut seen = HashSet::new();
    for ms in 0..200 {
        let first = former.block(clock.plus_ms(ms), IDS_PER_MS).unwrap();
        seen.extend(first..first + u64::from(IDS_PER_MS));
    }
    // It never renews, and the next origin gets its number.
    let mut next = Vec::new();
    let mut taken = None;
    eventually("the end of the former lease", async || {
        let ids = Ids::lease(ledger).await.unwrap();
        let since = origin::now();
        let Ok(id) = ids.next().await else {
            return false;
        };
        assert!(
            since.0 >= clock.0 || worker(id) != u64::from(number),
            "too early"
        );
        next.push(id);
        let is_taken = worker(id) == u64::from(number);
        taken = is_taken.then_some(ids);
        is_taken
    })
    .await;
    next.extend(mint(taken.unwrap(), 20_000).await);
    for id in next {
        assert!(seen.insert(id), "{id} was minted twice");
    }
}

#[tokio::test]
async fn a_lost_lease_stops_the_mint_until_another_number_is_had() {
    let world = World::new().await;
    let ids = Ids::lease_on(&world.stores.ledger, SHORT).await.unwrap();
    let lost = worker(ids.next().await.unwrap());
    // All numbers are somebody else's, also this one.
    let far = 9_000_000_000_000_i64;
    let rows: Vec<String> = (0..1_024)
        .map(|n| format!("({n}, 'thief', {far})"))
        .collect();
    world
        .sql(format!("REPLACE INTO workers VALUES {}", rows.join(", ")))
        .await;
    eventually("the loss", async || {
        matches!(ids.next().await, Err(IdError::LeaseLost))
    })
    .await;
    let nobody = Ids::lease(&world.stores.ledger).await;
    assert!(matches!(nobody, Err(IdError::NoWorker)));
    world
        .sql("DELETE FROM workers WHERE number = 1000".into())
        .await;
    let mut id = Err(IdError::LeaseLost);
    eventually("another number", async || {
        id = ids.next().await;
        id.is_ok()
    })
    .await;
    assert_eq!(worker(id.unwrap()), 1_000);
    assert_ne!(lost, 1_000);
}

#[tokio::test]
async fn a_lease_that_cannot_be_renewed_ends() {
    let world = World::new().await;
    let never = Terms {
        renew_every: Duration::from_hours(1),
        ..SHORT
    };
    let ids = Ids::lease_on(&world.stores.ledger, never).await.unwrap();
    ids.next().await.unwrap();
    eventually("the end of the lease", async || {
        matches!(ids.next().await, Err(IdError::LeaseLost))
    })
    .await;
}
