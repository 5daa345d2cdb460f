//! `doorbuster-origin`: runs any subset of the origin's roles.
//!
//! Invariant: settings are checked and stores connected before anything listens; a stop lets
//! requests finish.

use anyhow::Context;
use clap::{Parser, ValueEnum};
use origin::accounts::Accounts;
use origin::flow::Member;
use origin::http::{Origin, admin_routes, bind, edge_routes, ops_routes, serve, webhook_routes};
use origin::notifications::{Sender, clean, fan_out, send};
use origin::operators::{Desk, Door};
use origin::payments::Provider;
use origin::sales::Source;
use origin::settings::{
    AccountSettings, AdminKey, AdminSettings, BeaconSettings, HttpSettings, MailSettings,
    OpsSettings, PaymentSettings, Reader, RefundSettings, StoreSettings, SubscriptionSettings,
};
use origin::stores::Stores;
use origin::subscriptions::{Caller, deliver};
use std::process::ExitCode;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use tokio::task::JoinSet;

/// The origin of Doorbuster. Settings are variables of the environment; see docs/settings.md.
#[derive(Parser)]
#[command(version)]
struct Arguments {
    /// Which roles to run, separated by commas.
    #[arg(
        long,
        value_delimiter = ',',
        default_value = "http,decider,timers,outboxes"
    )]
    roles: Vec<Role>,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Role {
    /// The listeners for PoPs, for webhooks and for operators.
    Http,
    /// Decides what the queue carries.
    Decider,
    /// Draws places, expires orders, looks after undecided ones, audits, compares payments with the
    /// provider's list, counts Redis anew when it cannot be trusted.
    Timers,
    /// Tells Redis what is free, finishes changes of units, gives money back, writes to buyers and
    /// tells subscribers of orders.
    Outboxes,
}

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .with_ansi(false)
        .with_env_filter(
            tracing_subscriber::EnvFilter::try_from_env("DOORBUSTER_LOG")
                .unwrap_or_else(|_| format!("info,{}", origin::queue::LOG_FILTER).into()),
        )
        .init();
    let _fail_points = origin::fail_points::heed_environment();
    match run(&arguments.roles).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!("{error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run(roles: &[Role]) -> anyhow::Result<()> {
    let mut reader = Reader::from_environment();
    let store_settings = StoreSettings::read(&mut reader);
    let ops_settings = OpsSettings::read(&mut reader);
    // Keys and secrets of the listeners are asked for where they are needed alone.
    let admin_settings = roles.contains(&Role::Http).then(|| {
        let settings = AdminSettings::read(&mut reader);
        (settings, AdminKey::read(&mut reader))
    });
    let http_settings = roles.contains(&Role::Http).then(|| {
        let http = HttpSettings::read(&mut reader);
        let accounts = AccountSettings::read(&mut reader);
        (http, accounts, RefundSettings::read(&mut reader))
    });
    let told_settings = roles.contains(&Role::Outboxes).then(|| {
        (
            MailSettings::read(&mut reader),
            SubscriptionSettings::read(&mut reader),
        )
    });
    let with_payments = [Role::Http, Role::Timers, Role::Outboxes];
    let payment_settings = with_payments
        .iter()
        .any(|role| roles.contains(role))
        .then(|| PaymentSettings::read(&mut reader));
    let beacon = BeaconSettings::read(&mut reader);
    reader.finish()?;
    let rounds = beacon.as_ref().map(|beacon| beacon.rounds);
    let source = beacon.map(|beacon| Source::new(&beacon.url));

    let refunds = http_settings.as_ref().map(|(_, _, refunds)| *refunds);
    let admin_settings = admin_settings.zip(refunds);
    let provider = payment_settings.map(Provider::new).transpose()?;
    let stores = Stores::connect(&store_settings).await?;
    let (stop, stopped) = watch::channel(false);
    let stopping = move || {
        let mut stopped = stopped.clone();
        async move { drop(stopped.wait_for(|stop| *stop).await) }
    };
    let mut listeners = JoinSet::new();
    let mut serving = None;
    let mut workers = JoinSet::new();

    let ops = bind("ops", ops_settings.listen).await?;
    listeners.spawn(serve(ops, ops_routes(stores.clone()), stopping()));
    if let (Some((http, accounts, refunds)), Some(provider)) = (http_settings, &provider) {
        let edge = bind("edge", http.edge_listen).await?;
        let webhooks = bind("webhooks", http.webhooks_listen).await?;
        let (ledger, ids) = (stores.ledger.clone(), stores.ids.clone());
        let accounts = Accounts::new(&accounts, ledger, &stores.stock, ids)?;
        let origin = Origin::new(stores.clone(), accounts, provider.clone(), http, refunds);
        origin.register_pops().await?;
        let address = edge.local_addr()?.to_string();
        let flow = origin.flow().clone();
        let member = Member::join(flow, stores.ledger.clone(), address).await?;
        listeners.spawn(member.follow(stopping()));
        listeners.spawn(serve(edge, edge_routes(origin.clone()), stopping()));
        listeners.spawn(serve(webhooks, webhook_routes(origin.clone()), stopping()));
        serving = Some(origin);
    }
    if let Some(((settings, Some(key)), refunds)) = admin_settings {
        let admin = bind("admin", settings.listen).await?;
        let door = Door::new(stores.ledger.clone(), &stores.stock, key.clone());
        let desk = Desk::new(store_settings.clone(), rounds, Some(key), refunds);
        let desk = desk.with(stores.clone());
        let routes = admin_routes(desk, door, settings);
        listeners.spawn(serve(admin, routes, stopping()));
    }
    work(&mut workers, roles, &stores, source, provider.as_ref());
    if let Some((mail, subscriptions)) = &told_settings {
        tell(&mut workers, &stores, mail, *subscriptions)?;
    }

    let mut terminate = signal(SignalKind::terminate()).context("no signal handler")?;
    tokio::select! {
        _ = terminate.recv() => {}
        _ = tokio::signal::ctrl_c() => {}
        Some(ended) = workers.join_next() => {
            ended.context("a worker broke off")?;
        }
    }
    tracing::info!("Stopping: requests may finish");
    stop.send_replace(true);
    if let Some(origin) = serving {
        origin.end_streams();
    }
    listeners.join_all().await;
    // What workers are cut off in is repeated by the next process: messages come again.
    workers.shutdown().await;
    Ok(())
}

