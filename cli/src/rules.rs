//! `doorbuster rules`.
//!
//! Invariant: nothing is written that `rules check` refuses; what is written acts at every origin
//! within two seconds, and `rules status` shows whether it does.

mod file;

use crate::{Stores, actor, when};
use anyhow::bail;
use clap::Subcommand;
use kernel::flow::{Each, Limit, Mode, Rule, RuleSet};
use origin::flow::{Shown, apply, history, rollback, show, view, view_origin};
use origin::ledger::OriginRow;
use serde_json::{Value, json};
use std::path::PathBuf;

/// Versions of a history if nothing else is asked for, and at most.
const HISTORY_DEFAULT: u32 = 20;
const HISTORY_MAX: u32 = 1_000;

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Show the rules in force, or a former version; 0 is what the program ships.
    Show {
        /// The version.
        version: Option<u64>,
        /// As JSON, which `apply` takes again.
        #[arg(long)]
        json: bool,
    },
    /// List the versions, the newest first: who wrote each, and why.
    History {
        /// How many.
        #[arg(long, default_value_t = HISTORY_DEFAULT,
              value_parser = clap::value_parser!(u32).range(1..=i64::from(HISTORY_MAX)))]
        limit: u32,
        /// As JSON.
        #[arg(long)]
        json: bool,
    },
    /// Say what is wrong with a file of rules, and where. Needs no store.
    Check {
        /// `.toml` or `.json`.
        file: PathBuf,
    },
    /// Put the rules of a file into force.
    Apply {
        /// `.toml` or `.json`.
        file: PathBuf,
        /// The reason, for those who read the history.
        #[arg(long)]
        why: String,
    },
    /// Put the rules of a former version into force again, as a new version.
    Rollback {
        /// The former version.
        version: u64,
        /// The reason, for those who read the history.
        #[arg(long)]
        why: String,
    },
    /// Show which origins live, and which version each applies.
    Status {
        /// As JSON.
        #[arg(long)]
        json: bool,
    },
}

/// `rules check`.
pub(crate) fn check(file: &std::path::Path) -> anyhow::Result<()> {
    let set = file::read(file)?;
    println!("{} rules, nothing is wrong with them", set.rules.len());
    Ok(())
}

pub(crate) async fn run(command: Command, stores: &Stores) -> anyhow::Result<()> {
    match command {
        Command::Check { file } => check(&file)?,
        Command::Show { version, json } => {
            let shown = show(&stores.ledger().await?, version).await?;
            print_rules(&shown, json)?;
        }
        Command::History { limit, json } => {
            let shown = history(&stores.ledger().await?, limit).await?;
            if json {
                println!("{}", Value::Array(shown.iter().map(view).collect()));
            } else {
                shown.iter().for_each(print_version);
            }
        }
        Command::Apply { file, why } => {
            // A file with faults is told before anything is asked of MySQL.
            let set = file::read(&file)?;
            let version = apply(&stores.ledger().await?, &actor::shell(), &set, &why).await?;
            println!("version {version} is in force");
        }
        Command::Rollback { version, why } => {
            let ledger = stores.ledger().await?;
            let new = rollback(&ledger, &actor::shell(), version, &why).await?;
            println!("version {new} is in force, with the rules of version {version}");
        }
        Command::Status { json } => {
            let ledger = stores.ledger().await?;
            let newest = ledger.rules_now().await?.version;
            let origins = ledger.origins().await?;
            if json {
                let origins: Vec<Value> = origins.iter().map(view_origin).collect();
                println!("{}", json!({ "newest": newest, "origins": origins }));
            } else {
                println!("newest   version {newest}");
                for origin in &origins {
                    print_origin(origin, newest);
                }
            }
        }
    }
    Ok(())
}

fn print_rules(shown: &Shown, json: bool) -> anyhow::Result<()> {
    let version = shown.version;
    let rules: RuleSet = match &shown.rules {
        Ok(rules) => rules.clone(),
        Err(faults) => bail!("version {version} cannot be read by this program: {faults}"),
    };
    if json {
        println!("{}", serde_json::to_string_pretty(&rules)?);
        return Ok(());
    }
    print_version(shown);
    for rule in &rules.rules {
        print_rule(rule);
    }
    Ok(())
}

fn print_version(shown: &Shown) {
    let Shown {
        version,
        author,
        why,
        created_at,
        rules,
    } = shown;
    let time = if created_at.0 == 0 {
        "-".to_owned()
    } else {
        when::show(*created_at)
    };
    let count = match rules {
        Ok(set) => format!("{} rules", set.rules.len()),
        Err(_) => "cannot be read by this program".to_owned(),
    };
    println!("version {version:<4} {time}  {author}: {why} ({count})");
}

fn print_rule(rule: &Rule) {
    let Rule {
        name,
        routes,
        each,
        mode,
        limit,
    } = rule;
    let mode = match mode {
        Mode::On => "on",
        Mode::DryRun => "dry-run",
        Mode::Off => "off",
    };
    let each = match each {
        Each::All => "",
        Each::Account => " each account",
        Each::Sale => " each sale",
        Each::AccountAndSale => " each account and sale",
    };
    let routes = routes.join(", ");
    println!("  {name:<20} {mode:<7} {}{each}, on {routes}", words(limit));
}

fn words(limit: &Limit) -> String {
    let per = |seconds| if seconds == 1 { "s" } else { "min" };
    match limit {
        Limit::Rate(rate) => {
            let per = per(rate.per.seconds());
            format!("{}/{per}, {} at once", rate.requests, rate.burst)
        }
        Limit::Concurrency(concurrency) => format!("{} in flight", concurrency.in_flight),
        Limit::Pacing(pacing) => {
            let per = per(pacing.per.seconds());
            format!(
                "paced at {}/{per}, waiting {} ms",
                pacing.requests, pacing.max_wait_ms
            )
        }
        Limit::Adaptive(adaptive) => {
            let frozen = if adaptive.frozen { ", frozen" } else { "" };
            format!("{} to {} in flight{frozen}", adaptive.min, adaptive.max)
        }
        Limit::Breaker(breaker) => {
            let share = |percent: Option<u32>, what: &str| {
                percent.map(|percent| format!("{percent} % {what}"))
            };
            let slow = format!("above {} ms", breaker.slow_ms.unwrap_or_default());
            let shares = [
                share(breaker.error_percent, "errors"),
                share(breaker.slow_percent, &slow),
            ];
            let shares: Vec<String> = shares.into_iter().flatten().collect();
            format!("opens at {}", shares.join(" or "))
        }
    }
}

fn print_origin(origin: &OriginRow, newest: u64) {
    let OriginRow {
        beat,
        last_seen,
        live,
    } = origin;
    let word = if *live { "live" } else { "silent" };
    let note = match beat.refused {
        Some(version) => format!("  CANNOT READ version {version}"),
        None if beat.applied == newest => String::new(),
        None => "  not the newest".to_owned(),
    };
    let (address, version, seen) = (&beat.address, beat.applied, when::show(*last_seen));
    println!("{word:<8} version {version:<4} {address}  seen {seen}{note}");
}
