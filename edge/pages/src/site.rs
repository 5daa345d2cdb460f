//! From an address to an answer.
//!
//! Invariant: what everybody may keep is the same for everybody; whoever asks as a program is told
//! in a problem document what is told to others on a page.

use crate::addresses;
use crate::assets;
use crate::catalogue::Catalogue;
use crate::images;
use crate::page::Page;
use crate::render::{self, Message};
use crate::rendered;
use crate::route::{self, Fixed, Route};
use crate::send::{self, CATALOGUE, FIXED, FOREVER, MISSING, NEVER, Rendered};
use kernel::catalogue::ImageName;
use kernel::problem::{Problem, ProblemKind};
use kernel::wire::CodePurpose;
use kit::accept::wants_page;
use kit::answer::{self, Answer};
use kit::form::Form;
use kit::rendered::with_age;
use kit::settings::Edge;
use layout::finish::{self, Finish};
use layout::refusal::{REFRESH_SECONDS_MIN, Refusal};
use layout::settings::Site;
use layout::{headers, page, way};
use spin_sdk::http::{HeaderMap, Method, StatusCode, Uri};
use std::sync::Arc;

const NOT_FOUND: Message<'_> = Message {
    status: 404,
    heading: "There is nothing here",
    text: "The address may be mistyped, or the sale has been over for a while. All sales that are \
           on, or will be, stand on the first page.",
    refresh_seconds: None,
};
const NOT_READY: Message<'_> = Message {
    status: 503,
    heading: "The shop opens in a moment",
    text: "We are still putting the goods on the shelves. Nothing is lost, and orders that were \
           placed are safe.",
    refresh_seconds: Some(REFRESH_SECONDS_MIN),
};
const NOT_READY_RETRY_SECONDS: u32 = 2;

/// The answer to any request.
pub async fn answer(method: &Method, uri: &Uri, headers: &HeaderMap) -> Answer {
    let answer = if matches!(*method, Method::GET | Method::HEAD) {
        route(uri.path(), uri.query().unwrap_or_default(), headers).await
    } else {
        other_method(method, headers).await
    };
    let site = Site::get().await;
    let answer = headers::secure(answer, site);
    match route::of(uri.path()) {
        Route::Pay(_) if site.stripe_key.is_some() => headers::open_to_stripe(answer, site),
        _ => answer,
    }
}

async fn route(path: &str, query: &str, headers: &HeaderMap) -> Answer {
    match route::of(path) {
        Route::Sales => catalogue(headers, |all| Some(all.list())).await,
        Route::Sale(name) => catalogue(headers, |all| all.sale(name)).await,
        Route::Item(id) => catalogue(headers, |all| all.item(id)).await,
        Route::Draw(name) => catalogue(headers, |all| all.draw(name)).await,
        Route::Sitemap => catalogue(headers, |all| Some(all.sitemap())).await,
        Route::Directory => catalogue(headers, |all| Some(all.directory())).await,
        Route::Fixed(page) => match second_step(page, query) {
            Some(step) => page::page(200, finish::TEMPLATE, step).await,
            None => fixed(headers, page),
        },
        Route::Order(id) => {
            // Not kept: there are as many as orders.
            let page = render::order(id).map(|html| Arc::new(Page::html(html)));
            send::page(headers, StatusCode::OK, FIXED, page)
        }
        Route::Pay(id) => match &Site::get().await.stripe_key {
            Some(key) => {
                let page = render::pay(id, key).map(|html| Arc::new(Page::html(html)));
                send::page(headers, StatusCode::OK, FIXED, page)
            }
            None => not_found(headers, ProblemKind::UnknownPath),
        },
        Route::Problem(kind) => problem(headers, kind),
        Route::Asset { set, path } => match assets::find(path) {
            Some(asset) => asset.answer(headers, assets::life(set)),
            None => not_found(headers, ProblemKind::UnknownPath),
        },
        Route::Image(name) => image(headers, &name).await,
        Route::WellKnown(path) => match assets::find(path) {
            Some(asset) => asset.under_plain_name(headers),
            None => not_found(headers, ProblemKind::UnknownPath),
        },
        Route::Robots => robots(headers).await,
        Route::Unknown => not_found(headers, ProblemKind::UnknownPath),
    }
}

