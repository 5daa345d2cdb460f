//! Which headers go with which addresses, in as few rules as they can be said.
//!
//! Invariant: every address has exactly one rule, and no two rules match the same address: CDNs join
//! the values of rules that overlap.

use super::site::{Headers, Page, Site};
use anyhow::ensure;
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// All headers of the site.
#[derive(Debug)]
pub(super) struct Rules {
    /// What every answer has.
    pub common: Headers,
    /// What each has besides.
    pub special: Vec<Rule>,
    /// The media type of each ending.
    pub media_types: BTreeMap<String, String>,
}

/// Addresses with the same headers.
#[derive(Debug)]
pub(super) struct Rule {
    /// Which they are.
    pub pattern: Pattern,
    /// Besides what all have; without the media type, which the ending says.
    pub headers: Headers,
    /// Whether pages are among them, whose files have an ending that the address has not.
    pub pages: bool,
    /// Whether other files are.
    pub files: bool,
}

/// Addresses.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Pattern {
    /// This one.
    Exact(String),
    /// Everything that begins so; ends with a slash.
    Below(String),
}

impl Rules {
    pub(super) fn new(site: &Site) -> anyhow::Result<Self> {
        let mut media_types = BTreeMap::new();
        let mut groups: BTreeMap<&str, Vec<&Page>> = BTreeMap::new();
        for page in site.pages.iter().chain([&site.missing]) {
            note_media_type(&mut media_types, page)?;
            groups.entry(top(&page.path)).or_default().push(page);
        }
        let common = common(site);
        let mut special = Vec::new();
        for (top, pages) in groups {
            let first = &pages[0].headers;
            let deeper = pages[0].path != top;
            if deeper
                && pages
                    .iter()
                    .all(|page| own(page, &common) == own(pages[0], &common))
            {
                let paths = pages.iter().map(|page| page.path.as_str());
                let pattern = Pattern::Below(shared_folder(paths));
                special.push(Rule::new(pattern, &pages, without(first, &common)));
                continue;
            }
            for page in pages {
                let pattern = Pattern::Exact(page.path.clone());
                special.push(Rule::new(pattern, &[page], own(page, &common)));
            }
        }
        Ok(Self {
            common,
            special,
            media_types,
        })
    }

    /// The form that Netlify, Cloudflare Pages and others read.
    pub(super) fn to_headers_file(&self) -> String {
        let mut text = String::from("/*\n");
        let lines_of = |headers: &Headers| {
            let lines = headers
                .iter()
                .map(|(name, value)| format!("  {name}: {value}\n"));
            lines.collect::<String>()
        };
        text.push_str(&lines_of(&self.common));
        for rule in &self.special {
            // Writing to a String cannot fail.
            let _ = match &rule.pattern {
                Pattern::Exact(path) => writeln!(text, "{path}"),
                Pattern::Below(path) => writeln!(text, "{path}*"),
            };
            text.push_str(&lines_of(&rule.headers));
        }
        text
    }
}

impl Rule {
    fn new(pattern: Pattern, pages: &[&Page], headers: Headers) -> Self {
        Self {
            pattern,
            headers,
            pages: pages.iter().any(|page| has_ending(page)),
            files: !pages.iter().all(|page| has_ending(page)),
        }
    }
}

/// Whether the file has an ending that the address has not.
fn has_ending(page: &Page) -> bool {
    page.file != page.path[1..]
}

/// The first part of a path below which there is more; a path of one part stands for itself.
fn top(path: &str) -> &str {
    match path[1..].split_once('/') {
        Some((top, _)) => &path[..top.len() + 2],
        None => path,
    }
}

/// The longest folder that all paths lie in, with its slash.
fn shared_folder<'a>(paths: impl Iterator<Item = &'a str>) -> String {
    let folder = |path: &str| path[..=path.rfind('/').unwrap_or_default()].to_owned();
    let shared = |shared: String, path: String| {
        let mut shared = shared;
        while !path.starts_with(&shared) {
            shared.pop();
            shared.truncate(shared.rfind('/').map_or(0, |slash| slash + 1));
        }
        shared
    };
    paths.map(folder).reduce(shared).unwrap_or_default()
}

fn common(site: &Site) -> Headers {
    let mut common = site.missing.headers.clone();
    let others = site.pages.iter().map(|page| &page.headers);
    for headers in others.chain([&site.former_assets]) {
        common.retain(|header| headers.contains(header));
    }
    common.retain(|(name, _)| name != "content-type");
    common
}

fn own(page: &Page, common: &Headers) -> Headers {
    without(&page.headers, common)
}

/// What of the headers is neither common nor said by the ending.
pub(super) fn without(headers: &Headers, common: &Headers) -> Headers {
    let mut own = headers.clone();
    own.retain(|header| header.0 != "content-type" && !common.contains(header));
    own
}

fn note_media_type(known: &mut BTreeMap<String, String>, page: &Page) -> anyhow::Result<()> {
    let (_, ending) = page.file.rsplit_once('.').unwrap_or_default();
    let mut headers = page.headers.iter();
    let media_type = headers.find(|header| header.0 == "content-type");
    let media_type = media_type
        .map(|header| header.1.clone())
        .unwrap_or_default();
    let path = &page.path;
    ensure!(
        !ending.is_empty(),
        "{path} has no ending that says its media type"
    );
    let before = known
        .entry(ending.to_owned())
        .or_insert_with(|| media_type.clone());
    ensure!(
        *before == media_type,
        "{path} is {media_type}, others that end so are {before}"
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_lie_in_folders() {
        assert_eq!(top("/"), "/");
        assert_eq!(top("/sales"), "/sales");
        assert_eq!(top("/sales/a"), "/sales/");
        assert_eq!(top("/sales/a/draw"), "/sales/");
        let check = |paths: &[&str], expected: &str| {
            assert_eq!(shared_folder(paths.iter().copied()), expected, "{paths:?}");
        };
        check(&["/sales/a", "/sales/a/draw", "/sales/b"], "/sales/");
        check(&["/items/9"], "/items/");
        check(
            &["/assets/0a/css/a.css", "/assets/0a/site.webmanifest"],
            "/assets/0a/",
        );
        check(
            &["/assets/0a/css/a.css", "/assets/0a/css/b.css"],
            "/assets/0a/css/",
        );
        check(&["/assets/0a/x", "/assets/0b/x"], "/assets/");
    }

    #[test]
    fn headers_of_all_are_said_once() {
        let header = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let all = vec![
            header("a", "1"),
            header("content-type", "t"),
            header("b", "2"),
        ];
        assert_eq!(without(&all, &vec![header("a", "1")]), [header("b", "2")]);
        assert_eq!(without(&all, &vec![header("b", "3")]).len(), 2);
    }
}
