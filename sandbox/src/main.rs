//! The outside world in development: a payment provider with a checkout page and signed webhooks,
//! and a mailbox that receives what the shop sends by SMTP. No money moves and no mail leaves.
//!
//! It knows nothing of the shop's code: all they share is HTTP, SMTP and two secrets.

mod settings;

mod api;
mod checkout;
mod pages;
mod problem;

mod faults;
mod ids;
mod payments;
mod refunds;
mod webhooks;

mod mailbox;
mod messages;
mod smtp;

use std::io::IsTerminal;
use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use clap::Parser;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use tracing_subscriber::EnvFilter;

use crate::api::Shared;
use crate::faults::Switches;
use crate::mailbox::Mailbox;
use crate::pages::Pages;
use crate::payments::store::Store;
use crate::settings::Settings;
use crate::webhooks::Webhooks;

/// How long open requests may go on after the signal to stop.
const GRACE: Duration = Duration::from_secs(5);

#[tokio::main]
async fn main() -> ExitCode {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .init();
    match run(Settings::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!("{error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run(settings: Settings) -> anyhow::Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;

    let http = bind(settings.http).await?;
    let smtp = bind(settings.smtp).await?;
    let http_address = http.local_addr()?;
    let public_url = settings
        .public_url
        .unwrap_or_else(|| format!("http://{http_address}"));

    let store = Arc::new(Store::open(&settings.data)?);
    let faults = Arc::new(Switches::default());
    let mailbox = Arc::new(Mailbox::default());
    let webhooks = Webhooks::new(
        settings.webhook_url,
        &settings.webhook_secret,
        Arc::clone(&store),
        Arc::clone(&faults),
    )?;
    webhooks.resume();
    refunds::resume(&store, &webhooks);
    let router = api::router(Arc::new(Shared {
        store,
        webhooks,
        faults,
        mailbox: Arc::clone(&mailbox),
        pages: Pages::new()?,
        api_key: settings.api_key,
        public_url: public_url.trim_end_matches('/').to_owned(),
    }));

    tracing::info!(http.address = %http_address, "listening");
    tracing::info!(smtp.address = %smtp.local_addr()?, "listening");
    tokio::spawn(smtp::serve(smtp, mailbox));

    let (stop, stopped) = watch::channel(false);
    let mut serving = tokio::spawn(
        axum::serve(http, router)
            .with_graceful_shutdown(until_true(stopped))
            .into_future(),
    );
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
        ended = &mut serving => return Ok(ended??),
    }
    tracing::info!("stopping");
    stop.send_replace(true);
    if tokio::time::timeout(GRACE, serving).await.is_err() {
        tracing::warn!("connections still open after {} s are cut", GRACE.as_secs());
    }
    Ok(())
}

async fn bind(address: SocketAddr) -> anyhow::Result<TcpListener> {
    TcpListener::bind(address)
        .await
        .with_context(|| format!("cannot listen on {address}"))
}

async fn until_true(mut flag: watch::Receiver<bool>) {
    // An error means the sender is gone, which is as good a reason to stop.
    let _ = flag.wait_for(|stop| *stop).await;
}
