//! `doorbuster account`.

use crate::{Stores, actor};
use clap::Subcommand;
use kernel::ids::AccountId;
use origin::accounts::{add, erase, export};

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Make an account without a code, for a demo or a helper, and print its id.
    Add {
        /// An e-mail address, or a mobile number such as +4915123456789.
        #[arg(long)]
        contact: String,
        /// How the shopper is called.
        #[arg(long)]
        name: String,
        /// 8 to 128 characters.
        #[arg(long)]
        password: String,
    },
    /// Print all that the shop knows of somebody, as JSON. It is noted in the operator log.
    Export {
        /// The account.
        id: AccountId,
    },
    /// Erase an account: name, contact, addresses. Its orders stay, and say no more whose they were.
    /// Refused while an order is not over. It is noted in the operator log.
    Erase {
        /// The account.
        id: AccountId,
    },
}

pub(crate) async fn run(command: Command, stores: &Stores) -> anyhow::Result<()> {
    let ledger = stores.ledger().await?;
    match command {
        Command::Add {
            contact,
            name,
            password,
        } => {
            let ids = stores.ids(&ledger).await?;
            let account = add(&ledger, &ids, &contact, &name, &password).await?;
            println!("{}", account.id);
        }
        Command::Export { id } => {
            let stock = stores.stock().await?;
            let export = export(&ledger, &stock, &actor::shell(), id).await?;
            println!("{}", serde_json::to_string_pretty(&export)?);
        }
        Command::Erase { id } => {
            let stock = stores.stock().await?;
            erase(&ledger, &stock, &actor::shell(), id).await?;
            println!("account {id} is erased");
        }
    }
    Ok(())
}
