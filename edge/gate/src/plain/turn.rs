//! `/gate/sales/{id}/tokens` as pages: from the code to the turn, and from the turn to the order.

use super::challenge::to_buy;
use super::{Again, about, asked, here, query, refuse, renewal, sale, script, sent};
use crate::settings::Gate;
use kernel::money::Money;
use kernel::problem::Problem;
use kernel::snapshot::SnapshotSale;
use kernel::time::UnixMillis;
use kernel::wire::TokenGrant;
use kit::answer::Answer;
use kit::body::Whole;
use kit::clock;
use kit::form::Form;
use layout::page::{page, see_other};
use layout::refusal::{Refusal, Way};
use layout::render::{Value, context};
use layout::told::{Told, Words};
use layout::words;
use spin_sdk::http::{HeaderMap, Method};

/// The longest time between two looks, in seconds.
const REFRESH_SECONDS_MAX: i64 = 20;

/// `POST`: takes the code, and leads to the turn.
pub(super) async fn take(request: Whole, sale: &str) -> Result<Answer, Problem> {
    let path = request.uri().path().to_owned();
    let mut form = Form::parse(request.body())?;
    let fields = form.fields().to_vec();
    let quantity = quantity(form.take("quantity").as_deref());
    let challenge = to_buy(sale, quantity);
    let turn = format!("{path}?quantity={quantity}");

    let told = sent(request.headers(), &path, &mut form).await?;
    if told.is_good() {
        return Ok(see_other(&turn));
    }
    match told.kind() {
        "signed-out" => return Ok(renewal(&challenge)),
        // The same form sent twice: the first time gave what it was for.
        "challenge-spent" if live(request.headers(), sale).await?.is_good() => {
            return Ok(see_other(&turn));
        }
        _ => {}
    }
    let again = Again {
        action: path,
        fields,
        label: "Try again".to_owned(),
    };
    Ok(refuse(&told, again, challenge, sale).await)
}

/// `GET`: where the turn stands; when it has come, the form that orders.
pub(super) async fn show(request: &Whole, id: &str) -> Result<Answer, Problem> {
    let gate = Gate::get().await?;
    let quantity = quantity(query(request)?.get("quantity"));
    let entry = sale(gate, id).await?;
    let told = live(request.headers(), id).await?;
    match told.kind() {
        "" if told.is_good() => {}
        "signed-out" => return Ok(renewal(here(request))),
        "unknown-place" => return Ok(over(id, quantity).await),
        _ => {
            let again = Way::new("Look again", here(request));
            let refusal = Refusal::new(told.words(), vec![again]);
            let refusal = Refusal {
                reload: true,
                ..refusal
            };
            return Ok(refusal.answer().await);
        }
    }
    let grant = told.body()?;
    let view = view(&entry, &grant, quantity, here(request), clock::now());
    Ok(page(200, "turn.html", view).await)
}

/// The live token, as a program is told it.
async fn live(headers: &HeaderMap, sale: &str) -> Result<Told, Problem> {
    let path = format!("/gate/sales/{sale}/tokens");
    asked(script(headers, Method::GET, &path, String::new())?).await
}

async fn over(sale: &str, quantity: u32) -> Answer {
    let problem = Words {
        kind: String::new(),
        status: 404,
        heading: "You have no turn now".to_owned(),
        text: "It was not used in time, or you ordered already.".to_owned(),
        errors: Vec::new(),
        retry_seconds: None,
    };
    let ways = vec![
        Way::new("Get in line again", to_buy(sale, quantity)),
        Way::new("See your orders", "/api/orders"),
    ];
    Refusal::new(problem, ways).answer().await
}

fn quantity(text: Option<&str>) -> u32 {
    text.and_then(|text| text.parse().ok()).unwrap_or(1)
}

fn view(
    entry: &SnapshotSale,
    grant: &TokenGrant,
    quantity: u32,
    here: &str,
    now: UnixMillis,
) -> Value {
    let wait_ms = grant.not_before_ms.since(now);
    let wait = (wait_ms > 0).then(|| words::span(wait_ms));
    let seconds = wait_ms.saturating_add(999) / 1_000;
    let price = entry.sale.price;
    let total = price.amount_minor.checked_mul(i64::from(quantity));
    let total = total.map(|amount_minor| {
        words::money(Money {
            amount_minor,
            ..price
        })
    });
    let quantity = quantity.to_string();
    let fields = [
        ("sale_id", grant.sale_id.to_string()),
        ("quantity", quantity.clone()),
        ("token", grant.token.clone()),
    ];
    context! {
        quantity, here, fields, total,
        refresh_seconds => wait.is_some().then(|| seconds.clamp(1, REFRESH_SECONDS_MAX)),
        wait,
        sale => about(entry),
        turn_at => words::clock(grant.not_before_ms),
        ends_at => words::clock(grant.expires_at_ms),
        signed_in => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plain::place::tests::entry;
    use kernel::ids::SaleId;
    use layout::render::render;

    const NOON: UnixMillis = UnixMillis(1_800_000_000_000);

    fn shown(after_ms: i64) -> String {
        let grant = TokenGrant {
            token: "a.b.c".to_owned(),
            sale_id: SaleId(5),
            not_before_ms: NOON.plus_ms(30_500),
            expires_at_ms: NOON.plus_ms(150_000),
        };
        let here = "/gate/sales/5/tokens?quantity=2";
        let view = view(&entry(), &grant, 2, here, NOON.plus_ms(after_ms));
        render("turn.html", &[], view).unwrap()
    }

    #[test]
    fn before_the_turn_the_page_looks_again_and_gives_no_form() {
        let check = |after_ms, seconds: &str, wait: &str| {
            let html = shown(after_ms);
            let refresh = format!(r#"<meta http-equiv="refresh" content="{seconds}">"#);
            assert!(html.contains(&refresh), "{html}");
            assert!(html.contains(wait), "{html}");
            assert!(!html.contains("<form"), "{html}");
        };
        check(0, "20", "in 31 seconds");
        check(20_000, "11", "in 11 seconds");
        check(30_499, "1", "in 1 second.");
    }

    #[test]
    fn at_the_turn_the_form_orders_with_the_token() {
        let html = shown(30_500);
        for text in [
            r#"<form class="after-facts" method="post" action="/api/orders">"#,
            r#"name="sale_id" value="5""#,
            r#"name="quantity" value="2""#,
            r#"name="token" value="a.b.c""#,
            "$39.98",
        ] {
            assert!(html.contains(text), "{text} in {html}");
        }
        assert!(!html.contains("http-equiv=\"refresh\""), "{html}");
    }

    #[test]
    fn a_quantity_that_is_none_is_one() {
        for (text, expected) in [(Some("3"), 3), (Some("x"), 1), (None, 1)] {
            assert_eq!(quantity(text), expected);
        }
    }
}
