//! The host as a program: started with a component, asked over the network, stopped by a signal.

mod app;
mod client;
mod component;
mod limits;
mod outbound;
mod serving;
mod starting;
