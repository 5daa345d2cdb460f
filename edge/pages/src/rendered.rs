//! Pages already rendered, so that a busy second renders each once.
//!
//! Invariant: what is kept is what everybody sees: it came from the snapshot and the clock.

use crate::page::Page;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

/// More pages than a catalogue has; a catalogue with more renders some of them anew.
const PAGES_MAX: usize = 512;

struct Kept {
    version: String,
    page: Arc<Page>,
}

static PAGES: Mutex<Option<HashMap<String, Kept>>> = Mutex::new(None);

/// The page `name` as of `version`: as kept, or as `render` makes it now.
pub fn page<E>(
    name: &str,
    version: &str,
    render: impl FnOnce() -> Result<String, E>,
) -> Result<Arc<Page>, E> {
    if let Some(page) = kept(name, version) {
        return Ok(page);
    }
    let page = Arc::new(Page::new(render()?));
    keep(name, version, Arc::clone(&page));
    Ok(page)
}

fn kept(name: &str, version: &str) -> Option<Arc<Page>> {
    let pages = PAGES.lock().unwrap_or_else(PoisonError::into_inner);
    let kept = pages.as_ref()?.get(name)?;
    (kept.version == version).then(|| Arc::clone(&kept.page))
}

fn keep(name: &str, version: &str, page: Arc<Page>) {
    let mut pages = PAGES.lock().unwrap_or_else(PoisonError::into_inner);
    let pages = pages.get_or_insert_default();
    if pages.len() >= PAGES_MAX {
        pages.clear();
    }
    let version = version.to_owned();
    pages.insert(name.to_owned(), Kept { version, page });
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::convert::Infallible;

    #[test]
    fn a_page_is_rendered_once_a_version() {
        let check = |version, html: &str, expected: &str| {
            let rendered = || Ok::<_, Infallible>(html.to_owned());
            let page = page("a test's page", version, rendered).unwrap();
            assert_eq!(page.plain, expected);
        };
        check("1", "one", "one");
        check("1", "not rendered", "one");
        check("2", "two", "two");
        check("1", "one again", "one again");
    }
}
