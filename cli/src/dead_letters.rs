//! `doorbuster dead-letters`.

use crate::{Stores, when};
use anyhow::{Context, bail};
use clap::Subcommand;
use origin::orders::dead_letters::{Retried, order_of, retry};
use origin::queue::DeadLetter;
use origin::stock::Held;
use serde_json::json;

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

pub(crate) async fn run(command: Command, stores: &Stores) -> anyhow::Result<()> {
    match command {
        Command::List { from, json } => {
            let letters = stores.queue().await?.dead_letters(from, LIST_MAX).await?;
            if json {
                let views: Vec<_> = letters.iter().map(view).collect();
                println!("{}", json!({ "dead_letters": views }));
            } else {
                letters.iter().for_each(print_line);
            }
        }
        Command::Show { number, json } => {
            let letter = stores.queue().await?.dead_letter(number).await?;
            let letter = letter.with_context(|| unknown(number))?;
            if json {
                println!("{}", view(&letter));
            } else {
                print_letter(&letter);
            }
        }
        Command::Retry { number } => {
            let outcome = retry(&stores.all().await?, number).await?;
            let Retried::Placed(order) = outcome else {
                bail!(why_not(number, &outcome));
            };
            println!("{order}");
        }
        Command::Drop { number } => {
            if !stores.queue().await?.drop_dead_letter(number).await? {
                bail!(unknown(number));
            }
            println!("dead letter {number} is deleted");
        }
    }
    Ok(())
}

fn unknown(number: u64) -> String {
    format!("there is no dead letter {number}")
}

fn why_not(number: u64, outcome: &Retried) -> String {
    let why = match outcome {
        Retried::Placed(_) => "it is placed",
        Retried::Unknown => return unknown(number),
        Retried::Unreadable => "it carries no order that can be read",
        Retried::Live(state) => {
            let state = state.as_str();
            return format!("dead letter {number} is not placed anew: its order is {state} by now");
        }
        Retried::Refused(held) => match held {
            Held::Short => "sold out: fewer units are left than it asks for",
            Held::OverLimit => "its account holds as many units of this sale as one may",
            Held::Closed => "the sale is over",
            Held::Early => "the sale has not opened",
            Held::Paused => "the sale is paused",
            Held::Counting => "the stock of the sale is being counted anew; try again",
            Held::Yes(_) | Held::Decided | Held::Taken => "the new id was used before; try again",
        },
    };
    format!("dead letter {number} is not placed anew: {why}")
}

fn view(letter: &DeadLetter) -> serde_json::Value {
    let order = order_of(letter);
    json!({
        "number": letter.number,
        "at_ms": letter.at,
        "order_id": order.as_ref().map(|order| order.order_id),
        "sale_id": order.as_ref().map(|order| order.sale_id),
        "account_id": order.as_ref().map(|order| order.account_id),
        "quantity": order.as_ref().map(|order| order.quantity),
        "reason": letter.reason,
        "deliveries": letter.deliveries,
        "payload": String::from_utf8_lossy(&letter.payload),
    })
}

fn print_line(letter: &DeadLetter) {
    let (order, sale) = ids(letter);
    println!(
        "{:<6} {} order {order:<20} sale {sale:<20} {} deliveries: {}",
        letter.number,
        when::show(letter.at),
        letter.deliveries,
        letter.reason
    );
}

fn print_letter(letter: &DeadLetter) {
    let (order, sale) = ids(letter);
    println!("number     {}", letter.number);
    println!("given up   {}", when::show(letter.at));
    println!("order      {order}");
    println!("sale       {sale}");
    println!("deliveries {}", letter.deliveries);
    println!("reason     {}", letter.reason);
    println!("message    {}", String::from_utf8_lossy(&letter.payload));
}

/// Of the order and its sale, as far as they can be read.
fn ids(letter: &DeadLetter) -> (String, String) {
    let order = order_of(letter);
    order.map_or_else(
        || ("-".to_owned(), "-".to_owned()),
        |order| (order.order_id.to_string(), order.sale_id.to_string()),
    )
}
