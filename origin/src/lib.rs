//! The origin: what decides who gets a unit, and keeps the books.

pub mod ledger;
