//! The scripts of `lua/edge` against a real Redis.

// `cfg(test)` is always set here; it tells clippy that helpers are tests, too.
#[cfg(test)]
mod code;
#[cfg(test)]
mod lease;
#[cfg(test)]
mod load;
#[cfg(test)]
mod pace;
#[cfg(test)]
mod server;
#[cfg(test)]
mod spend;
#[cfg(test)]
mod token;
