//! Leases: slots outstanding stay within quota × units left.

use crate::support::{World, actor};
use kernel::ids::{AccountId, OrderId, SaleId};
use kernel::lease::{LeaseGrant, LeaseRequest};
use kernel::token::PurchaseToken;
use origin::ledger::Admitted;
use origin::sales::Leases;

async fn ask(world: &World, leases: &Leases, sale: SaleId, pop: &str, want: u32) -> LeaseGrant {
    ask_as(world, leases, sale, pop, "g1", want).await
}

async fn ask_as(
    world: &World,
    leases: &Leases,
    sale: SaleId,
    pop: &str,
    generation: &str,
    want: u32,
) -> LeaseGrant {
    let request = LeaseRequest {
        sale_id: sale,
        generation: generation.into(),
        want,
        waiting: Vec::new(),
        returned: None,
    };
    leases
        .grant(&world.stores.ledger, &world.stores.ids, pop, &request)
        .await
        .unwrap()
}

fn token(grant: &LeaseGrant, nth: u64) -> PurchaseToken {
    PurchaseToken {
        account: AccountId(1),
        sale: grant.sale_id,
        slot: OrderId(grant.first_slot.0 + nth),
        lease: grant.lease_id,
        not_before: origin::now(),
        expires_at: origin::now().plus_seconds(120),
    }
}

#[tokio::test]
async fn slots_over_all_pops_stay_within_the_quota() {
    let world = World::new().await;
    let (leases, sale) = (Leases::default(), world.sale(20, 1).await);
    assert_eq!(ask(&world, &leases, sale, "pop-1", 60).await.count, 60);
    assert_eq!(ask(&world, &leases, sale, "pop-2", 60).await.count, 40);
    let nothing = ask(&world, &leases, sale, "pop-1", 60).await;
    assert_eq!((nothing.count, nothing.sold_out), (0, false));
}

#[tokio::test]
async fn a_spent_slot_makes_no_room_for_more_than_what_is_left() {
    let world = World::new().await;
    let (leases, sale) = (Leases::default(), world.sale(2, 1).await);
    let grant = ask(&world, &leases, sale, "pop-1", 10).await;
    assert_eq!(grant.count, 10);
    let sample = world.admit(sale, 1, 1).await;
    let spent = Admitted {
        lease_id: grant.lease_id,
        ..sample
    };
    world
        .stores
        .ledger
        .decide(sale, std::slice::from_ref(&spent))
        .await
        .unwrap();
    // Nine are outstanding, one unit is left: five may be.
    assert_eq!(ask(&world, &leases, sale, "pop-1", 10).await.count, 0);
    let last = Admitted {
        order_id: OrderId(1),
        account_id: AccountId(2),
        ..spent
    };
    world
        .stores
        .ledger
        .decide(sale, std::slice::from_ref(&last))
        .await
        .unwrap();
    assert!(ask(&world, &leases, sale, "pop-1", 10).await.sold_out);
}

#[tokio::test]
async fn a_token_counts_while_its_lease_lives_for_its_pop_and_its_slots() {
    let world = World::new().await;
    let (leases, sale) = (Leases::default(), world.sale(20, 1).await);
    let grant = ask(&world, &leases, sale, "pop-1", 10).await;
    let ledger = &world.stores.ledger;
    let live = async |pop: &str, nth| {
        Leases::default()
            .is_live(ledger, pop, &token(&grant, nth))
            .await
            .unwrap()
    };
    assert!(live("pop-1", 0).await && live("pop-1", 9).await);
    assert!(!live("pop-1", 10).await, "a slot of somebody else");
    assert!(!live("pop-2", 0).await, "another PoP's");
    world.sql("UPDATE leases SET ends_at_ms = 1".into()).await;
    assert!(!live("pop-1", 0).await, "its lease has ended");
}

#[tokio::test]
async fn a_pop_that_lost_its_store_drops_its_former_leases() {
    let world = World::new().await;
    let (leases, sale) = (Leases::default(), world.sale(2, 1).await);
    let former = ask_as(&world, &leases, sale, "pop-1", "g1", 10).await;
    assert_eq!(
        ask_as(&world, &leases, sale, "pop-1", "g2", 10).await.count,
        10
    );
    let live = Leases::default()
        .is_live(&world.stores.ledger, "pop-1", &token(&former, 0))
        .await;
    assert!(!live.unwrap());
}

#[tokio::test]
async fn nobody_leases_slots_of_a_sale_that_is_not_public() {
    let world = World::new().await;
    let draft = world.draft(5, 1).await;
    let (ledger, ids) = (&world.stores.ledger, &world.stores.ids);
    let id = origin::sales::create(ledger, ids, &actor(), draft)
        .await
        .unwrap();
    assert_eq!(
        ask(&world, &Leases::default(), id, "pop-1", 5).await.count,
        0
    );
}
