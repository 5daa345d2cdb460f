//! Scarce slots: they go to the lowest waiting places of all PoPs, and what is not handed out flows
//! back.

use crate::site::{Call, GET, Site, assert_problem};
use crate::support::World;
use kernel::ids::{LeaseId, OrderId, SaleId};
use kernel::lease::{LeaseGrant, LeaseRequest, ReturnedLease, WAITING_MAX};
use kernel::order::OrderState;
use origin::ledger::Admitted;
use origin::sales::{LeaseError, Leases};
use serde_json::json;

async fn ask(
    world: &World,
    sale: SaleId,
    pop: &str,
    want: u32,
    waiting: &[u64],
    returned: Option<(LeaseId, u32)>,
) -> Result<LeaseGrant, LeaseError> {
    let returned = returned.map(|(lease_id, handed_out)| ReturnedLease {
        lease_id,
        handed_out,
    });
    let request = LeaseRequest {
        sale_id: sale,
        generation: "g1".into(),
        want,
        waiting: waiting.to_vec(),
        returned,
    };
    let (ledger, ids) = (&world.stores.ledger, &world.stores.ids);
    Leases::default().grant(ledger, ids, pop, &request).await
}

#[tokio::test]
async fn scarce_slots_go_to_the_lowest_places_over_all_pops() {
    let world = World::new().await;
    let sale = world.sale(2, 1).await;
    let get = async |pop, waiting: &[u64], returned| {
        ask(&world, sale, pop, 10, waiting, returned)
            .await
            .unwrap()
            .count
    };
    let first = ask(&world, sale, "pop-1", 10, &[], None).await.unwrap();
    assert_eq!(first.count, 10, "all that the quota allows");
    assert_eq!(get("pop-2", &[1, 3, 5], None).await, 0);
    // Two flow back: of the places 1 to 5 the lowest is pop-2's, the next one pop-1's.
    let returned = Some((first.lease_id, 8));
    assert_eq!(get("pop-1", &[2, 4], returned).await, 1);
    assert_eq!(get("pop-1", &[4], None).await, 0, "1 and 3 are lower");
    assert_eq!(get("pop-2", &[1, 3, 5], None).await, 1);
    assert_eq!(get("pop-2", &[3, 5], None).await, 0, "the quota is used up");
}

#[tokio::test]
async fn what_a_pop_said_of_its_places_long_ago_holds_nobody_up() {
    let world = World::new().await;
    let sale = world.sale(1, 1).await;
    let first = ask(&world, sale, "pop-1", 5, &[], None).await.unwrap();
    ask(&world, sale, "pop-2", 5, &[1, 2], None).await.unwrap();
    let returned = Some((first.lease_id, 4));
    assert_eq!(
        ask(&world, sale, "pop-1", 5, &[9], returned)
            .await
            .unwrap()
            .count,
        0
    );
    world
        .sql("UPDATE pop_waiting SET asked_at_ms = asked_at_ms - 2000 WHERE pop = 'pop-2'".into())
        .await;
    assert_eq!(
        ask(&world, sale, "pop-1", 5, &[9], None)
            .await
            .unwrap()
            .count,
        1
    );
}

#[tokio::test]
async fn a_slot_that_was_spent_and_another_pops_lease_are_not_given_back() {
    let world = World::new().await;
    let sale = world.sale(10, 1).await;
    let grant = ask(&world, sale, "pop-1", 10, &[], None).await.unwrap();
    let sample = world.admit(sale, 1, 1).await;
    let spent = Admitted {
        lease_id: grant.lease_id,
        order_id: OrderId(grant.first_slot.0 + 6),
        ..sample
    };
    world.decide(&spent).await;
    let slots = async |returned_by: &str, handed_out| {
        let returned = Some((grant.lease_id, handed_out));
        ask(&world, sale, returned_by, 1, &[], returned)
            .await
            .unwrap();
        let mut slots = 0;
        for number in 0..10 {
            let id = OrderId(grant.first_slot.0 + number);
            let slot = world.stores.ledger.slot_of(id, "pop-1").await.unwrap();
            slots += u32::from(slot.is_some());
        }
        slots
    };
    assert_eq!(slots("pop-2", 0).await, 10);
    assert_eq!(slots("pop-1", 8).await, 8);
    assert_eq!(slots("pop-1", 9).await, 8, "a lease never grows");
    assert_eq!(slots("pop-1", 2).await, 7, "the seventh is spent");
}

#[tokio::test]
async fn a_list_of_places_that_is_too_long_or_in_disorder_is_refused() {
    let world = World::new().await;
    let sale = world.sale(10, 1).await;
    let long: Vec<u64> = (0..=WAITING_MAX as u64).collect();
    for waiting in [&long[..], &[2, 1], &[1, 1]] {
        let refused = ask(&world, sale, "pop-1", 1, waiting, None).await;
        assert!(matches!(refused, Err(LeaseError::Malformed(_))));
    }
    let most = ask(&world, sale, "pop-1", 1, &long[..WAITING_MAX], None).await;
    assert_eq!(most.unwrap().count, 1);
}

#[tokio::test]
async fn a_pop_is_told_what_became_of_its_slots() {
    let site = Site::new().await;
    let sale = site.world.sale(10, 1).await;
    let grant = ask(&site.world, sale, "pop-1", 2, &[], None).await.unwrap();
    let path = format!("/internal/slots/{}", grant.first_slot);
    let look = async |pop| site.call_by(pop, Call { path: &path, ..GET }).await;
    assert_eq!(
        look("pop-1").await,
        (200, json!({ "state": null, "reason": null }))
    );
    assert_problem(&look("pop-2").await, 404, "unknown-order");
    let held = site.world.hold_again(sale, grant.first_slot, 1, 1).await;
    let origin::stock::Held::Yes(admitted) = held else {
        panic!("{held:?}")
    };
    assert_eq!(look("pop-1").await.1["state"], "queued");
    site.world.decide(&admitted).await;
    let word = OrderState::PendingPayment.as_str();
    assert_eq!(look("pop-1").await.1["state"], word);
}
