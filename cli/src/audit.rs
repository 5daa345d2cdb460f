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
        let verdict = if check.findings.is_empty() {
            "holds"
        } else {
            "BROKEN"
        };
        println!("{:<18} {verdict}", check.invariant);
        for finding in &check.findings {
            println!("    {finding}");
        }
    }
    let verdict = if report.holds {
        "All invariants hold."
    } else {
        "The books do not balance."
    };
    println!("{verdict}");
}
