//! Every letter in every language.

use super::*;
use crate::notifications::MAILED;
use kernel::ids::OrderId;
use kernel::money::Money;
use kernel::time::UnixMillis;
use kernel::wire::Shipment;

fn facts(item: &str, state: OrderState) -> NotificationFacts {
    let euros = |amount_minor| Money {
        amount_minor,
        currency: "EUR".parse().unwrap(),
    };
    NotificationFacts {
        order: OrderId(77),
        state,
        quantity: 2,
        amount: euros(79_800),
        expires_at: Some(UnixMillis(1_795_780_800_000)),
        item: item.to_owned(),
        buyer: None,
        language: None,
        shipment: Some(Shipment {
            carrier: "Parcel & Co".to_owned(),
            tracking: "PC-123".to_owned(),
        }),
        refunded: Some(euros(39_900)),
    }
}

fn write(event: OrderEvent, language: Language, order: &NotificationFacts) -> Letter {
    let letters = Letters::new("https://shop.example").unwrap();
    letters.write(event, language, order, "Ada <3").unwrap()
}

#[test]
fn each_letter_is_complete_in_each_language() {
    let order = facts("Console", OrderState::PendingPayment);
    let mut subjects = Vec::new();
    for language in Language::ALL {
        for event in MAILED {
            let letter = write(event, language, &order);
            let html = letter.html.replace("&#x2f;", "/");
            for form in [&letter.text, &html] {
                assert!(form.contains("https://shop.example/orders/77"), "{form}");
                assert!(form.contains("Console"), "{event:?}: {form}");
                assert!(!form.contains("{{"), "{form}");
            }
            assert!(!letter.text.contains("none"), "{}", letter.text);
            assert!(letter.text.contains("Ada <3"), "{}", letter.text);
            assert!(letter.html.contains("Ada &lt;3"), "{}", letter.html);
            subjects.push(letter.subject);
        }
    }
    let count = subjects.len();
    subjects.sort();
    subjects.dedup();
    assert_eq!(subjects.len(), count, "each has a subject of its own");
}

#[test]
fn letters_say_what_they_are_for() {
    use Language::{De, En};
    let check = |event, language, state, words: &[&str]| {
        let letter = write(event, language, &facts("Console", state));
        for word in words {
            assert!(letter.text.contains(word), "{word}: {}", letter.text);
        }
    };
    let pending = OrderState::PendingPayment;
    let until = ["27 November 2026, 12:00 UTC", "Pay now", "€798.00"];
    check(OrderEvent::Accepted, En, pending, &until);
    let until = [
        "27. November 2026, 12:00 Uhr",
        "Jetzt bezahlen",
        "798,00\u{a0}€",
    ];
    check(OrderEvent::Accepted, De, pending, &until);
    check(OrderEvent::Paid, En, OrderState::Paid, &["€798.00"]);
    let parcel = ["Parcel & Co", "PC-123"];
    check(OrderEvent::Shipped, En, OrderState::Shipped, &parcel);
    check(OrderEvent::Shipped, De, OrderState::Shipped, &parcel);
    check(OrderEvent::Refunded, En, OrderState::Paid, &["€399.00"]);
    check(
        OrderEvent::Refunded,
        De,
        OrderState::Paid,
        &["399,00\u{a0}€"],
    );
}

#[test]
fn an_order_that_can_be_paid_no_more_is_not_asked_for_money() {
    let letter = write(
        OrderEvent::Accepted,
        Language::En,
        &facts("Console", OrderState::Paid),
    );
    assert!(!letter.text.contains("Pay"), "{}", letter.text);
    assert!(letter.text.contains("Your order"), "{}", letter.text);
}

#[test]
fn what_a_seller_wrote_breaks_neither_html_nor_a_subject() {
    let title = "<script>alert(1)</script>\r\nBcc: all@example.test";
    for language in Language::ALL {
        for event in MAILED {
            let letter = write(event, language, &facts(title, OrderState::Paid));
            assert!(!letter.html.contains("<script"), "{}", letter.html);
            assert!(!letter.subject.contains(['\r', '\n']), "{}", letter.subject);
        }
    }
}