/// Starts what the roles do beside answering requests.
fn work(
    workers: &mut JoinSet<()>,
    roles: &[Role],
    stores: &Stores,
    source: Option<Source>,
    provider: Option<&Provider>,
) {
    let stores = || stores.clone();
    if roles.contains(&Role::Decider) {
        workers.spawn(origin::orders::decide(stores()));
    }
    if roles.contains(&Role::Timers) {
        workers.spawn(origin::orders::sweep(stores()));
        workers.spawn(origin::orders::watch_lanes(stores()));
        workers.spawn(origin::orders::look_after_undecided(stores()));
        workers.spawn(origin::sales::draw_lobbies(stores().ledger, source));
        workers.spawn(origin::ops::rebuild::watch(stores()));
        workers.spawn(origin::ops::audit::watch(stores()));
        if let Some(provider) = provider {
            workers.spawn(origin::payments::compare_daily(stores(), provider.clone()));
        }
    }
    if roles.contains(&Role::Outboxes) {
        workers.spawn(origin::orders::release(stores()));
        workers.spawn(origin::sales::look_after_changes(stores()));
        if let Some(provider) = provider {
            workers.spawn(origin::payments::close_checkouts(
                stores(),
                provider.clone(),
            ));
            workers.spawn(origin::payments::work_off_refunds(
                stores(),
                provider.clone(),
            ));
        }
    }
}

/// Starts those who tell buyers and subscribers of orders.
fn tell(
    workers: &mut JoinSet<()>,
    stores: &Stores,
    mail: &MailSettings,
    subscriptions: SubscriptionSettings,
) -> anyhow::Result<()> {
    let ledger = || stores.ledger.clone();
    workers.spawn(fan_out(ledger()));
    workers.spawn(send(ledger(), Sender::new(mail)?));
    workers.spawn(deliver(ledger(), Caller::new(subscriptions)?));
    workers.spawn(clean(ledger()));
    Ok(())
}
