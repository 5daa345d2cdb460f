//! The whole system over HTTP: edge, origin, stores and the outside world, all of them real.

mod buyer;
mod shop;

mod bad_input;
mod crowd;
mod purchase;
mod restart;
mod untokened;
