//! `doorbuster audit`.

use crate::Stores;
use clap::Args;
use origin::ops::audit::{Report, audit};
use std::process::ExitCode;

#[derive(Args)]
pub(crate) struct Arguments {
    /// As JSON.
    #[arg(long)]
    json: bool,
}

pub(crate) async fn run(arguments: &Arguments, stores: &Stores) -> anyhow::Result<ExitCode> {
    let report = audit(&stores.ledger().await?, &stores.stock().await?).await?;
    if arguments.json {
        println!("{}", serde_json::to_string(&report)?);
    } else {
        print_report(&report);
    }
    Ok(if report.holds {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

fn print_report(report: &Report) {
    for check in &report.checks {
        let verdict = match check.holds {
            Some(true) => "holds",
            Some(false) => "BROKEN",
            None => "not to be read from the stores; shown by tests",
        };
        println!("{:<18} {verdict}", check.invariant);
        for line in check.findings.iter().chain(&check.notes) {
            println!("    {line}");
        }
        // What was read needs no witness.
        let witnesses = check.shown_by.iter().filter(|_| check.holds.is_none());
        for test in witnesses {
            println!("    {test}");
        }
    }
    let verdict = if report.holds {
        "No invariant is broken"
    } else {
        "BROKEN"
    };
    println!("{verdict}: {} sales read.", report.sales);
}
