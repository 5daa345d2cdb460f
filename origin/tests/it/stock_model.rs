//! The scripts beside a model of a few lines: after any sequence of calls both say the same.

use crate::support::World;
use kernel::ids::{LeaseId, OrderId, SaleId};
use origin::stock::{Held, Hold};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use std::collections::BTreeMap;

const UNITS: u32 = 6;
const LIMIT: u32 = 3;
const SEQUENCES: usize = 60;

#[derive(Clone, Debug)]
enum Call {
    Place {
        order: u64,
        account: u64,
        units: u32,
    },
    Release {
        order: u64,
    },
}

#[derive(Default)]
struct Model {
    slots: BTreeMap<u64, u64>,
    held: BTreeMap<u64, (u64, u32)>,
}

impl Model {
    fn available(&self) -> u32 {
        UNITS - self.held.values().map(|(_, units)| units).sum::<u32>()
    }

    fn place(&mut self, order: u64, account: u64, units: u32) -> &'static str {
        let of_account = self.held.values().filter(|(holder, _)| *holder == account);
        let has: u32 = of_account.map(|(_, units)| units).sum();
        match self.slots.get(&order) {
            Some(holder) if *holder != account => "taken",
            Some(_) if self.held.contains_key(&order) => "yes",
            Some(_) => "decided",
            None if has + units > LIMIT => "over-limit",
            None if self.available() < units => "short",
            None => {
                self.slots.insert(order, account);
                self.held.insert(order, (account, units));
                "yes"
            }
        }
    }
}

fn call() -> impl Strategy<Value = Call> {
    let place = (1_u64..12, 1_u64..4, 1_u32..4);
    prop_oneof![
        3 => place.prop_map(|(order, account, units)| Call::Place { order, account, units }),
        1 => (1_u64..12).prop_map(|order| Call::Release { order }),
    ]
}

fn word(held: &Held) -> &'static str {
    match held {
        Held::Yes(_) => "yes",
        Held::Decided => "decided",
        Held::Taken => "taken",
        Held::Short => "short",
        Held::OverLimit => "over-limit",
        other => panic!("{other:?}"),
    }
}

async fn check(world: &World, sale: SaleId, calls: &[Call]) {
    let stock = &world.stores.stock;
    let mut model = Model::default();
    for call in calls {
        match *call {
            Call::Place {
                order,
                account,
                units,
            } => {
                let held = world.hold_again(sale, OrderId(order), account, units).await;
                assert_eq!(
                    word(&held),
                    model.place(order, account, units),
                    "{call:?} in {calls:?}"
                );
            }
            Call::Release { order } => {
                stock.release(sale, OrderId(order), 1).await.unwrap();
                model.held.remove(&order);
            }
        }
        assert_eq!(
            world.available(sale).await,
            model.available(),
            "after {call:?} in {calls:?}"
        );
    }
    let held = world.held(sale).await;
    assert_eq!(held, model.held, "{calls:?}");
}

#[tokio::test]
async fn the_scripts_do_what_the_model_does() {
    let world = World::new().await;
    let mut runner = TestRunner::default();
    let sequences = prop::collection::vec(call(), 1..40);
    for _ in 0..SEQUENCES {
        let calls = sequences.new_tree(&mut runner).unwrap().current();
        let sale = world.sale(UNITS, LIMIT).await;
        check(&world, sale, &calls).await;
    }
}

#[tokio::test]
async fn a_crowd_at_once_takes_exactly_what_there_is() {
    let world = World::new().await;
    let sale = world.sale(100, 1).await;
    let mut crowd = tokio::task::JoinSet::new();
    for account in 0..500 {
        let (stock, order) = (world.stores.stock.clone(), OrderId(world.id().await));
        let account = kernel::ids::AccountId(account);
        crowd.spawn(async move {
            let hold = Hold {
                sale,
                order,
                account,
                units: 1,
                lease: LeaseId(1),
            };
            matches!(stock.hold(hold).await.unwrap(), Held::Yes(_))
        });
    }
    let admitted = crowd
        .join_all()
        .await
        .into_iter()
        .filter(|yes| *yes)
        .count();
    assert_eq!((admitted, world.available(sale).await), (100, 0));
}
