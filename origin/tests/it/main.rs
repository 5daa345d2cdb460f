//! The origin's rooms against real servers. `cargo xtask test` starts the servers and says where
//! they are; each test has a database, a stream and sale ids of its own.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking, in its helpers too"
)]

mod outside;
mod proxy;
mod site;
mod support;
mod till;

mod accounts;
mod audit;
mod away;
mod beacon;
mod close;
mod compare;
mod deadlines;
mod decide;
mod delivery;
mod events;
mod explain;
mod flow;
mod guard;
mod http;
mod ids;
mod images;
mod items;
mod leases;
mod lobby;
mod notifications;
mod operators;
mod phase;
mod place;
mod poison;
mod pops;
mod program;
mod publish;
mod races;
mod rebuild;
mod refunds;
mod shares;
mod stock_model;
mod stripe;
mod subscriptions;
mod undecided;
mod units;
mod webhooks;
