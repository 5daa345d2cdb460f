//! An order as the templates read it.

use kernel::ids::SaleId;
use kernel::order::{OrderState, Refusal};
use kernel::time::UnixMillis;
use kernel::wire::{Order, OrderList, PaymentState};
use kit::snapshot::View;
use layout::country;
use layout::render::{Value, context};
use layout::told::Words;
use layout::{way, words};
use std::collections::BTreeMap;

/// How soon the page of a queued order loads itself again, in seconds: it is decided in moments.
const QUEUED_SECONDS: u32 = 2;
/// The same while the provider's word on a payment is awaited.
const PAYING_SECONDS: u32 = 10;

/// What a page shows besides the order.
#[derive(Debug, Default)]
pub(super) struct Shown {
    /// What went wrong.
    pub(super) problem: Option<Words>,
    /// The address as it was typed.
    pub(super) typed: BTreeMap<&'static str, String>,
}

/// The page of an order.
pub(super) fn order(order: &Order, view: &View, shown: &Shown, now: UnixMillis) -> Value {
    let Shown { problem, typed } = shown;
    let errors = problem.iter().flat_map(|problem| &problem.errors);
    let errors: BTreeMap<_, _> = errors
        .map(|error| (error.field.clone(), error.message.clone()))
        .collect();
    let payment = order.payment.as_ref();
    let is_open = |state| payment.is_some_and(|payment| payment.state == state);
    let pending = order.state == OrderState::PendingPayment;
    let refresh_seconds = match order.state {
        OrderState::Queued => Some(QUEUED_SECONDS),
        OrderState::PendingPayment if is_open(PaymentState::Open) => Some(PAYING_SECONDS),
        _ => None,
    };
    let sale = about(order.sale_id, view);
    let shipment = order.shipment.as_ref();
    let order = context! {
        id => order.order_id.to_string(),
        address => format!("/api/orders/{}", order.order_id),
        state => order.state.as_str(),
        reason => order.reason.map(Refusal::as_str),
        title => sale.title,
        sale_address => sale.address,
        quantity => order.quantity,
        amount => words::money(order.amount),
        refunded => order.refunded.map(words::money),
        shipment => shipment.map(|parcel| format!("{} {}", parcel.carrier, parcel.tracking)),
        placed_at => words::utc(order.created_at_ms),
        expires_at => order.expires_at_ms.map(words::clock),
        now => words::clock(now),
        checkout_url => payment.map(|payment| payment.checkout_url.as_str()),
        declined => is_open(PaymentState::Declined),
        over => matches!(
            order.state,
            OrderState::Refused | OrderState::Cancelled | OrderState::Expired
        ),
        pending,
    };
    let country_name = typed.get("country").and_then(|code| country::name(code));
    // The template has it escaped.
    let country_name = country_name.map(|name| Value::from_safe_string(name.to_owned()));
    context! {
        order, problem, errors, refresh_seconds, country_name,
        values => typed,
        signed_in => true,
    }
}

/// The page of the list.
pub(super) fn list(list: &OrderList, view: &View, paged: bool) -> Value {
    let orders = list.orders.iter().map(|order| {
        context! {
            address => format!("/api/orders/{}", order.order_id),
            state => order.state.as_str(),
            title => about(order.sale_id, view).title,
            quantity => order.quantity,
            amount => words::money(order.amount),
            placed_at => words::utc(order.created_at_ms),
        }
    });
    let orders: Vec<_> = orders.collect();
    let cursor = list.next_cursor.as_deref();
    let older = cursor.map(|cursor| way::address("/api/orders", &[("cursor", Some(cursor))]));
    context! { orders, paged, older_address => older, here => "orders", signed_in => true }
}

struct About {
    title: String,
    address: String,
}

