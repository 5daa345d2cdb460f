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
/// How long a request waits for an instance when all are busy: a crowd that comes at once is served by
/// those that the first of it have left.
const BUSY_MAX: Duration = Duration::from_millis(250);
const PAUSE: Duration = Duration::from_millis(5);

/// Why there is no answer.
pub(super) enum Failure {
    /// There is no instance for the request and none may be made.
    Shed(Shed),
    /// The instance failed.
    Failed(wasmtime::Error),
}

/// The answer of an instance. Where all are busy the request waits a moment for one; right after a
/// reload longer, as the instances of the replaced app take places until they are done.
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
        let shed = if error.error.is::<InstanceLimitError>() {
            Shed::ComponentInstances
        } else if error.error.is::<PoolConcurrencyLimitError>() {
            Shed::Instances
        } else {
            return Err(Failure::Failed(error.into()));
        };
        let waited = since.get_or_insert_with(Instant::now).elapsed();
        // The last old instance may have gone since there was no place: then there is one now.
        let is_draining = sites.is_draining();
        let wait = match shed {
            Shed::Instances if is_draining || was_draining => DRAIN_MAX,
            _ => BUSY_MAX,
        };
        if waited >= wait {
            return Err(Failure::Shed(shed));
        }
        was_draining = is_draining;
        tokio::time::sleep(PAUSE).await;
        ticket = error.request_data;
        request = error
            .request
            .into_inner()
            .unwrap_or_else(PoisonError::into_inner);
    }
}
