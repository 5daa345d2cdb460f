//! Operators at two origins: who is let in, what each may do, and what the log says of it.

mod desk;

mod items;
mod log;
mod sign_in;
mod work;
