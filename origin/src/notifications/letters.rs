//! What the mails say: a subject and paragraphs for each language and event, in one frame of text
//! and one of HTML (`origin/templates/mail`).
//!
//! Invariant: all templates are read at the start, and a word that none gives is an error, never a
//! gap; what a shopper or a seller wrote is escaped in HTML, and cannot break a subject's line.

use super::words::{amount, moment};
use crate::ledger::{NotificationFacts, OrderEvent};
use crate::mail::Letter;
use kernel::language::Language;
use kernel::order::OrderState;
use minijinja::{Environment, UndefinedBehavior, context};

/// A template by its name: the first line is the subject, then come paragraphs.
const TEMPLATES: [(&str, &str); 14] = [
    ("frame.txt", include_str!("../../templates/mail/frame.txt")),
    (
        "frame.html",
        include_str!("../../templates/mail/frame.html"),
    ),
    (
        "en/accepted",
        include_str!("../../templates/mail/en/accepted.txt"),
    ),
    ("en/paid", include_str!("../../templates/mail/en/paid.txt")),
    (
        "en/cancelled",
        include_str!("../../templates/mail/en/cancelled.txt"),
    ),
    (
        "en/expired",
        include_str!("../../templates/mail/en/expired.txt"),
    ),
    (
        "en/shipped",
        include_str!("../../templates/mail/en/shipped.txt"),
    ),
    (
        "en/refunded",
        include_str!("../../templates/mail/en/refunded.txt"),
    ),
    (
        "de/accepted",
        include_str!("../../templates/mail/de/accepted.txt"),
    ),
    ("de/paid", include_str!("../../templates/mail/de/paid.txt")),
    (
        "de/cancelled",
        include_str!("../../templates/mail/de/cancelled.txt"),
    ),
    (
        "de/expired",
        include_str!("../../templates/mail/de/expired.txt"),
    ),
    (
        "de/shipped",
        include_str!("../../templates/mail/de/shipped.txt"),
    ),
    (
        "de/refunded",
        include_str!("../../templates/mail/de/refunded.txt"),
    ),
];

/// All letters we can write.
#[derive(Debug)]
pub struct Letters {
    templates: Environment<'static>,
    public_url: String,
}

impl Letters {
    /// Reads the templates; `public_url` is the site, to which links lead.
    pub fn new(public_url: &str) -> Result<Self, minijinja::Error> {
        let mut templates = Environment::new();
        templates.set_undefined_behavior(UndefinedBehavior::Strict);
        for (name, text) in TEMPLATES {
            templates.add_template(name, text)?;
        }
        let public_url = public_url.to_owned();
        Ok(Self {
            templates,
            public_url,
        })
    }

    /// The letter about an event of an order, to who is called `name`.
    pub fn write(
        &self,
        event: OrderEvent,
        language: Language,
        order: &NotificationFacts,
        name: &str,
    ) -> Result<Letter, minijinja::Error> {
        let payable = order.state == OrderState::PendingPayment;
        let pay_until = order.expires_at.filter(|_| payable);
        let words = context! {
            order_id => order.order.to_string(),
            name,
            item => order.item,
            quantity => order.quantity,
            amount => amount(order.amount, language),
            pay_until => pay_until.map(|instant| moment(instant, language)),
            refunded => order.refunded.map(|money| amount(money, language)),
            carrier => order.shipment.as_ref().map(|shipment| &shipment.carrier),
            tracking => order.shipment.as_ref().map(|shipment| &shipment.tracking),
        };
        let template = format!("{}/{}", language.code(), event.as_str());
        let said = self.templates.get_template(&template)?.render(words)?;
        let (subject, body) = said.split_once('\n').unwrap_or((&said, ""));
        let paragraphs = body.split("\n\n").map(|text| {
            let lines = text.lines().map(str::trim);
            lines.filter(|line| !line.is_empty()).collect::<Vec<_>>()
        });
        let paragraphs: Vec<Vec<&str>> = paragraphs.filter(|lines| !lines.is_empty()).collect();
        let subject = one_line(subject);
        let frame = context! {
            language => language.code(),
            subject,
            paragraphs,
            link => format!("{}/orders/{}", self.public_url, order.order),
            label => label(event, payable, language),
            site => self.public_url,
        };
        let render = |name: &str| self.templates.get_template(name)?.render(&frame);
        Ok(Letter {
            text: render("frame.txt")?,
            html: render("frame.html")?,
            subject,
        })
    }
}

/// What the link to the order is called.
fn label(event: OrderEvent, payable: bool, language: Language) -> &'static str {
    let pay = event == OrderEvent::Accepted && payable;
    match (language, pay) {
        (Language::En, true) => "Pay now",
        (Language::En, false) => "Your order",
        (Language::De, true) => "Jetzt bezahlen",
        (Language::De, false) => "Ihre Bestellung",
    }
}

fn one_line(text: &str) -> String {
    text.trim()
        .chars()
        .map(|letter| if letter.is_control() { ' ' } else { letter })
        .collect()
}

#[cfg(test)]
mod tests;
