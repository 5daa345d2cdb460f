//! `/api/orders` as pages: placing, looking, paying, cancelling.

mod view;

use super::own::address;
use super::{here, refused, refused_to, request, told};
use crate::received::Received;
use crate::routes::Pass;
use crate::settings::Relay;
use kernel::ids::OrderId;
use kernel::order::OrderState;
use kernel::problem::{Problem, ProblemKind};
use kernel::wire::{Order, OrderList, PaymentStarted};
use kit::answer::Answer;
use kit::form::Form;
use kit::{clock, snapshot};
use layout::page::{page, see_other};
use layout::refusal::{Again, Refusal, Way};
use layout::told::Told;
use layout::way;
use spin_sdk::http::Method;
use view::Shown;

/// The visitor's orders, a page of them.
pub(super) async fn list(relay: &'static Relay, mut received: Received) -> Result<Answer, Problem> {
    let query = Form::parse(received.uri.query().unwrap_or_default().as_bytes())?;
    let address = here(&received).to_owned();
    request::ask(&mut received, Method::GET, &address)?;
    let told = told(relay, Pass::Session, &received).await;
    if !told.is_good() {
        let again = Way::new("Try again", address.as_str());
        return Ok(refused_to(&told, &address, vec![again]).await);
    }
    let list: OrderList = told.body()?;
    let view = snapshot::current(&relay.edge).await?;
    let paged = query.get("cursor").is_some();
    let view = view::list(&list, &view, paged);
    Ok(page(200, "plain-orders.html", view).await)
}

/// One order, as `told`; where it can be paid, with the address that its buyer keeps.
pub(super) async fn show(
    relay: &'static Relay,
    id: OrderId,
    told: &Told,
    here: &str,
    received: Received,
) -> Result<Answer, Problem> {
    if !told.is_good() {
        let mut ways = vec![Way::new("See your orders", "/api/orders")];
        if told.kind() != ProblemKind::UnknownOrder.word() {
            ways.insert(0, Way::new("Look again", here));
        }
        let next = format!("/api/orders/{id}");
        return Ok(refused_to(told, &next, ways).await);
    }
    let order: Order = told.body()?;
    let mut shown = Shown::default();
    if order.state == OrderState::PendingPayment && order.payment.is_none() {
        shown.typed = address::kept(relay, received).await?;
    }
    order_page(relay, &order, &shown).await
}

async fn order_page(
    relay: &'static Relay,
    order: &Order,
    shown: &Shown,
) -> Result<Answer, Problem> {
    let view = snapshot::current(&relay.edge).await?;
    let status = shown.problem.as_ref().map_or(200, |problem| problem.status);
    let view = view::order(order, &view, shown, clock::now());
    Ok(page(status, "plain-order.html", view).await)
}

/// Places an order and goes on to it.
pub(super) async fn place(
    relay: &'static Relay,
    mut received: Received,
) -> Result<Answer, Problem> {
    let (form, _) = request::fields(&received)?;
    let fields = form.fields().to_vec();
    let challenge = way::address(
        "/gate/challenges",
        &[
            ("purpose", Some("token")),
            ("kind", Some("image")),
            ("sale_id", form.get("sale_id")),
            ("quantity", form.get("quantity")),
        ],
    );
    let sale = format!("/sales/{}", form.get("sale_id").unwrap_or_default());
    request::order(&mut received, form)?;
    let told = told(relay, Pass::Token, &received).await;
    if told.is_good() {
        let order: Order = told.body()?;
        return Ok(see_other(&format!("/orders/{}", order.order_id)));
    }
    let problem = told.words();
    let back = Way::new("Back to the sale", sale);
    let line = Way::new("Get in line again", challenge.as_str());
    let orders = Way::new("See your orders", "/api/orders");
    if problem.retry_seconds.is_some() {
        // Nothing is lost: the same token counts, and gives the same order however often.
        let again = Again {
            action: "/api/orders".to_owned(),
            fields,
            label: "Try again".to_owned(),
        };
        let refusal = Refusal::new(problem, vec![back]);
        let refusal = Refusal {
            again: Some(again),
            ..refusal
        };
        return Ok(refusal.answer().await);
    }
    let ways = match problem.kind.as_str() {
        "token-missing" | "token-invalid" => vec![line, orders, back],
        "over-limit" => vec![orders, back],
        _ => vec![back],
    };
    Ok(refused_to(&told, &challenge, ways).await)
}

/// Begins the payment and goes on to the checkout; a mistake leads back to the order.
pub(super) async fn pay(
    relay: &'static Relay,
    id: OrderId,
    mut received: Received,
) -> Result<Answer, Problem> {
    let (form, _) = request::fields(&received)?;
    let typed = request::ADDRESS.map(|name| (name, form.get(name).unwrap_or_default().to_owned()));
    request::payment(&mut received, form);
    let told = told(relay, Pass::Session, &received).await;
    if told.is_good() {
        let PaymentStarted { checkout_url, .. } = told.body()?;
        return if ["https://", "http://"]
            .iter()
            .any(|web| checkout_url.starts_with(web))
        {
            Ok(see_other(&checkout_url))
        } else {
            Err(ProblemKind::Internal.into())
        };
    }
    let shown = Shown {
        problem: Some(told.words()),
        typed: typed.into(),
    };
    back_to_order(relay, id, received, &told, &shown).await
}

/// Cancels the order and shows it.
pub(super) async fn cancel(
    relay: &'static Relay,
    id: OrderId,
    mut received: Received,
) -> Result<Answer, Problem> {
    let (form, _) = request::fields(&received)?;
    if let Some((name, _)) = form.fields().first() {
        return Err(Problem::field(name, "is not a field of this request"));
    }
    let path = received.uri.path().to_owned();
    request::ask(&mut received, Method::POST, &path)?;
    let told = told(relay, Pass::Session, &received).await;
    if told.is_good() {
        return Ok(see_other(&format!("/api/orders/{id}")));
    }
    let shown = Shown {
        problem: Some(told.words()),
        ..Shown::default()
    };
    back_to_order(relay, id, received, &told, &shown).await
}

/// The page of the order with what went wrong; where even that is not to be had, only the latter.
async fn back_to_order(
    relay: &'static Relay,
    id: OrderId,
    mut received: Received,
    failed: &Told,
    shown: &Shown,
) -> Result<Answer, Problem> {
    let address = format!("/api/orders/{id}");
    if failed.kind() == "signed-out" {
        return Ok(refused_to(failed, &address, Vec::new()).await);
    }
    request::ask(&mut received, Method::GET, &address)?;
    let told = told(relay, Pass::Session, &received).await;
    if told.is_good() {
        return order_page(relay, &told.body()?, shown).await;
    }
    Ok(refused(failed, vec![Way::new("Back to the order", address)]).await)
}
