//! Pages of the moment, for one shopper: what the gate and the relay answer to browsers.
//!
//! Invariant: nobody keeps them.

use crate::headers;
use crate::render::{Value, render};
use crate::settings::Site;
use kernel::problem::ProblemKind;
use kit::answer::{self, Answer, with_header};
use spin_sdk::http::StatusCode;

/// The page that the template makes of the view.
pub async fn page(status: u16, template: &str, view: Value) -> Answer {
    page_with(status, template, &[], view).await
}

/// The same with scripts, which make it better and do nothing that it could not do.
pub async fn page_with(status: u16, template: &str, scripts: &[&str], view: Value) -> Answer {
    let answer = match render(template, scripts, view) {
        Ok(html) => {
            let status = StatusCode::from_u16(status);
            let status = status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
            answer::bytes(status, "text/html; charset=utf-8", html)
        }
        Err(error) => {
            eprintln!("{template} cannot be rendered: {error:#}");
            answer::problem(&ProblemKind::Internal.into())
        }
    };
    headers::secure(answer, Site::get().await)
}

/// 303: go on there. `address` is a path of this site, or the checkout's.
pub fn see_other(address: &str) -> Answer {
    let answer = answer::bytes(StatusCode::SEE_OTHER, "text/plain; charset=utf-8", "");
    with_header(answer, "location", address)
}
