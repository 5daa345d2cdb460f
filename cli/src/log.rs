//! `doorbuster log`.

use crate::desk::{Desk, text};
use crate::when;
use clap::Args;
use kernel::time::UnixMillis;
use serde_json::Value;
use std::fmt::Write;

#[derive(Args)]
pub(crate) struct Arguments {
    /// Of one actor: `operator:ada`, `shell:root`.
    #[arg(long)]
    actor: Option<String>,
    /// Of one kind: `sale.pause`.
    #[arg(long)]
    action: Option<String>,
    /// About one thing: `sale:123`, `operator:ada`.
    #[arg(long)]
    subject: Option<String>,
    /// From this instant on.
    #[arg(long, value_parser = when::parse)]
    from: Option<UnixMillis>,
    /// Before this instant.
    #[arg(long, value_parser = when::parse)]
    to: Option<UnixMillis>,
    /// The `next_cursor` of the page before.
    #[arg(long)]
    cursor: Option<u64>,
    /// Lines, 1 to 1,000.
    #[arg(long, default_value_t = 100)]
    limit: u32,
    /// As JSON.
    #[arg(long)]
    json: bool,
}

pub(crate) async fn run(arguments: Arguments, desk: &Desk) -> anyhow::Result<()> {
    let mut path = format!("log?limit={}", arguments.limit);
    let texts = [
        ("actor", arguments.actor),
        ("action", arguments.action),
        ("subject", arguments.subject),
        ("from_ms", arguments.from.map(|time| time.0.to_string())),
        ("to_ms", arguments.to.map(|time| time.0.to_string())),
        ("cursor", arguments.cursor.map(|cursor| cursor.to_string())),
    ];
    for (name, value) in texts {
        if let Some(value) = value {
            write!(path, "&{name}={}", crate::desk::segment(&value))?;
        }
    }
    let page = desk.get(&path).await?;
    if arguments.json {
        println!("{page}");
        return Ok(());
    }
    for line in page["lines"].as_array().into_iter().flatten() {
        print(line);
    }
    if let Some(cursor) = page["next_cursor"].as_str() {
        println!("older lines: --cursor {cursor}");
    }
    Ok(())
}

fn print(line: &Value) {
    let at = when::show(UnixMillis(line["at_ms"].as_i64().unwrap_or_default()));
    let word = |name| text(line, name);
    println!(
        "{at}  {}  {}  {}  {} -> {}",
        word("actor"),
        word("action"),
        word("subject"),
        word("before"),
        word("after")
    );
}
