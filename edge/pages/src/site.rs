//! From an address to an answer.

use crate::assets;
use crate::draw_view::DrawView;
use crate::encoding::{Encoding, choose};
use crate::page::Page;
use crate::render::{self, Message};
use crate::rendered;
use crate::route::{self, Fixed, Route};
use crate::sale_view::SaleView;
use crate::shown::rank;
use kernel::problem::{Problem, ProblemKind};
use kernel::time::UnixMillis;
use kernel::wire::CodePurpose;
use kit::answer::{self, Answer};
use kit::form::Form;
use kit::rendered::with_age;
use kit::snapshot::View;
use layout::finish::{self, Finish};
use layout::{headers, page, settings, way};
use spin_sdk::http::{HeaderMap, Method, StatusCode, Uri};
use std::sync::Arc;

/// A catalogue page is a second old at most when it leaves. A cache may add a second, another one
/// while it asks us again, and a minute if we do not answer: better that old than not there.
const CATALOGUE: &str = "public, max-age=1, stale-while-revalidate=1, stale-if-error=60";
/// Other pages change with a release only.
const FIXED: &str = "public, max-age=60, stale-while-revalidate=600";
const ROBOTS: &str = "User-agent: *\nDisallow: /api/\nDisallow: /gate/\nDisallow: /orders\n";

const NOT_FOUND: Message<'_> = Message {
    status: 404,
    heading: "There is nothing here",
    text: "The address may be mistyped, or the sale has been over for a while.",
    retry: false,
};
const NOT_READY: Message<'_> = Message {
    status: 503,
    heading: "The shop opens in a moment",
    text: "We are still putting the goods on the shelves. Please try again in a few seconds.",
    retry: true,
};
const NOT_READY_RETRY_SECONDS: u32 = 2;

type Rendered = Result<Arc<Page>, layout::render::Error>;

/// The answer to any request.
pub async fn answer(method: &Method, uri: &Uri, headers: &HeaderMap) -> Answer {
    let answer = if matches!(*method, Method::GET | Method::HEAD) {
        route(uri.path(), uri.query().unwrap_or_default(), headers).await
    } else {
        answer::method_not_allowed("GET, HEAD")
    };
    headers::secure(answer, settings::checkout_origins().await)
}

async fn route(path: &str, query: &str, headers: &HeaderMap) -> Answer {
    match route::of(path) {
        Route::Sales => catalogue(headers, |view, now| Some(list(view, now))).await,
        Route::Sale(name) => catalogue(headers, |view, now| single(name, view, now)).await,
        Route::Draw(name) => catalogue(headers, |view, now| draw(name, view, now)).await,
        Route::Fixed(page) => match second_step(page, query) {
            Some(step) => page::page(200, finish::TEMPLATE, step).await,
            None => fixed(headers, page),
        },
        Route::Order(id) => {
            // Not kept: there are as many as orders.
            let page = render::order(id).map(|html| Arc::new(Page::new(html)));
            html(headers, StatusCode::OK, FIXED, page)
        }
        Route::Problem(kind) => problem(headers, kind),
        Route::Asset { set, path } => match assets::find(path) {
            Some(asset) => asset.answer(headers, assets::life(set)),
            None => not_found(headers),
        },
        Route::WellKnown(path) => match assets::find(path) {
            Some(asset) => asset.under_plain_name(headers),
            None => not_found(headers),
        },
        Route::Robots => {
            let robots = answer::bytes(StatusCode::OK, "text/plain; charset=utf-8", ROBOTS);
            answer::with_header(robots, "cache-control", FIXED)
        }
        Route::Unknown => not_found(headers),
    }
}

/// The second step of a form without scripts: its address carries the ticket.
fn second_step(page: Fixed, query: &str) -> Option<layout::render::Value> {
    let purpose = match page {
        Fixed::SignUp => CodePurpose::Register,
        Fixed::Reset => CodePurpose::Reset,
        Fixed::SignIn | Fixed::Orders => return None,
    };
    let query = Form::parse(query.as_bytes()).ok()?;
    let next = query.get("next").map(|next| way::next(Some(next)));
    let finish = Finish::new(purpose, query.get("ticket")?, next)?;
    Some(finish.view())
}

