//! The relay: the only way from a shopper to the origin.
//!
//! Invariant `only-tokened`: not a byte goes to the origin without a valid purchase token, session
//! or challenge pass, and nothing goes there that [`routes`] does not name. What everybody may see
//! is answered here, from the snapshot.

mod routes;
mod settings;

mod public;

mod received;

mod elsewhere;
mod pace;
mod passes;

mod forward;

mod forms;

use kernel::edge_report::Component;
use kernel::problem::{Problem, ProblemKind};
use kit::accept::wants_page;
use kit::answer::{self, Answer};
use kit::exchange::respond;
use kit::visitor;
use layout::refusal::Refusal;
use received::Received;
use routes::Route;
use settings::Relay;
use spin_sdk::http::{FromRequest, Request};
use spin_sdk::wasip3::exports::http::handler::Guest;
use spin_sdk::wasip3::http::types::{self, ErrorCode, Response};

/// The component. It does by hand what `spin_sdk::http_service` would do for it, as that reads every
/// header of a request: whoever forges tokens shall not have that much done.
struct Relaying;

spin_sdk::wasip3::http::service::export!(Relaying);

impl Guest for Relaying {
    async fn handle(request: types::Request) -> Result<Response, ErrorCode> {
        kit::tally::belongs_to(Component::Relay);
        if let Err(problem) = passes::not_forged(&request).await {
            return respond(answer::problem(&problem)).await;
        }
        answer(Request::from_request(request)?).await
    }
}

async fn answer(request: Request) -> Result<Response, ErrorCode> {
    let method = request.method().clone();
    let wants_page = wants_page(&method, request.headers());
    if wants_page && forms::is_page(method.as_str(), request.uri().path()) {
        return respond(forms::answer(request).await).await;
    }
    match route(request).await {
        Ok(Reply::Here(answer)) => respond(answer).await,
        Ok(Reply::Origin(response)) => Ok(response),
        Err(problem) if wants_page => {
            let refusal = Refusal::of(&problem, &method).await;
            respond(refusal.answer().await).await
        }
        Err(problem) => respond(answer::problem(&problem)).await,
    }
}

enum Reply {
    /// Answered at the edge.
    Here(Answer),
    /// The origin's answer, its body still on the way.
    Origin(Response),
}

async fn route(request: Request) -> Result<Reply, Problem> {
    let relay = Relay::get().await?;
    let path = request.uri().path().to_owned();
    let answer = match Route::of(request.method().as_str(), &path) {
        Route::Clock => public::clock(),
        Route::Sales => public::sales(relay, request.headers()).await?,
        Route::Sale(sale) => public::sale(relay, request.headers(), sale).await?,
        Route::Forward(pass) => {
            visitor::check_site(&relay.edge, request.method(), request.headers())?;
            let received = Received::read(relay, request).await?;
            if let Some(answer) = elsewhere::order(relay, pass, &received).await? {
                return Ok(Reply::Here(answer));
            }
            passes::check(relay, pass, &received).await?;
            return forward::send(relay, pass, &received)
                .await
                .map(Reply::Origin);
        }
        Route::OtherMethod(allow) => answer::method_not_allowed(allow),
        Route::Unknown => return Err(ProblemKind::UnknownPath.into()),
    };
    Ok(Reply::Here(answer))
}
