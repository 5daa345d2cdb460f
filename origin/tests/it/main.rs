//! The origin's rooms against real servers. `cargo xtask test` starts the servers and says where
//! they are; each test has a database, a stream and sale ids of its own.

mod support;

mod audit;
mod close;
mod decide;
mod http;
mod ids;
mod leases;
mod place;
mod publish;
mod stock_model;
