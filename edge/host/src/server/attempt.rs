//! Handing a request to an instance.

use std::{sync::PoisonError, time::Duration};

use hyper::Response;
use tokio::time::Instant;
use wasmtime::PoolConcurrencyLimitError;
use wasmtime_wasi_http::{
    WasiBody,
    handler::{InstantiationError, ProxyHandler, Request},
};

use super::Sites;
use crate::{
    engine::{Factory, InstanceLimitError, Ticket},
    metrics::Shed,
};

/// How long a request waits for the instances of a replaced app to go.
const DRAIN_MAX: Duration = Duration::from_secs(5);
const DRAIN_PAUSE: Duration = Duration::from_millis(5);

/// Why there is no answer.
pub(super) enum Failure {
    /// There is no instance for the request and none may be made.
    Shed(Shed),
    /// The instance failed.
    Failed(wasmtime::Error),
}

/// The answer of an instance. Right after a reload the instances of the replaced app may take all places;
/// they go as soon as they are done, so the request waits for one instead of being shed.
pub(super) async fn attempt(
    sites: &Sites,
    handler: &ProxyHandler<Factory>,
    mut ticket: Ticket,
    mut request: Request,
) -> Result<Response<WasiBody>, Failure> {
    let mut since = None;
    let mut was_draining = false;
    loop {
        let error = match handler.handle(ticket, request).await {
            Ok(response) => return Ok(response),
            Err(error) => error.downcast::<InstantiationError<Ticket>>(),
        };
        let error = error.map_err(Failure::Failed)?;
        if error.error.is::<InstanceLimitError>() {
            return Err(Failure::Shed(Shed::ComponentInstances));
        }
        if !error.error.is::<PoolConcurrencyLimitError>() {
            return Err(Failure::Failed(error.into()));
        }
        let waiting_since = *since.get_or_insert_with(Instant::now);
        // The last old instance may have gone since there was no place: then there is one now.
        let is_draining = sites.is_draining();
        if !(is_draining || was_draining) || waiting_since.elapsed() >= DRAIN_MAX {
            return Err(Failure::Shed(Shed::Instances));
        }
        was_draining = is_draining;
        tokio::time::sleep(DRAIN_PAUSE).await;
        ticket = error.request_data;
        request = error
            .request
            .into_inner()
            .unwrap_or_else(PoisonError::into_inner);
    }
}
