//! Leased worker numbers.

use crate::support::World;
use origin::ids::Ids;
use std::collections::HashSet;

#[tokio::test]
async fn two_processes_never_mint_the_same_id() {
    let world = World::new().await;
    let other = Ids::lease(&world.stores.ledger).await.unwrap();
    let mut seen = HashSet::new();
    for _ in 0..500 {
        assert!(seen.insert(world.stores.ids.next().await.unwrap()));
        assert!(seen.insert(other.next().await.unwrap()));
    }
}

#[tokio::test]
async fn a_block_is_whole() {
    let world = World::new().await;
    let first = world.stores.ids.block(4_096).await.unwrap();
    let next = world.stores.ids.next().await.unwrap();
    assert!(next >= first + 4_096, "{first} {next}");
}
