//! The relay: the only way from a shopper to the origin.
//!
//! Invariant `only-tokened`: not a byte goes to the origin without a valid purchase token, session
//! or challenge pass, and nothing goes there that [`routes`] does not name. What everybody may see
//! is answered here, from the snapshot.

mod routes;
mod settings;

mod public;

mod passes;

mod forward;

use kernel::edge_report::Component;
use kernel::problem::{Problem, ProblemKind};
use kit::answer;
use kit::visitor;
use routes::Route;
use settings::Relay;
use spin_sdk::http::{BoxBody, Request, Response, box_body};

#[spin_sdk::http_service]
async fn handle(request: Request) -> Response<BoxBody> {
    kit::tally::belongs_to(Component::Relay);
    match route(request).await {
        Ok(response) => response,
        Err(problem) => answer::problem(&problem).map(box_body),
    }
}

async fn route(request: Request) -> Result<Response<BoxBody>, Problem> {
    let relay = Relay::get().await?;
    let path = request.uri().path().to_owned();
    let answer = match Route::of(request.method().as_str(), &path) {
        Route::Clock => public::clock(),
        Route::Sales => public::sales(relay, request.headers()).await?,
        Route::Sale(sale) => public::sale(relay, request.headers(), sale).await?,
        Route::Forward(pass) => {
            visitor::check_site(&relay.edge, request.method(), request.headers())?;
            return forward::forward(relay, request, pass).await;
        }
        Route::OtherMethod(allow) => answer::method_not_allowed(allow),
        Route::Unknown => return Err(ProblemKind::UnknownPath.into()),
    };
    Ok(answer.map(box_body))
}
