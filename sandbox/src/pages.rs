//! HTML: templates that escape by themselves, one style sheet, no JavaScript.

use axum::http::{StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use minijinja::Environment;
use serde::Serialize;

use crate::problem::Problem;

/// No `form-action`: browsers would apply it to the redirect back to the shop as well.
const POLICY: &str =
    "default-src 'none'; style-src 'self'; base-uri 'none'; frame-ancestors 'none'";

pub struct Pages {
    environment: Environment<'static>,
}

impl Pages {
    pub fn new() -> anyhow::Result<Self> {
        let mut environment = Environment::new();
        // The names end in .html, which switches escaping on.
        environment.add_template("layout.html", include_str!("../templates/layout.html"))?;
        environment.add_template("checkout.html", include_str!("../templates/checkout.html"))?;
        environment.add_template("mailbox.html", include_str!("../templates/mailbox.html"))?;
        Ok(Self { environment })
    }

    pub fn page(&self, status: StatusCode, name: &str, view: impl Serialize) -> Response {
        match self
            .environment
            .get_template(name)
            .and_then(|template| template.render(view))
        {
            Ok(text) => {
                let headers = [
                    (header::CONTENT_SECURITY_POLICY, POLICY),
                    (header::CACHE_CONTROL, "no-store"),
                    (header::VARY, "accept"),
                ];
                (status, headers, Html(text)).into_response()
            }
            Err(error) => Problem::unavailable(&error).into_response(),
        }
    }
}

pub async fn style() -> Response {
    let headers = [
        (header::CONTENT_TYPE, "text/css; charset=utf-8"),
        (header::CACHE_CONTROL, "no-cache"),
    ];
    (headers, include_str!("../templates/style.css")).into_response()
}
