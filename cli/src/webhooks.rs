//! `doorbuster webhooks`.

use crate::{Stores, actor, when};
use anyhow::{bail, ensure};
use clap::{Args, Subcommand};
use kernel::time::UnixMillis;
use origin::ledger::{DeliveryRow, Ledger, OrderEvent, Subscription};
use origin::subscriptions::subscribe;
use serde_json::{Value, json};

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Tell a program of orders from now on. Prints its id and the secret that messages are signed
    /// with, which is not shown again.
    Add {
        /// Where it listens: http:// or https://.
        url: String,
        /// Of what: accepted, paid, cancelled, expired, packed, shipped, delivered, refunded. By
        /// default of all.
        #[arg(long, value_delimiter = ',')]
        kinds: Vec<OrderEvent>,
        /// A secret of its own, `whsec_…`, instead of one that is drawn.
        #[arg(long)]
        secret: Option<String>,
    },
    /// List who is told.
    List {
        /// As JSON.
        #[arg(long)]
        json: bool,
    },
    /// Tell it again: what waited, and what comes.
    On {
        /// The subscription.
        id: u64,
    },
    /// Tell it nothing until it is switched on; what it was not told in three days is given up.
    Off {
        /// The subscription.
        id: u64,
    },
    /// Tell it nothing any more.
    Remove {
        /// The subscription.
        id: u64,
    },
    /// Show what a subscriber was told, the latest first, with each attempt.
    Log {
        /// The subscription.
        id: u64,
        /// Deliveries at most.
        #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=500))]
        limit: u32,
        /// Below this delivery.
        #[arg(long, default_value_t = u64::MAX)]
        before: u64,
        /// As JSON.
        #[arg(long)]
        json: bool,
    },
    /// Tell it anew what it was told, under the same ids: one delivery, or a span of time.
    Replay(Replay),
}

#[derive(Args)]
pub(crate) struct Replay {
    /// A delivery of the log.
    #[arg(long, conflicts_with_all = ["subscription", "from", "until"], required_unless_present = "subscription")]
    delivery: Option<u64>,
    /// All that this subscription was told ...
    #[arg(long, requires_all = ["from", "until"])]
    subscription: Option<u64>,
    /// ... of what happened from here on, such as 2026-11-27T12:00:00Z ...
    #[arg(long, value_parser = when::parse)]
    from: Option<UnixMillis>,
    /// ... and before this.
    #[arg(long, value_parser = when::parse)]
    until: Option<UnixMillis>,
}

pub(crate) async fn run(command: Command, stores: &Stores) -> anyhow::Result<()> {
    let ledger = stores.ledger().await?;
    let actor = actor::shell();
    match command {
        Command::Add { url, kinds, secret } => {
            let kinds = if kinds.is_empty() {
                OrderEvent::ALL.to_vec()
            } else {
                kinds
            };
            let ids = stores.ids(&ledger).await?;
            let secret = secret.as_deref();
            let (id, secret) = subscribe(&ledger, &ids, &url, kinds, secret, &actor).await?;
            println!("{id}\n{}", secret.to_text());
        }
        Command::List { json } => list(&ledger.subscriptions().await?, json),
        Command::On { id } => {
            ensure!(
                ledger.switch_subscription(id, true, &actor).await?,
                unknown(id)
            );
            println!("subscription {id} is on");
        }
        Command::Off { id } => {
            ensure!(
                ledger.switch_subscription(id, false, &actor).await?,
                unknown(id)
            );
            println!("subscription {id} is off");
        }
        Command::Remove { id } => {
            ensure!(ledger.remove_subscription(id, &actor).await?, unknown(id));
            println!("subscription {id} is removed");
        }
        Command::Log {
            id,
            limit,
            before,
            json,
        } => {
            ensure!(ledger.subscription(id).await?.is_some(), unknown(id));
            for delivery in ledger.deliveries(id, before, limit).await? {
                show(&ledger, &delivery, json).await?;
            }
        }
        Command::Replay(replay) => match (replay.delivery, replay.subscription) {
            (Some(id), _) => {
                if !ledger.replay_delivery(id, &actor).await? {
                    bail!("there is no delivery {id}, or it is not done");
                }
                println!("delivery {id} is told anew");
            }
            (None, Some(id)) => {
                ensure!(ledger.subscription(id).await?.is_some(), unknown(id));
                let (from, until) = (replay.from, replay.until);
                let span = from.unwrap_or_default()..until.unwrap_or_default();
                ensure!(span.start < span.end, "the span ends before it begins");
                let count = ledger.replay_deliveries(id, span.start, span.end, &actor);
                println!("{} deliveries are told anew", count.await?);
            }
            (None, None) => bail!("name a --delivery, or a --subscription with --from and --until"),
        },
    }
    Ok(())
}

fn unknown(id: u64) -> String {
    format!("there is no subscription {id}")
}

fn list(subscriptions: &[Subscription], json: bool) {
    if json {
        let views: Vec<Value> = subscriptions.iter().map(view).collect();
        println!("{}", json!({ "subscriptions": views }));
        return;
    }
    for subscription in subscriptions {
        let state = if subscription.active { "on" } else { "off" };
        let kinds: Vec<&str> = kinds(subscription);
        println!(
            "{} {state:<3} {} {}",
            subscription.new.id,
            subscription.new.url,
            kinds.join(",")
        );
        if let Some(since) = subscription.failing_since {
            let failures = subscription.failures;
            println!("    {failures} attempts failed since {}", when::show(since));
        }
    }
}

fn kinds(subscription: &Subscription) -> Vec<&'static str> {
    let kinds = subscription.new.kinds.iter();
    kinds.map(|kind| kind.as_str()).collect()
}

fn view(subscription: &Subscription) -> Value {
    json!({
        "id": subscription.new.id.to_string(),
        "url": subscription.new.url,
        "kinds": kinds(subscription),
        "active": subscription.active,
        "failures": subscription.failures,
        "failing_since_ms": subscription.failing_since,
        "created_at_ms": subscription.created_at,
    })
}

async fn show(ledger: &Ledger, delivery: &DeliveryRow, json: bool) -> anyhow::Result<()> {
    let attempts = ledger.attempts(delivery.id).await?;
    if json {
        let attempts: Vec<Value> = attempts
            .iter()
            .map(|(at, attempt)| {
                json!({
                    "at_ms": at, "status": attempt.status, "error": attempt.error,
                    "took_ms": attempt.took_ms,
                })
            })
            .collect();
        let view = json!({
            "delivery": delivery.id.to_string(),
            "order_id": delivery.order,
            "kind": delivery.kind.as_str(),
            "state": delivery.state,
            "happened_at_ms": delivery.happened_at,
            "due_at_ms": delivery.due_at,
            "attempts": attempts,
        });
        println!("{view}");
        return Ok(());
    }
    println!(
        "{} order {} {:<9} {:<9} {}",
        delivery.id,
        delivery.order,
        delivery.kind.as_str(),
        delivery.state,
        when::show(delivery.happened_at)
    );
    for (at, attempt) in attempts {
        let status = attempt
            .status
            .map_or("-".to_owned(), |status| status.to_string());
        let error = attempt.error.unwrap_or_default();
        println!(
            "    {} {status} in {} ms {error}",
            when::show(at),
            attempt.took_ms
        );
    }
    Ok(())
}
