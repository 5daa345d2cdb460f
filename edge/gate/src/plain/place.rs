//! `/gate/sales/{id}/places` as pages: joining, and where one stands.

use super::challenge::to_buy;
use super::{Again, about, asked, challenge_address, here, refuse, renewal, sale, script, sent};
use crate::settings::Gate;
use kernel::problem::Problem;
use kernel::sale::SaleState;
use kernel::snapshot::SnapshotSale;
use kernel::time::UnixMillis;
use kernel::wire::{PlaceStanding, PlaceState};
use kit::answer::Answer;
use kit::body::Whole;
use kit::clock;
use kit::form::Form;
use layout::page::{page, see_other};
use layout::refusal::{Refusal, Way};
use layout::render::{Value, context};
use layout::words;
use spin_sdk::http::Method;

/// How often the page of somebody who waits loads itself again, in seconds.
const REFRESH_SECONDS: u32 = 10;

/// `POST`: joins, and leads to the place.
pub(super) async fn join(request: Whole, sale: &str) -> Result<Answer, Problem> {
    let path = request.uri().path().to_owned();
    let mut form = Form::parse(request.body())?;
    let fields = form.fields().to_vec();
    let challenge = challenge_address("place", sale, None);
    let told = sent(request.headers(), &path, &mut form).await?;
    if told.is_good() {
        return Ok(see_other(&path));
    }
    if told.kind() == "signed-out" {
        return Ok(renewal(&challenge));
    }
    let again = Again {
        action: path,
        fields,
        label: "Try again".to_owned(),
    };
    Ok(refuse(&told, again, challenge, sale).await)
}

/// `GET`: where one stands; the page looks again by itself.
pub(super) async fn show(request: &Whole, id: &str) -> Result<Answer, Problem> {
    let gate = Gate::get().await?;
    let path = request.uri().path();
    let question = script(request.headers(), Method::GET, path, String::new())?;
    let told = asked(question).await?;
    if told.kind() == "signed-out" {
        return Ok(renewal(here(request)));
    }
    if !told.is_good() {
        let ways = vec![
            Way::new("Look again", here(request)),
            Way::new("Back to the sale", format!("/sales/{id}")),
        ];
        let refusal = Refusal::new(told.words(), ways);
        let refusal = Refusal {
            reload: true,
            ..refusal
        };
        return Ok(refusal.answer().await);
    }
    let entry = sale(gate, id).await?;
    let view = view(&entry, &told.body()?, path, clock::now());
    Ok(page(200, "place.html", view).await)
}

fn view(entry: &SnapshotSale, standing: &PlaceStanding, here: &str, now: UnixMillis) -> Value {
    let scheduled = entry.sale.state_at(now) == SaleState::Scheduled;
    let id = entry.sale.id.to_string();
    let expected = standing.admitted_at_ms.filter(|at| *at > now);
    let (heading, text) = match standing.state {
        PlaceState::Waiting if scheduled => (
            "You are in line",
            "You are among those whose place is drawn when the sale opens.".to_owned(),
        ),
        PlaceState::Waiting => (
            "You are in line",
            match expected {
                Some(at) => format!("Your turn is expected at {}.", words::clock(at)),
                None => "Your turn comes when those before you have been let in.".to_owned(),
            },
        ),
        PlaceState::Admitted => (
            "It is your turn",
            "Go on now: a turn that is not used goes to the next.".to_owned(),
        ),
        PlaceState::Passed => (
            "Your turn has passed",
            "It came and was not used. You can still get in line behind the others.".to_owned(),
        ),
        PlaceState::SoldOut => (
            "Sold out at the moment",
            "Units that are not paid for in time come back, and those who wait get them in order."
                .to_owned(),
        ),
    };
    let go_on = matches!(standing.state, PlaceState::Admitted | PlaceState::Passed);
    let waits = matches!(standing.state, PlaceState::Waiting | PlaceState::SoldOut);
    context! {
        heading, text, here, scheduled,
        arrival => standing.arrival,
        waiting => standing.waiting,
        place => standing.place,
        admitted_up_to => (!scheduled).then_some(standing.admitted_up_to),
        opens_at => words::utc(entry.sale.opens_at_ms),
        go_on => go_on.then(|| to_buy(&id, 1)),
        go_on_label => if standing.state == PlaceState::Admitted { "Go on to buy" } else { "Get in line" },
        refresh_seconds => waits.then_some(REFRESH_SECONDS),
        sale => about(entry),
        signed_in => true,
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use layout::render::render;
    use serde_json::json;

    pub(in crate::plain) fn entry() -> SnapshotSale {
        let money = |amount_minor: i64| json!({"amount_minor": amount_minor, "currency": "USD"});
        let json = json!({
            "id": "5", "slug": "console", "price": money(1_999), "units_total": 10,
            "item": {
                "id": "4", "title": "A <console>", "description": "", "image_url": null,
                "list_price": money(2_999),
            },
            "limit_per_account": 2, "opens_at_ms": 10_000, "closes_at_ms": 90_000_000,
            "state": "scheduled", "remaining": "many", "version": 1, "rate_per_second": 100,
            "lobby": kernel::lobby::Lobby::default(),
        });
        serde_json::from_value(json).unwrap()
    }

    fn shown(json: &serde_json::Value, now: i64) -> String {
        let standing: PlaceStanding = serde_json::from_value(json.clone()).unwrap();
        let view = view(&entry(), &standing, "/gate/sales/5/places", UnixMillis(now));
        render("place.html", &[], view).unwrap()
    }

    #[test]
    fn the_page_says_where_one_stands() {
        let check = |state: &str, now, place: Option<u64>, texts: &[&str], reloads: bool| {
            let json = json!({
                "state": state, "arrival": 17, "waiting": 4_000, "place": place,
                "admitted_up_to": 120, "admitted_at_ms": 65_000, "home": "pop-1",
            });
            let html = shown(&json, now);
            for text in texts {
                assert!(html.contains(text), "{text} in {html}");
            }
            assert_eq!(html.contains("http-equiv=\"refresh\""), reloads, "{html}");
            assert!(html.contains("A &lt;console&gt;"), "{html}");
        };
        let drawn = [
            "drawn when the sale opens",
            ">17<",
            ">4000<",
            "1 Jan 1970, 00:00 UTC",
        ];
        check("waiting", 9_000, None, &drawn, true);
        let waiting = ["expected at 00:01:05 UTC", ">131<", ">120<"];
        check("waiting", 11_000, Some(131), &waiting, true);
        check("waiting", 66_000, Some(131), &["have been let in"], true);
        let buy = "&#x2f;gate&#x2f;challenges?purpose=token&amp;kind=image&amp;sale_id=5";
        check(
            "admitted",
            66_000,
            Some(100),
            &["It is your turn", buy],
            false,
        );
        check("passed", 66_000, Some(100), &["has passed", buy], false);
        check("sold_out", 66_000, Some(131), &["Sold out", ">131<"], true);
    }

    #[test]
    fn before_the_draw_there_is_no_place() {
        let json = json!({
            "state": "waiting", "arrival": 1, "waiting": 1, "place": null,
            "admitted_up_to": 0, "admitted_at_ms": null,
        });
        let html = shown(&json, 9_000);
        assert!(!html.contains("Your place</dt>"), "{html}");
        assert!(!html.contains("Admitted up to"), "{html}");
    }
}