/// The sale of an order; one that is long over is only a number.
fn about(sale: SaleId, view: &View) -> About {
    let id = sale.to_string();
    match view.snapshot().sale(&id) {
        Some(entry) => About {
            title: entry.sale.item.title.clone(),
            address: format!("/sales/{}", entry.sale.slug),
        },
        None => About {
            title: format!("Sale {id}"),
            address: format!("/sales/{id}"),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use kernel::problem::FieldError;
    use kernel::session::SigningKey;
    use kernel::snapshot::Snapshot;
    use layout::render::render;
    use serde_json::json;

    const NOON: UnixMillis = UnixMillis(1_800_000_000_000);

    fn view() -> View {
        let key = SigningKey::from_bytes(&[7; 32]).verifying_key();
        let snapshot = Snapshot {
            version: "1".to_owned(),
            generated_at_ms: NOON,
            session_key: hex::encode(key.to_bytes()),
            revoked_sessions: Vec::new(),
            pops: Vec::new(),
            sales: Vec::new(),
        };
        View::new(snapshot, "\"1\"".to_owned()).unwrap()
    }

    fn order(state: &str, payment: Option<&str>) -> Order {
        let payment = payment.map(|state| {
            json!({"payment_id": "8", "state": state, "checkout_url": "https://pay.example/8"})
        });
        let json = json!({
            "order_id": "7", "sale_id": "5", "quantity": 2, "state": state, "reason": null,
            "amount": {"amount_minor": 3_998, "currency": "USD"}, "created_at_ms": NOON.0,
            "expires_at_ms": NOON.0 + 900_000, "payment": payment, "version": 1,
            "shipment": {"carrier": "<Post>", "tracking": "1"}, "refunded": null,
        });
        serde_json::from_value(json).unwrap()
    }

    fn shown(state: &str, payment: Option<&str>) -> String {
        let view = super::order(&order(state, payment), &view(), &Shown::default(), NOON);
        render("plain-order.html", &[], view).unwrap()
    }

    #[test]
    fn the_page_offers_what_can_be_done_now() {
        let (form, checkout) = ("orders&#x2f;7/payment", "pay.example&#x2f;8");
        let check = |state, payment, has_form, has_checkout, refresh: Option<u32>| {
            let html = shown(state, payment);
            assert_eq!(html.contains(form), has_form, "{html}");
            assert_eq!(html.contains(checkout), has_checkout, "{html}");
            let meta = refresh.map(|seconds| format!(r#"refresh" content="{seconds}""#));
            assert_eq!(html.contains("http-equiv"), meta.is_some(), "{html}");
            assert!(meta.is_none_or(|meta| html.contains(&meta)), "{html}");
            assert!(html.contains("&lt;Post&gt; 1"), "{html}");
        };
        check("queued", None, false, false, Some(2));
        check("pending_payment", None, true, false, None);
        check("pending_payment", Some("open"), false, true, Some(10));
        check("pending_payment", Some("declined"), false, true, None);
        check("paid", Some("paid"), false, false, None);
        check("cancelled", None, false, false, None);
    }

    #[test]
    fn a_mistake_in_the_address_is_named_and_the_rest_kept() {
        let error = FieldError {
            field: "ship_to.city".to_owned(),
            message: "Please give a city.".to_owned(),
        };
        let problem = Words {
            kind: "invalid-field".to_owned(),
            status: 422,
            heading: "Not right".to_owned(),
            text: String::new(),
            errors: vec![error],
            retry_seconds: None,
        };
        let typed = [
            ("name", "Ada \"L\""),
            ("line-1", "12 <Street>"),
            ("country", "DE"),
        ];
        let shown = Shown {
            problem: Some(problem),
            typed: typed.map(|(name, text)| (name, text.to_owned())).into(),
        };
        let view = super::order(&order("pending_payment", None), &view(), &shown, NOON);
        let html = render("plain-order.html", &[], view).unwrap();
        for text in [
            "<a href=\"#ship-city\">City: Please give a city.</a>",
            "id=\"ship-city-error\">Please give a city.</p>",
            "aria-describedby=\" ship-city-error\" aria-invalid=\"true\"",
            "value=\"Ada &quot;L&quot;\"",
            "value=\"12 &lt;Street&gt;\"",
            "<option value=\"DE\" selected>Germany</option>",
        ] {
            assert!(html.contains(text), "{text} in {html}");
        }
    }

    #[test]
    fn the_list_names_every_order_and_the_older_ones() {
        let list = OrderList {
            orders: vec![order("paid", None), order("expired", None)],
            next_cursor: Some("7".to_owned()),
        };
        let html = render("plain-orders.html", &[], super::list(&list, &view(), false)).unwrap();
        for text in [
            "2 × Sale 5",
            ">Paid<",
            ">Not paid in time<",
            "orders?cursor=7",
            "$39.98",
        ] {
            assert!(html.contains(text), "{text} in {html}");
        }
        let none = OrderList {
            orders: Vec::new(),
            next_cursor: None,
        };
        let html = render("plain-orders.html", &[], super::list(&none, &view(), false)).unwrap();
        assert!(html.contains("No orders yet"), "{html}");
    }
}
