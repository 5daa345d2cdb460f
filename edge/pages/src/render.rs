//! The pages: which template, which scripts, which view.
//!
//! Invariant: a page without a canonical address is none that crawlers shall know.

use crate::draw_view::DrawView;
use crate::linked_data::Product;
use crate::route::Fixed;
use crate::sale_view::SaleView;
use kernel::ids::OrderId;
use layout::render::{Error, Value, context, json, render};

/// What is told to crawlers and to whoever shares a page, besides what it shows.
#[derive(Debug)]
pub struct Shared {
    /// The one address of the page, whichever led to it.
    pub canonical: String,
    /// The address of the picture that stands for it.
    pub picture: String,
}

/// What a page of a few words says.
#[derive(Clone, Copy, Debug)]
pub struct Message<'a> {
    /// Large, above the heading.
    pub status: u16,
    /// The heading.
    pub heading: &'a str,
    /// What to do.
    pub text: &'a str,
    /// After how many seconds the page loads itself again, if that may help.
    pub refresh_seconds: Option<u32>,
}

/// The list of sales.
pub fn sales(sales: &[SaleView], shared: &Shared) -> Result<String, Error> {
    let view = context! { here => "sales", sales, ..shared.view() };
    render("sales.html", &["js/sales.js"], view)
}

/// One sale.
pub fn sale(sale: &SaleView, product: &Product, shared: &Shared) -> Result<String, Error> {
    let linked_data = json(product)?;
    let view = context! { sale, linked_data, ..shared.view() };
    render("sale.html", &["js/sale.js"], view)
}

/// One item with its sales, of which there is at least one.
pub fn item(sales: &[SaleView], product: &Product, shared: &Shared) -> Result<String, Error> {
    let linked_data = json(product)?;
    let view = context! { sales, linked_data, ..shared.view() };
    render("item.html", &["js/sales.js"], view)
}

/// How the places of a sale were drawn.
pub fn draw(sale: &SaleView, draw: &DrawView, shared: &Shared) -> Result<String, Error> {
    let view = context! { sale, draw, ..shared.view() };
    render("draw.html", &["js/draw.js"], view)
}

/// A page that is the same for everybody.
pub fn fixed(page: Fixed) -> Result<String, Error> {
    let (name, script, here) = match page {
        Fixed::SignIn => ("sign-in.html", "js/sign-in.js", ""),
        Fixed::SignUp => ("sign-up.html", "js/sign-up.js", ""),
        Fixed::Reset => ("reset.html", "js/reset.js", ""),
        Fixed::Orders => ("orders.html", "js/orders.js", "orders"),
        Fixed::Account => ("account-door.html", "js/account-door.js", "account"),
    };
    render(name, &[script], context! { here })
}

/// The page of an order.
pub fn order(id: OrderId) -> Result<String, Error> {
    let order_id = id.to_string();
    render("order.html", &["js/order.js"], context! { order_id })
}

/// The page where an order is paid with Stripe's form.
pub fn pay(id: OrderId, publishable_key: &str) -> Result<String, Error> {
    let order_id = id.to_string();
    let view = context! { order_id, publishable_key };
    render("pay.html", &["js/stripe-pay.js"], view)
}

/// A page of a few words.
pub fn message(message: Message<'_>) -> Result<String, Error> {
    let Message {
        status,
        heading,
        text,
        refresh_seconds,
    } = message;
    let view = context! { status, heading, text, refresh_seconds };
    render("message.html", &[], view)
}

