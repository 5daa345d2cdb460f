//! The scripts of `lua/edge` against a real Redis.

// `cfg(test)` is always set here; it tells clippy that helpers are tests, too.
mod code;
#[cfg(test)]
mod join;
#[cfg(test)]
mod lease;
#[cfg(test)]
mod load;
#[cfg(test)]
mod server;
#[cfg(test)]
mod spend;
#[cfg(test)]
mod token;
#[cfg(test)]
mod turns;
