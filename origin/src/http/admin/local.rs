//! The admin API without a listener: how the command line works on a server.
//!
//! Invariant: the same routes and the same table of permissions as over HTTP; the operator is
//! `shell:<user>`, who has the stores' passwords and so may do everything.

use super::answer::Causes;
use super::{Desk, rooms};
use crate::operators::Operator;
use axum::Router;
use axum::body::Body;
use axum::http::{Request, header};
use http_body_util::BodyExt;
use hyper::service::Service;
use hyper_util::service::TowerToHyperService;
use std::sync::Arc;

/// The admin API in this process.
#[derive(Debug)]
pub struct Local {
    routes: Router,
    operator: Operator,
}

/// An answer with its whole body.
#[derive(Debug)]
pub struct Answered {
    /// Its HTTP status.
    pub status: u16,
    /// JSON, or nothing.
    pub body: Vec<u8>,
    /// Why it failed, beyond what the body says; may be empty.
    pub causes: String,
}

impl Local {
    /// The API on a desk.
    pub fn new(desk: Desk, operator: Operator) -> Self {
        let routes = rooms(Arc::new(desk), None);
        Self { routes, operator }
    }

    /// Answers a request; `path` has its query.
    pub async fn call(&self, method: &str, path: &str, body: &[u8]) -> anyhow::Result<Answered> {
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header(header::CONTENT_TYPE, "application/json")
            .body(Body::from(body.to_vec()))?;
        request.extensions_mut().insert(self.operator.clone());
        let answer = TowerToHyperService::new(self.routes.clone()).call(request);
        let (parts, body) = answer.await?.into_parts();
        let causes = parts.extensions.get::<Causes>();
        Ok(Answered {
            status: parts.status.as_u16(),
            body: body.collect().await?.to_bytes().to_vec(),
            causes: causes.map(|causes| causes.0.clone()).unwrap_or_default(),
        })
    }
}