/// A page made from the snapshot; `None` if the snapshot has nothing of that name.
async fn catalogue(
    headers: &HeaderMap,
    render: impl FnOnce(&View, UnixMillis) -> Option<Rendered>,
) -> Answer {
    let view = match current().await {
        Ok(view) => view,
        Err(problem) => return not_ready(headers, &problem),
    };
    let answer = match render(&view, kit::clock::now()) {
        Some(page) => html(headers, StatusCode::OK, CATALOGUE, page),
        None => not_found(headers),
    };
    with_age(answer, &view)
}

async fn current() -> Result<View, Problem> {
    let edge = kit::settings::Edge::get().await?;
    kit::snapshot::current(edge).await
}

fn list(view: &View, now: UnixMillis) -> Rendered {
    rendered::page("/", &view.version(now), || {
        let entries = view.snapshot().sales.iter();
        let mut sales: Vec<_> = entries.map(|entry| &entry.sale).collect();
        sales.sort_by_key(|sale| (rank(sale, now), sale.opens_at_ms));
        let views: Vec<_> = sales.iter().map(|sale| SaleView::new(sale, now)).collect();
        render::sales(&views)
    })
}

fn single(name: &str, view: &View, now: UnixMillis) -> Option<Rendered> {
    let sale = &view.snapshot().sale(name)?.sale;
    Some(rendered::page(
        &format!("/sales/{}", sale.id),
        &view.version(now),
        || render::sale(&SaleView::new(sale, now)),
    ))
}

fn draw(name: &str, view: &View, now: UnixMillis) -> Option<Rendered> {
    let sale = &view.snapshot().sale(name)?.sale;
    Some(rendered::page(
        &format!("/sales/{}/draw", sale.id),
        &view.version(now),
        || render::draw(&SaleView::new(sale, now), &DrawView::new(sale)),
    ))
}

fn fixed(headers: &HeaderMap, page: Fixed) -> Answer {
    let page = rendered::fixed(&format!("{page:?}"), || render::fixed(page));
    html(headers, StatusCode::OK, FIXED, page)
}

fn problem(headers: &HeaderMap, kind: ProblemKind) -> Answer {
    let message = Message {
        status: kind.status(),
        heading: kind.title(),
        text: "This is how the shop says so to programs; the documentation of its API has more.",
        retry: false,
    };
    let page = rendered::fixed(&format!("problem {}", kind.word()), || {
        render::message(message)
    });
    html(headers, StatusCode::OK, FIXED, page)
}

fn not_found(headers: &HeaderMap) -> Answer {
    let page = rendered::fixed("not found", || render::message(NOT_FOUND));
    // What is missing may be published the next second.
    html(headers, StatusCode::NOT_FOUND, "public, max-age=1", page)
}

/// The first second of a new PoP, or settings that are wrong: nothing to show yet.
fn not_ready(headers: &HeaderMap, problem: &Problem) -> Answer {
    let seconds = problem.retry_after_seconds.unwrap_or_default();
    let seconds = seconds.max(NOT_READY_RETRY_SECONDS);
    let page = rendered::fixed("not ready", || render::message(NOT_READY));
    let answer = html(headers, StatusCode::SERVICE_UNAVAILABLE, "no-store", page);
    answer::with_header(answer, "retry-after", &seconds.to_string())
}

fn html(headers: &HeaderMap, status: StatusCode, cache_control: &str, page: Rendered) -> Answer {
    let page = match page {
        Ok(page) => page,
        Err(error) => {
            eprintln!("a page cannot be rendered: {error:#}");
            return answer::problem(&ProblemKind::Internal.into());
        }
    };
    let (encoding, body) = match (&page.gzip, choose(headers, &[Encoding::Gzip])) {
        (Some(gzip), Encoding::Gzip) => (Encoding::Gzip, gzip),
        _ => (Encoding::Plain, &page.plain),
    };
    let mut answer = answer::bytes(status, "text/html; charset=utf-8", body.clone());
    if let Some(word) = encoding.word() {
        answer = answer::with_header(answer, "content-encoding", word);
    }
    if status == StatusCode::OK {
        let etag = format!("\"{}{}\"", page.hash, encoding.word().unwrap_or_default());
        answer = answer::cached(headers, &etag, cache_control, answer);
    } else {
        answer = answer::with_header(answer, "cache-control", cache_control);
    }
    answer::with_header(answer, "vary", "accept-encoding")
}
