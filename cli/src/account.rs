//! `doorbuster account`.

use crate::Stores;
use clap::Subcommand;
use origin::accounts::add;

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Make an account without a code, for a demo or a helper, and print its id.
    Add {
        /// An e-mail address.
        #[arg(long)]
        contact: String,
        /// How the shopper is called.
        #[arg(long)]
        name: String,
        /// 8 to 128 characters.
        #[arg(long)]
        password: String,
    },
}

pub(crate) async fn run(command: Command, stores: &Stores) -> anyhow::Result<()> {
    let Command::Add {
        contact,
        name,
        password,
    } = command;
    let ledger = stores.ledger().await?;
    let ids = stores.ids(&ledger).await?;
    println!(
        "{}",
        add(&ledger, &ids, &contact, &name, &password).await?.id
    );
    Ok(())
}
