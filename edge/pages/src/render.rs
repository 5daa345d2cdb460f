//! The pages: which template, which scripts, which view.

use crate::draw_view::DrawView;
use crate::route::Fixed;
use crate::sale_view::SaleView;
use kernel::ids::OrderId;
use layout::render::{Error, context, render};

/// What a page of a few words says.
#[derive(Clone, Copy, Debug)]
pub struct Message<'a> {
    /// Large, above the heading.
    pub status: u16,
    /// The heading.
    pub heading: &'a str,
    /// What to do.
    pub text: &'a str,
    /// Whether the same address is worth another try.
    pub retry: bool,
}

/// The list of sales.
pub fn sales(sales: &[SaleView]) -> Result<String, Error> {
    let view = context! { here => "sales", sales };
    render("sales.html", &["js/sales.js"], view)
}

/// One sale.
pub fn sale(sale: &SaleView) -> Result<String, Error> {
    render("sale.html", &["js/sale.js"], context! { sale })
}

/// How the places of a sale were drawn.
pub fn draw(sale: &SaleView, draw: &DrawView) -> Result<String, Error> {
    render("draw.html", &["js/draw.js"], context! { sale, draw })
}

/// A page that is the same for everybody.
pub fn fixed(page: Fixed) -> Result<String, Error> {
    let (name, script, here) = match page {
        Fixed::SignIn => ("sign-in.html", "js/sign-in.js", ""),
        Fixed::SignUp => ("sign-up.html", "js/sign-up.js", ""),
        Fixed::Reset => ("reset.html", "js/reset.js", ""),
        Fixed::Orders => ("orders.html", "js/orders.js", "orders"),
    };
    render(name, &[script], context! { here })
}

/// The page of an order.
pub fn order(id: OrderId) -> Result<String, Error> {
    let order_id = id.to_string();
    render("order.html", &["js/order.js"], context! { order_id })
}

/// A page of a few words.
pub fn message(message: Message<'_>) -> Result<String, Error> {
    let Message {
        status,
        heading,
        text,
        retry,
    } = message;
    let view = context! { status, heading, text, retry };
    render("message.html", &[], view)
}

#[cfg(test)]
mod tests {
    use super::*;
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

    fn page_of(sale: &Sale, now: i64) -> String {
        super::sale(&SaleView::new(sale, UnixMillis(now))).unwrap()
    }

    fn draw_of(sale: &Sale) -> String {
        let view = SaleView::new(sale, UnixMillis(2_000));
        super::draw(&view, &DrawView::new(sale)).unwrap()
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
        let sale = sale_with("<script>alert(\"x\")</script>", "open", "many");
        let view = SaleView::new(&sale, UnixMillis(2_000));
        for html in [super::sale(&view).unwrap(), sales(&[view]).unwrap()] {
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
            retry: false,
        };
        let mut pages = vec![
            sales(&[]).unwrap(),
            page_of(&sale_with("Console", "open", "many"), 2_000),
            draw_of(&sale_with("Console", "open", "many")),
            super::message(message).unwrap(),
            order(OrderId(7)).unwrap(),
        ];
        let all = [Fixed::SignIn, Fixed::SignUp, Fixed::Reset, Fixed::Orders];
        pages.extend(all.map(|page| fixed(page).unwrap()));
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
