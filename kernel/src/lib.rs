//! What all parts of Doorbuster agree on: ids, money, time, signed things, sale and order states,
//! and the types that travel between shopper, edge and origin.
//!
//! Invariant: nothing in this crate does I/O, reads a clock or draws a random number. Time and
//! randomness come in as arguments, so every decision here can be tested as data, natively, and
//! runs unchanged in the edge's WebAssembly components.

pub mod ids;
pub mod money;
pub mod time;

mod jwt;
pub mod keys;
pub mod session;
pub mod token;

pub mod challenge;
pub mod client_address;
pub mod contact;
pub mod device;
pub mod language;
pub mod pop_signature;

pub mod catalogue;
pub mod order;
pub mod sale;

pub mod address;
pub mod edge_report;
pub mod flow;
pub mod json;
pub mod lease;
pub mod lobby;
pub mod pop;
pub mod problem;
pub mod snapshot;
pub mod wire;