/// The second step of a form without scripts: its address carries the ticket.
fn second_step(page: Fixed, query: &str) -> Option<layout::render::Value> {
    let purpose = match page {
        Fixed::SignUp => CodePurpose::Register,
        Fixed::Reset => CodePurpose::Reset,
        Fixed::SignIn | Fixed::Orders | Fixed::Account => return None,
    };
    let query = Form::parse(query.as_bytes()).ok()?;
    let next = query.get("next").map(|next| way::next(Some(next)));
    let finish = Finish::new(purpose, query.get("ticket")?, next)?;
    Some(finish.view())
}

/// What is made from the snapshot; `None` if the snapshot has nothing of that name.
async fn catalogue(
    headers: &HeaderMap,
    render: impl FnOnce(&Catalogue<'_>) -> Option<Rendered>,
) -> Answer {
    let (edge, view) = match current().await {
        Ok(found) => found,
        Err(problem) => return not_ready(headers, problem),
    };
    let catalogue = Catalogue {
        view: &view,
        now: kit::clock::now(),
        site: &edge.site,
    };
    let answer = match render(&catalogue) {
        Some(page) => send::page(headers, StatusCode::OK, CATALOGUE, page),
        None => not_found(headers, ProblemKind::UnknownSale),
    };
    with_age(answer, &view)
}

async fn current() -> Result<(&'static Edge, kit::snapshot::View), Problem> {
    let edge = Edge::get().await?;
    Ok((edge, kit::snapshot::current(edge).await?))
}

/// A file of a picture. Its name says what is in it, so nobody need ask again.
async fn image(headers: &HeaderMap, name: &ImageName) -> Answer {
    let (edge, view) = match current().await {
        Ok(found) => found,
        Err(problem) => return not_ready(headers, problem),
    };
    match images::find(edge, view.snapshot(), name).await {
        Ok(Some(bytes)) => {
            let file = answer::bytes(StatusCode::OK, name.format().media_type(), bytes);
            answer::cached(headers, &format!("\"{}\"", name.hash()), FOREVER, file)
        }
        Ok(None) => not_found(headers, ProblemKind::UnknownPath),
        // Nobody reads a page in the place of a picture.
        Err(problem) => answer::problem(&problem),
    }
}

async fn robots(headers: &HeaderMap) -> Answer {
    let site = match Edge::get().await {
        Ok(edge) => &edge.site,
        Err(problem) => return not_ready(headers, problem),
    };
    let page = Page::new("text/plain; charset=utf-8", addresses::robots(site));
    send::page(headers, StatusCode::OK, FIXED, Ok(Arc::new(page)))
}

fn fixed(headers: &HeaderMap, page: Fixed) -> Answer {
    let page = rendered::fixed(page.path(), || render::fixed(page));
    send::page(headers, StatusCode::OK, FIXED, page)
}

fn problem(headers: &HeaderMap, kind: ProblemKind) -> Answer {
    let message = Message {
        status: kind.status(),
        heading: kind.title(),
        text: "This is how the shop says so to programs; the documentation of its API has more.",
        refresh_seconds: None,
    };
    let page = rendered::fixed(&format!("problem {}", kind.word()), || {
        render::message(message)
    });
    send::page(headers, StatusCode::OK, FIXED, page)
}

fn not_found(headers: &HeaderMap, kind: ProblemKind) -> Answer {
    if !wants_page(&Method::GET, headers) {
        return answer::problem(&kind.into());
    }
    let page = rendered::fixed("not found", || render::message(NOT_FOUND));
    let answer = send::page(headers, StatusCode::NOT_FOUND, MISSING, page);
    answer::with_header(answer, "vary", "accept, accept-encoding")
}

/// The first second of a new PoP, or settings that are wrong: nothing to show yet.
fn not_ready(headers: &HeaderMap, problem: Problem) -> Answer {
    let seconds = problem.retry_after_seconds.unwrap_or_default();
    let seconds = seconds.max(NOT_READY_RETRY_SECONDS);
    if !wants_page(&Method::GET, headers) {
        return answer::problem(&problem.retry_after(seconds));
    }
    let page = rendered::fixed("not ready", || render::message(NOT_READY));
    let answer = send::page(headers, StatusCode::SERVICE_UNAVAILABLE, NEVER, page);
    answer::with_header(answer, "retry-after", &seconds.to_string())
}

async fn other_method(method: &Method, headers: &HeaderMap) -> Answer {
    if !wants_page(method, headers) {
        return answer::method_not_allowed("GET, HEAD");
    }
    let refusal = Refusal::of(&ProblemKind::MethodNotAllowed.into(), method).await;
    answer::with_header(refusal.answer().await, "allow", "GET, HEAD")
}
