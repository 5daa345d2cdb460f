//! Pages already rendered, so that a busy second renders each once.
//!
//! Invariant: what is kept is what everybody sees: it came from the snapshot and the clock.

use crate::page::Page;
use kit::rendered::Rendered;
use kit::snapshot::Version;
use std::sync::Arc;

/// More pages than a catalogue has; a catalogue with more renders some of them anew.
const PAGES_MAX: usize = 512;
/// With their compressed form; an instance may have 64 MiB in all.
const BYTES_MAX: usize = 8 * 1_024 * 1_024;

static PAGES: Rendered<Page> = Rendered::new(PAGES_MAX, BYTES_MAX);

/// The page `name` as of `version`: as kept, or as `render` makes it now.
pub fn page<E>(
    name: &str,
    version: &Version,
    render: impl FnOnce() -> Result<Page, E>,
) -> Result<Arc<Page>, E> {
    PAGES.get(name, version, Page::bytes, render)
}

/// The page `name`, which is the same at all times.
pub fn fixed<E>(name: &str, render: impl FnOnce() -> Result<String, E>) -> Result<Arc<Page>, E> {
    page(name, &Version::default(), || render().map(Page::html))
}
