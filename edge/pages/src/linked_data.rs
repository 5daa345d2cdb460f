//! What machines read of a page: schema.org's `Product` with its `Offer`s, as JSON-LD.
//!
//! Invariant: it says what the page says, of the same moment, and every address in it is absolute.

use crate::picture_view::picture;
use crate::shown::shown;
use kernel::catalogue::{Attribute, Image};
use kernel::time::UnixMillis;
use kernel::wire::{Item, Sale};
use layout::words;
use serde::Serialize;

/// A thing that is sold (https://schema.org/Product).
#[derive(Serialize)]
pub struct Product {
    #[serde(rename = "@context")]
    context: &'static str,
    #[serde(rename = "@type")]
    kind: &'static str,
    name: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    description: String,
    sku: String,
    url: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    image: Vec<String>,
    #[serde(rename = "additionalProperty", skip_serializing_if = "Vec::is_empty")]
    properties: Vec<Property>,
    offers: Vec<Offer>,
}

/// An attribute (https://schema.org/PropertyValue).
#[derive(Serialize)]
struct Property {
    #[serde(rename = "@type")]
    kind: &'static str,
    name: String,
    value: String,
}

/// One sale (https://schema.org/Offer).
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Offer {
    #[serde(rename = "@type")]
    kind: &'static str,
    url: String,
    price: String,
    price_currency: String,
    availability: &'static str,
    valid_from: String,
    valid_through: String,
    price_valid_until: String,
}

/// The item with its sales as offers; `url` is the page's own address, `site` that of the site.
pub fn product(url: String, item: &Item, sales: &[&Sale], now: UnixMillis, site: &str) -> Product {
    let offers = sales.iter().map(|sale| offer(sale, now, site));
    Product {
        context: "https://schema.org",
        kind: "Product",
        name: item.title.clone(),
        description: item.description.trim().to_owned(),
        sku: item.id.to_string(),
        url,
        image: images(item, site),
        properties: item.attributes.iter().map(property).collect(),
        offers: offers.collect(),
    }
}

/// Where the picture that stands for the item is for the world.
pub fn image(item: &Item, site: &str) -> Option<String> {
    picture(item).map(|url| absolute(url, site))
}

/// All pictures, each in its largest width; without own ones the one that lies elsewhere.
fn images(item: &Item, site: &str) -> Vec<String> {
    let own = item.images.iter().filter_map(Image::largest);
    let own: Vec<_> = own.map(|file| absolute(&file.path, site)).collect();
    if own.is_empty() {
        return image(item, site).into_iter().collect();
    }
    own
}

fn absolute(url: &str, site: &str) -> String {
    match url.strip_prefix('/') {
        Some(path) => format!("{site}/{path}"),
        None => url.to_owned(),
    }
}

fn property(attribute: &Attribute) -> Property {
    Property {
        kind: "PropertyValue",
        name: attribute.name.clone(),
        value: attribute.value.clone(),
    }
}

fn offer(sale: &Sale, now: UnixMillis, site: &str) -> Offer {
    Offer {
        kind: "Offer",
        url: format!("{site}/sales/{}", sale.slug),
        price: words::amount(sale.price),
        price_currency: sale.price.currency.to_string(),
        availability: availability(shown(sale, now)),
        valid_from: words::iso(sale.opens_at_ms),
        valid_through: words::iso(sale.closes_at_ms),
        price_valid_until: words::iso(sale.closes_at_ms),
    }
}

/// One of https://schema.org/ItemAvailability. Before a sale opens one gets in line for it; what is
/// paused or over cannot be bought, though units may be left.
fn availability(shown: &str) -> &'static str {
    match shown {
        "scheduled" => "https://schema.org/PreOrder",
        "open" => "https://schema.org/InStock",
        "few" => "https://schema.org/LimitedAvailability",
        "sold_out" => "https://schema.org/SoldOut",
        _ => "https://schema.org/OutOfStock",
    }
}
