//! The layout of the site's pages, for the three components alike: templates, the names of the
//! assets they load, words, and what every page says to browsers about safety.
//!
//! Invariant: a page of the gate or the relay looks as one of the site's, is kept by nobody, has
//! nothing inline and leads nowhere but to this site and to the checkout.

pub mod assets;
pub mod country;
pub mod headers;
pub mod settings;
pub mod words;

pub mod render;

pub mod way;

pub mod told;

pub mod finish;
pub mod page;
pub mod refusal;