impl Shared {
    fn view(&self) -> Value {
        context! { canonical => self.canonical, share_picture => self.picture }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::linked_data::product;
    use kernel::time::UnixMillis;
    use kernel::wire::Sale;

    fn sale_with(title: &str, state: &str, remaining: &str) -> Sale {
        let price = serde_json::json!({"amount_minor": 29_900, "currency": "USD"});
        let list_price = serde_json::json!({"amount_minor": 49_900, "currency": "USD"});
        let json = serde_json::json!({
            "id": "7", "slug": "console", "price": price, "units_total": 1_000,
            "item": {
                "id": "9", "title": title, "description": "One.\n\nTwo.", "image_url": null,
                "list_price": list_price,
            },
            "limit_per_account": 2, "opens_at_ms": 1_000, "closes_at_ms": 9_000,
            "state": state, "remaining": remaining, "version": 1,
            "lobby": kernel::lobby::Lobby::default(),
        });
        serde_json::from_value(json).unwrap()
    }

    const SITE: &str = "https://shop.test";

    fn shared() -> Shared {
        Shared {
            canonical: format!("{SITE}/sales/console"),
            picture: format!("{SITE}/picture.png"),
        }
    }

    fn page_of(sale: &Sale, now: i64) -> String {
        let now = UnixMillis(now);
        let product = product(shared().canonical, &sale.item, &[sale], now, SITE);
        super::sale(&SaleView::new(sale, now), &product, &shared()).unwrap()
    }

    fn item_of(sale: &Sale) -> String {
        let now = UnixMillis(2_000);
        let product = product(shared().canonical, &sale.item, &[sale, sale], now, SITE);
        let views = [SaleView::new(sale, now), SaleView::new(sale, now)];
        super::item(&views, &product, &shared()).unwrap()
    }

    fn list_of(sale: &Sale) -> String {
        super::sales(&[SaleView::new(sale, UnixMillis(2_000))], &shared()).unwrap()
    }

    fn draw_of(sale: &Sale) -> String {
        let view = SaleView::new(sale, UnixMillis(2_000));
        super::draw(&view, &DrawView::new(sale), &shared()).unwrap()
    }

    /// What stands in the only script with text.
    fn linked_data(html: &str) -> serde_json::Value {
        let (_, rest) = html
            .split_once("<script type=\"application/ld+json\">")
            .unwrap();
        let (json, rest) = rest.split_once("</script>").unwrap();
        assert!(!rest.contains("ld+json"), "{html}");
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn machines_read_what_people_read() {
        let check = |state, remaining, now, availability: &str| {
            let html = page_of(&sale_with("Console", state, remaining), now);
            let product = linked_data(&html);
            assert_eq!(product["@type"], "Product");
            assert_eq!(product["name"], "Console");
            let offer = &product["offers"][0];
            assert_eq!(offer["price"], "299.00");
            assert_eq!(offer["priceCurrency"], "USD");
            assert_eq!(offer["url"], "https://shop.test/sales/console");
            assert_eq!(offer["validFrom"], "1970-01-01T00:00:01Z");
            let expected = format!("https://schema.org/{availability}");
            assert_eq!(offer["availability"], expected, "{state} {remaining}");
        };
        check("scheduled", "many", 999, "PreOrder");
        check("scheduled", "many", 1_000, "InStock");
        check("open", "few", 2_000, "LimitedAvailability");
        check("sold_out", "none", 2_000, "SoldOut");
        check("paused", "many", 2_000, "OutOfStock");
        check("open", "many", 9_000, "OutOfStock");
    }

    #[test]
    fn what_is_shared_has_one_absolute_address_and_a_picture() {
        let mut sale = sale_with("Console", "open", "many");
        let html = page_of(&sale, 2_000);
        for text in [
            r#"<link rel="canonical" href="https:&#x2f;&#x2f;shop.test&#x2f;sales&#x2f;console">"#,
            r#"<meta property="og:title" content="Console · Doorbuster">"#,
            r#"<meta property="og:image" content="https:&#x2f;&#x2f;shop.test&#x2f;picture.png">"#,
        ] {
            assert!(html.contains(text), "{text} in {html}");
        }
        assert!(!html.contains("noindex"), "{html}");
        assert!(fixed(Fixed::SignIn).unwrap().contains("noindex"));
        assert!(linked_data(&html).get("image").is_none());
        for (url, expected) in [
            ("/pictures/9.jpg", "https://shop.test/pictures/9.jpg"),
            ("https://cdn.test/9.jpg", "https://cdn.test/9.jpg"),
        ] {
            sale.item.image_url = Some(url.to_owned());
            assert_eq!(linked_data(&page_of(&sale, 2_000))["image"][0], expected);
        }
    }

    #[test]
    fn pictures_come_in_their_widths_and_attributes_in_their_order() {
        let mut sale = sale_with("Console", "open", "many");
        let image = |name: &str, alt: &str| kernel::catalogue::Image {
            alt: alt.to_owned(),
            files: [320, 640]
                .map(|width| kernel::catalogue::ImageFile {
                    path: format!("/images/{name}{width}.jpg"),
                    width,
                    height: width / 4 * 3,
                })
                .to_vec(),
        };
        sale.item.images = vec![image("a", "A \"console\""), image("b", "Its back")];
        sale.item.image_url = Some("https://cdn.test/9.jpg".to_owned());
        sale.item.attributes = vec![kernel::catalogue::Attribute {
            name: "Colour".to_owned(),
            value: "<Black>".to_owned(),
        }];
        for (html, eager, more) in [
            (page_of(&sale, 2_000), true, true),
            (item_of(&sale), true, true),
            (list_of(&sale), true, false),
        ] {
            let html = html.replace("&#x2f;", "/");
            assert!(html.contains(r#"src="/images/a640.jpg""#), "{html}");
            let srcset = r#"srcset="/images/a320.jpg 320w, /images/a640.jpg 640w""#;
            assert!(html.contains(srcset), "{html}");
            assert!(html.contains(r#"width="640" height="480""#), "{html}");
            assert!(html.contains(r#"alt="A &quot;console&quot;""#), "{html}");
            assert!(!html.contains("cdn.test"), "{html}");
            let first = html.split("<img").nth(1).unwrap();
            let first = first.split('>').next().unwrap();
            assert_eq!(first.contains("loading=\"lazy\""), !eager, "{first}");
            assert!(first.contains("decoding=\"async\""), "{first}");
            assert_eq!(html.contains(r#"alt="Its back""#), more, "{html}");
            assert_eq!(html.contains("<dd>&lt;Black&gt;</dd>"), more, "{html}");
            if more {
                let product = linked_data(&html);
                let images =
                    ["a", "b"].map(|name| format!("https://shop.test/images/{name}640.jpg"));
                assert_eq!(product["image"], serde_json::json!(images));
                assert_eq!(product["additionalProperty"][0]["value"], "<Black>");
            }
        }
    }

    #[test]
    fn a_draw_is_published_whole_and_its_weakness_said() {
        let mut sale = sale_with("Console", "open", "many");
        sale.lobby.commitment = "c0".repeat(32);
        let html = draw_of(&sale);
        assert!(html.contains("have not been drawn yet"), "{html}");
        assert!(html.contains(&sale.lobby.commitment), "{html}");

        sale.lobby = kernel::lobby::Lobby {
            seed: Some("5e".repeat(32)),
            drawn_at_ms: Some(UnixMillis(1_500)),
            pops: vec![kernel::lobby::LobbyPop {
                id: "pop-1".to_owned(),
                count: 12_345,
                size: 12_345,
                root: "40".repeat(32),
            }],
            ..sale.lobby
        };
        let html = draw_of(&sale);
        for text in ["12,345 places", "pop-1", "lobby verify receipt.json"] {
            assert!(html.contains(text), "{text} in {html}");
        }
        for byte in ["5e", "40"] {
            assert!(html.contains(&byte.repeat(32)), "{byte} in {html}");
        }
        assert!(!html.contains("have not been drawn yet"), "{html}");
        let weakness = "The operator could have known the draw.";
        assert!(html.contains(weakness), "{html}");

        let beacon = |value: Option<&str>| kernel::lobby::Beacon {
            round: 77,
            due_at_ms: UnixMillis(1_400),
            value: value.map(str::to_owned),
        };
        sale.lobby.beacon = Some(beacon(None));
        assert!(draw_of(&sale).contains(weakness));
        sale.lobby.beacon = Some(beacon(Some("beac09")));
        let html = draw_of(&sale);
        assert!(html.contains("beac09") && html.contains(">77<"), "{html}");
        assert!(!html.contains(weakness), "{html}");
    }

    #[test]
    fn a_page_shows_the_state_of_the_moment() {
        let check = |state, remaining, now, shown: &str| {
            let html = page_of(&sale_with("Console", state, remaining), now);
            let expected = format!("data-sale=\"7\" data-state=\"{shown}\"");
            assert!(html.contains(&expected), "{shown}: {html}");
        };
        check("scheduled", "many", 999, "scheduled");
        check("scheduled", "many", 1_000, "open");
        check("open", "few", 2_000, "few");
        check("paused", "many", 2_000, "paused");
        check("sold_out", "none", 2_000, "sold_out");
        check("open", "many", 9_000, "closed");
    }

    #[test]
    fn a_page_reads_well_without_scripts() {
        let html = page_of(&sale_with("Console", "open", "many"), 2_000);
        for text in [
            "<h1>Console</h1>",
            "$299.00",
            "$499.00",
            "Save 40%",
            "$200.00 less",
            "<p>One.</p>",
            "<p>Two.</p>",
            "<option value=\"2\">",
            "datetime=\"1970-01-01T00:00:01Z\"",
            "<noscript>",
        ] {
            assert!(html.contains(text), "{text} in {html}");
        }
        assert!(!html.contains("<option value=\"3\">"));
    }

    #[test]
    fn what_a_shop_writes_is_text() {
        let title = "</script><script>alert(\"x\")</script>";
        let sale = sale_with(title, "open", "many");
        let pages = [page_of(&sale, 2_000), item_of(&sale)];
        for html in &pages {
            assert_eq!(linked_data(html)["name"], title);
        }
        for html in pages.into_iter().chain([list_of(&sale), draw_of(&sale)]) {
            assert!(!html.contains("<script>alert"), "{html}");
            assert!(html.contains("&lt;script&gt;"), "{html}");
        }
    }

    #[test]
    fn every_page_renders_and_has_nothing_inline() {
        let message = Message {
            status: 404,
            heading: "Nothing here",
            text: "Look elsewhere.",
            refresh_seconds: Some(10),
        };
        let mut pages = vec![
            sales(&[], &shared()).unwrap(),
            item_of(&sale_with("Console", "open", "many")),
            page_of(&sale_with("Console", "open", "many"), 2_000),
            draw_of(&sale_with("Console", "open", "many")),
            super::message(message).unwrap(),
            order(OrderId(7)).unwrap(),
            pay(OrderId(7), "pk_test_1").unwrap(),
        ];
        pages.extend(Fixed::ALL.map(|page| fixed(page).unwrap()));
        for html in pages {
            assert!(html.contains("<title>") && html.contains("<h1"), "{html}");
            assert!(
                html.contains(&layout::assets::address("js/frame.js")),
                "{html}"
            );
            for inline in [" style=", "<style", " onclick=", "<script>"] {
                assert!(!html.contains(inline), "{inline} in {html}");
            }
        }
    }
}
