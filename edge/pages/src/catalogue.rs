//! What is made of the snapshot: pages of sales and items, and what crawlers read.
//!
//! Invariant: each depends on the snapshot, the clock and the site's address alone, and is rendered
//! once for all who ask in the same stretch of time.

use crate::addresses::{self, Directory};
use crate::draw_view::DrawView;
use crate::linked_data::{image, product};
use crate::page::Page;
use crate::render::{self, Shared};
use crate::rendered;
use crate::sale_view::SaleView;
use crate::send::Rendered;
use crate::shown::rank;
use kernel::ids::ItemId;
use kernel::time::UnixMillis;
use kernel::wire::{Item, Sale};
use kit::snapshot::View;

/// What an answer is made from.
pub struct Catalogue<'a> {
    /// The snapshot.
    pub view: &'a View,
    /// The origin's clock.
    pub now: UnixMillis,
    /// The site, e.g. `https://shop.example`.
    pub site: &'a str,
}

impl Catalogue<'_> {
    /// The list of sales.
    pub fn list(&self) -> Rendered {
        self.keep("/", || {
            let sales = self.sales(|_| true);
            render::sales(&self.views(&sales), &self.shared("/", None)).map(Page::html)
        })
    }

    /// The page of the sale with this id or slug.
    pub fn sale(&self, name: &str) -> Option<Rendered> {
        let sale = &self.view.snapshot().sale(name)?.sale;
        Some(self.keep(&format!("/sales/{}", sale.id), || {
            let shared = self.shared(&format!("/sales/{}", sale.slug), Some(&sale.item));
            let url = shared.canonical.clone();
            let product = product(url, &sale.item, &[sale], self.now, self.site);
            render::sale(&SaleView::new(sale, self.now), &product, &shared).map(Page::html)
        }))
    }

    /// The page of an item with all its sales; `None` if it has none.
    pub fn item(&self, id: ItemId) -> Option<Rendered> {
        let sales = self.sales(|sale| sale.item.id == id);
        let item = &sales.first()?.item;
        Some(self.keep(&format!("/items/{id}"), || {
            let shared = self.shared(&format!("/items/{id}"), Some(item));
            let url = shared.canonical.clone();
            let product = product(url, item, &sales, self.now, self.site);
            render::item(&self.views(&sales), &product, &shared).map(Page::html)
        }))
    }

    /// How the places of a sale were drawn.
    pub fn draw(&self, name: &str) -> Option<Rendered> {
        let sale = &self.view.snapshot().sale(name)?.sale;
        Some(self.keep(&format!("/sales/{}/draw", sale.id), || {
            let path = format!("/sales/{}/draw", sale.slug);
            let shared = self.shared(&path, Some(&sale.item));
            let view = SaleView::new(sale, self.now);
            render::draw(&view, &DrawView::new(sale), &shared).map(Page::html)
        }))
    }

    /// `/sitemap.xml`.
    pub fn sitemap(&self) -> Rendered {
        self.keep("/sitemap.xml", || {
            let xml = addresses::sitemap(self.view.snapshot(), self.site, self.now);
            Ok(Page::new("application/xml", xml))
        })
    }

    /// `/site.json`.
    pub fn directory(&self) -> Rendered {
        self.keep("/site.json", || {
            let directory = Directory::new(self.view.snapshot());
            let json = layout::render::json(&directory)?.to_string();
            Ok(Page::new("application/json", json))
        })
    }

    fn keep(
        &self,
        name: &str,
        render: impl FnOnce() -> Result<Page, layout::render::Error>,
    ) -> Rendered {
        rendered::page(name, &self.view.version(self.now), render)
    }

    /// Those that are meant, what can be bought first.
    fn sales(&self, meant: impl Fn(&Sale) -> bool) -> Vec<&Sale> {
        let entries = self.view.snapshot().sales.iter();
        let mut sales: Vec<_> = entries.map(|entry| &entry.sale).collect();
        sales.retain(|sale| meant(sale));
        sales.sort_by_key(|sale| (rank(sale, self.now), sale.opens_at_ms));
        sales
    }

    fn views(&self, sales: &[&Sale]) -> Vec<SaleView> {
        let views = sales.iter().map(|sale| SaleView::new(sale, self.now));
        views.collect()
    }

    fn shared(&self, path: &str, item: Option<&Item>) -> Shared {
        let picture = item.and_then(|item| image(item, self.site));
        Shared {
            canonical: format!("{}{path}", self.site),
            picture: picture.unwrap_or_else(|| format!("{}/apple-touch-icon.png", self.site)),
        }
    }
}
