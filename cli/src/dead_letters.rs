//! `doorbuster dead-letters`.

use crate::desk::{Desk, text};
use crate::when;
use clap::Subcommand;
use kernel::time::UnixMillis;
use serde_json::{Value, json};

/// Letters on a list at most.
const LIST_MAX: usize = 1_000;

#[derive(Subcommand)]
pub(crate) enum Command {
    /// List messages that could not be decided, the oldest first, at most 1,000.
    List {
        /// From this number on.
        #[arg(long, default_value_t = 1)]
        from: u64,
        /// As JSON.
        #[arg(long)]
        json: bool,
    },
    /// Show one with the message it carries.
    Show {
        /// Its number on the list.
        number: u64,
        /// As JSON.
        #[arg(long)]
        json: bool,
    },
    /// Place its order anew, under a new id, if there are units left.
    Retry {
        /// Its number on the list.
        number: u64,
    },
    /// Delete it.
    Drop {
        /// Its number on the list.
        number: u64,
    },
}

pub(crate) async fn run(command: Command, desk: &Desk) -> anyhow::Result<()> {
    match command {
        Command::List { from, json } => {
            let cursor = from.saturating_sub(1);
            let path = format!("dead-letters?cursor={cursor}&limit={LIST_MAX}");
            let list = desk.get(&path).await?;
            if json {
                println!("{}", json!({ "dead_letters": list["dead_letters"] }));
            } else {
                let letters = list["dead_letters"].as_array();
                letters.into_iter().flatten().for_each(print_line);
            }
        }
        Command::Show { number, json } => {
            let letter = desk.get(&format!("dead-letters/{number}")).await?;
            if json {
                println!("{letter}");
            } else {
                print_letter(&letter);
            }
        }
        Command::Retry { number } => {
            let path = format!("dead-letters/{number}/retry");
            let placed = desk.post(&path, None).await?;
            println!("{}", text(&placed, "order_id"));
        }
        Command::Drop { number } => {
            let path = format!("dead-letters/{number}");
            desk.send("DELETE", &path, None).await?;
            println!("dead letter {number} is deleted");
        }
    }
    Ok(())
}

fn at(letter: &Value) -> String {
    when::show(UnixMillis(letter["at_ms"].as_i64().unwrap_or_default()))
}

fn print_line(letter: &Value) {
    println!(
        "{:<6} {} order {:<20} sale {:<20} {} deliveries: {}",
        text(letter, "number"),
        at(letter),
        text(letter, "order_id"),
        text(letter, "sale_id"),
        text(letter, "deliveries"),
        text(letter, "reason")
    );
}

fn print_letter(letter: &Value) {
    println!("number     {}", text(letter, "number"));
    println!("given up   {}", at(letter));
    println!("order      {}", text(letter, "order_id"));
    println!("sale       {}", text(letter, "sale_id"));
    println!("deliveries {}", text(letter, "deliveries"));
    println!("reason     {}", text(letter, "reason"));
    println!("message    {}", text(letter, "payload"));
}
