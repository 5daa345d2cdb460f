//! Six digits as a picture that people read, and spoken so that people understand them.
//!
//! Invariant: no input, no output, no chance of its own. Code and seed in, a file out, and the same
//! file for the same seed, so that nobody gets two looks at one code.
//!
//! What it is worth: it is made so that a ready-made reader (Tesseract, a speech recogniser) fails
//! on most of it, not so that nothing can be trained to solve it. What holds a trained one off is
//! counting: of wrong tries, and of what an account and a network may have.

mod chance;

mod glyphs;
mod picture;
mod png;

mod sound;

pub use picture::{HEIGHT, WIDTH, picture};
pub use sound::{RATE_HZ, sound};
