//! `doorbuster payments`.

use crate::{Stores, actor, when};
use anyhow::bail;
use clap::{Args, Subcommand};
use kernel::ids::RefundId;
use kernel::time::UnixMillis;
use origin::ledger::{RefundRow, RefundState};
use origin::payments::{Compared, Provider, Span, compare_payments, refund_view};
use origin::settings::{PaymentSettings, Reader};
use serde_json::json;
use std::process::ExitCode;

/// Refunds on a list at most.
const LIST_MAX: u32 = 1_000;

#[derive(Subcommand)]
pub(crate) enum Command {
    /// List refunds, the newest first, at most 1,000.
    Refunds {
        /// Those alone that failed at the provider.
        #[arg(long)]
        failed: bool,
        /// Those older than this one.
        #[arg(long)]
        before: Option<RefundId>,
        /// As JSON.
        #[arg(long)]
        json: bool,
    },
    /// Try a refund that failed at the provider once more.
    Retry {
        /// The refund.
        id: RefundId,
    },
    /// Compare the provider's list with our payments and refunds; exit 1 if they differ, 2 if that could
    /// not be done.
    Compare(Comparing),
}

#[derive(Args)]
pub(crate) struct Comparing {
    /// From when on: an instant such as 2026-11-27T00:00:00Z; by default the beginning of yesterday, UTC.
    #[arg(long, value_parser = when::parse)]
    from: Option<UnixMillis>,
    /// Until before when; by default the end of today, UTC.
    #[arg(long, value_parser = when::parse)]
    to: Option<UnixMillis>,
    /// As JSON.
    #[arg(long)]
    json: bool,
}

pub(crate) async fn run(command: Command, stores: &Stores) -> anyhow::Result<ExitCode> {
    match command {
        Command::Refunds {
            failed,
            before,
            json,
        } => {
            let before = before.map_or(u64::MAX, |before| before.0);
            let ledger = stores.ledger().await?;
            let refunds = ledger.refunds(failed, before, LIST_MAX).await?;
            if json {
                let views: Vec<_> = refunds.iter().map(refund_view).collect();
                println!("{}", json!({ "refunds": views }));
            } else {
                refunds.iter().for_each(print_line);
            }
        }
        Command::Retry { id } => {
            let ledger = stores.ledger().await?;
            match ledger.retry_refund(&actor::shell(), id).await? {
                None => bail!("there is no refund {id}"),
                Some(RefundState::Failed) => println!("refund {id} is tried anew"),
                Some(state) => bail!(
                    "refund {id} is {}: only one that failed is tried anew",
                    state.as_str()
                ),
            }
        }
        Command::Compare(arguments) => return compare(&arguments, stores).await,
    }
    Ok(ExitCode::SUCCESS)
}

async fn compare(arguments: &Comparing, stores: &Stores) -> anyhow::Result<ExitCode> {
    let mut reader = Reader::from_environment();
    let settings = PaymentSettings::read(&mut reader);
    reader.finish()?;
    let default = Span::two_days(origin::now());
    let span = Span {
        from: arguments.from.unwrap_or(default.from),
        to: arguments.to.unwrap_or(default.to),
    };
    if span.from >= span.to {
        bail!("--from must be before --to");
    }
    let provider = Provider::new(settings)?;
    let compared = compare_payments(&stores.ledger().await?, &provider, span).await?;
    if arguments.json {
        let view = json!({
            "provider": provider.name(),
            "from_ms": span.from,
            "to_ms": span.to,
            "there": compared.there,
            "here": compared.here,
            "differences": compared.differences,
        });
        println!("{view}");
    } else {
        print_compared(&compared);
    }
    Ok(if compared.differences.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

fn print_compared(compared: &Compared) {
    for difference in &compared.differences {
        println!("{difference}");
    }
    let (there, here) = (compared.there, compared.here);
    let verdict = match compared.differences.len() {
        0 => "Nothing differs".to_owned(),
        1 => "1 DIFFERENCE".to_owned(),
        many => format!("{many} DIFFERENCES"),
    };
    println!("{verdict}: {there} payments at the provider, {here} paid here.");
}

fn print_line(refund: &RefundRow) {
    let why = refund.last_error.as_deref().unwrap_or_default();
    println!(
        "{:<20} {} order {:<20} {:>14} {:<9} {:<8} {why}",
        refund.key.refund,
        when::show(refund.created_at),
        refund.order,
        refund.amount.to_string(),
        refund.reason,
        refund.state.as_str(),
    );
}
