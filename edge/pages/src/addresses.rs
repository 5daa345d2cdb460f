//! All addresses of the public site: for crawlers, and for whoever makes files of it.
//!
//! Invariant: what is listed is served to everybody alike, and nothing public is missing but the
//! empty page of an order, of which there are as many as orders.

use crate::images;
use crate::route::{Fixed, WELL_KNOWN};
use kernel::ids::ItemId;
use kernel::problem::ProblemKind;
use kernel::snapshot::Snapshot;
use kernel::time::UnixMillis;
use kernel::wire::Sale;
use layout::{assets, words};
use serde::Serialize;
use std::collections::BTreeSet;
use std::fmt::Write as _;

/// `/site.json`.
#[derive(Serialize)]
pub struct Directory {
    /// The hash in the addresses of the assets; another one means another release.
    assets: &'static str,
    /// Everything, each once, in a fixed order.
    paths: Vec<String>,
}

impl Directory {
    /// The site as of this snapshot.
    pub fn new(snapshot: &Snapshot) -> Self {
        let names = ["/", "/sales", "/robots.txt", "/sitemap.xml", "/site.json"];
        let mut paths: Vec<String> = names.map(str::to_owned).to_vec();
        paths.extend(Fixed::ALL.map(|page| page.path().to_owned()));
        let words = ProblemKind::ALL.iter().map(|kind| kind.word());
        paths.extend(words.map(|word| format!("/problems/{word}")));
        paths.extend(items(snapshot).iter().map(|id| format!("/items/{id}")));
        let images: BTreeSet<&str> = images::paths(snapshot).collect();
        paths.extend(images.into_iter().map(str::to_owned));
        for entry in &snapshot.sales {
            // Both names lead there: people have the one, programs the other.
            for name in [entry.sale.slug.clone(), entry.sale.id.to_string()] {
                paths.push(format!("/sales/{name}"));
                paths.push(format!("/sales/{name}/draw"));
            }
        }
        paths.extend(WELL_KNOWN.map(|(name, _)| format!("/{name}")));
        paths.extend(assets::NAMES.iter().map(|name| assets::address(name)));
        Self {
            assets: assets::SET,
            paths,
        }
    }
}

/// The items of all sales, each once.
fn items(snapshot: &Snapshot) -> BTreeSet<ItemId> {
    let sales = snapshot.sales.iter();
    sales.map(|entry| entry.sale.item.id).collect()
}

/// `/sitemap.xml` (https://www.sitemaps.org/protocol.html): what is worth finding, at `now`. A
/// catalogue has far less than the 50,000 addresses that one such file may have.
pub fn sitemap(snapshot: &Snapshot, site: &str, now: UnixMillis) -> String {
    let mut xml = String::from(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
         <urlset xmlns=\"http://www.sitemaps.org/schemas/sitemap/0.9\">\n",
    );
    let mut add = |path: &str, changed: Option<UnixMillis>| {
        let changed = changed.map(|at| format!("<lastmod>{}</lastmod>", words::iso(at)));
        let changed = changed.unwrap_or_default();
        // Writing to a String cannot fail. Nothing in an address of ours is to be escaped.
        let _ = writeln!(xml, "<url><loc>{site}{path}</loc>{changed}</url>");
    };
    add("/", None);
    for id in items(snapshot) {
        add(&format!("/items/{id}"), None);
    }
    for entry in &snapshot.sales {
        let sale = &entry.sale;
        add(&format!("/sales/{}", sale.slug), turned(sale, now));
        let drawn = sale.lobby.drawn_at_ms;
        add(&format!("/sales/{}/draw", sale.slug), drawn);
    }
    xml.push_str("</urlset>\n");
    xml
}

/// When the sale last opened or closed; before that nothing is known.
fn turned(sale: &Sale, now: UnixMillis) -> Option<UnixMillis> {
    let turns = [sale.opens_at_ms, sale.closes_at_ms].into_iter();
    turns.filter(|at| *at <= now).max()
}

/// `/robots.txt`: not into what is one shopper's.
pub fn robots(site: &str) -> String {
    format!(
        "User-agent: *\nDisallow: /api/\nDisallow: /gate/\nDisallow: /orders\nDisallow: /account\n\n\
         Sitemap: {site}/sitemap.xml\n"
    )
}
