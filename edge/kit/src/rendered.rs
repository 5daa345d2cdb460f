//! What was rendered from the snapshot, kept in the instance, so that a busy second renders each
//! once; and what caches are told about it.
//!
//! Invariant: what is kept is what everybody sees: it came from the snapshot and the clock. It never
//! takes more than its bounds.
//!
//! How old a fact can be that somebody reads: 1 s at the PoP (`snapshot`), 1 s more in a cache that
//! keeps to `max-age`, and where the answer allows `stale-while-revalidate`, another. A cache counts
//! the `Age` that the PoP tells, so an origin that is away adds nothing to that.

use crate::answer::{Answer, with_header};
use crate::snapshot::{Version, View};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Rendered values of one kind.
#[derive(Debug)]
pub struct Rendered<T> {
    kept: Mutex<Option<Kept<T>>>,
    entries_max: usize,
    bytes_max: usize,
}

#[derive(Debug)]
struct Kept<T> {
    entries: HashMap<String, Entry<T>>,
    bytes: usize,
}

#[derive(Debug)]
struct Entry<T> {
    version: Version,
    bytes: usize,
    value: Arc<T>,
}

impl<T> Rendered<T> {
    /// Nothing yet, and never more than this; keep it in a `static`.
    pub const fn new(entries_max: usize, bytes_max: usize) -> Self {
        Self {
            kept: Mutex::new(None),
            entries_max,
            bytes_max,
        }
    }

    /// What `name` is as of `version`: as kept, or as `render` makes it now, which then takes
    /// `size` bytes.
    pub fn get<E>(
        &self,
        name: &str,
        version: &Version,
        size: impl FnOnce(&T) -> usize,
        render: impl FnOnce() -> Result<T, E>,
    ) -> Result<Arc<T>, E> {
        if let Some(value) = self.kept(name, version) {
            return Ok(value);
        }
        let value = Arc::new(render()?);
        let entry = Entry {
            version: version.clone(),
            bytes: name.len() + size(&value),
            value: Arc::clone(&value),
        };
        self.keep(name, entry);
        Ok(value)
    }

    fn kept(&self, name: &str, version: &Version) -> Option<Arc<T>> {
        let kept = self.lock();
        let entry = kept.as_ref()?.entries.get(name)?;
        (entry.version == *version).then(|| Arc::clone(&entry.value))
    }

    fn keep(&self, name: &str, entry: Entry<T>) {
        if entry.bytes > self.bytes_max {
            return;
        }
        let mut kept = self.lock();
        let kept = kept.get_or_insert_with(|| Kept {
            entries: HashMap::new(),
            bytes: 0,
        });
        kept.remove(name);
        let full = |kept: &Kept<T>| {
            kept.entries.len() >= self.entries_max || kept.bytes + entry.bytes > self.bytes_max
        };
        if full(kept) {
            // What nobody will ask for again goes first; then everything.
            kept.entries
                .retain(|_, other| other.version == entry.version);
            kept.bytes = kept.entries.values().map(|entry| entry.bytes).sum();
        }
        if full(kept) {
            kept.entries.clear();
            kept.bytes = 0;
        }
        kept.bytes += entry.bytes;
        kept.entries.insert(name.to_owned(), entry);
    }

    fn lock(&self) -> MutexGuard<'_, Option<Kept<T>>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T> Kept<T> {
    fn remove(&mut self, name: &str) {
        if let Some(entry) = self.entries.remove(name) {
            self.bytes -= entry.bytes;
        }
    }
}

/// The answer with `Age`: whole seconds since the origin said what it is made from (RFC 9111,
/// section 5.1).
#[must_use]
pub fn with_age(answer: Answer, view: &View) -> Answer {
    let seconds = view.age_ms.max(0) / 1_000;
    with_header(answer, "age", &seconds.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::convert::Infallible;

    fn version(etag: &str) -> Version {
        Version {
            etag: etag.to_owned(),
            period: 0,
        }
    }

    /// Whether `name` had to be rendered; it takes ten bytes with a name of one.
    fn renders(cache: &Rendered<u8>, name: &str, version: &Version) -> bool {
        let mut rendered = false;
        let render = || {
            rendered = true;
            Ok::<_, Infallible>(7)
        };
        let value = cache.get(name, version, |_| 9, render).unwrap();
        assert_eq!(*value, 7);
        rendered
    }

    #[test]
    fn a_value_is_rendered_once_a_version() {
        let cache = Rendered::new(10, 1_000);
        let (one, two) = (version("1"), version("2"));
        let later = Version {
            period: 1,
            ..one.clone()
        };
        for (version, expected) in [
            (&one, true),
            (&one, false),
            (&later, true),
            (&two, true),
            (&two, false),
            (&one, true),
        ] {
            assert_eq!(renders(&cache, "a", version), expected, "{version:?}");
        }
    }

    #[test]
    fn the_bounds_hold_and_old_versions_go_first() {
        let check = |cache: Rendered<u8>| {
            let (old, new) = (version("1"), version("2"));
            assert!(renders(&cache, "a", &old));
            assert!(renders(&cache, "b", &new));
            assert!(renders(&cache, "c", &new), "takes the place of the old one");
            assert!(!renders(&cache, "b", &new));
            assert!(!renders(&cache, "c", &new));
            assert!(renders(&cache, "d", &new), "nothing is old: all go");
            assert!(renders(&cache, "b", &new));
            let kept = cache.lock();
            let kept = kept.as_ref().unwrap();
            assert_eq!((kept.entries.len(), kept.bytes), (2, 20));
        };
        check(Rendered::new(2, 1_000));
        check(Rendered::new(10, 29));
    }

    #[test]
    fn what_is_larger_than_the_bounds_is_not_kept() {
        let cache = Rendered::new(10, 9);
        assert!(renders(&cache, "a", &version("1")));
        assert!(renders(&cache, "a", &version("1")));
    }
}
