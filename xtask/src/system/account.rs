//! The demo buyer.

use std::fs;
use std::path::Path;

use serde::Serialize;

use super::programs::Cli;
use super::secrets::Secrets;

/// What to sign in with.
#[derive(Debug, Clone, Serialize)]
pub struct Account {
    pub contact: String,
    pub password: String,
}

/// Adds the buyer unless an earlier start did.
pub fn demo(data: &Path, cli: &Cli, secrets: &Secrets) -> anyhow::Result<Account> {
    let contact = "buyer@example.test";
    let password = &secrets.buyer_password;
    let added = data.join("buyer-added");
    if !added.exists() {
        let name = ["--name", "Demo Buyer", "--password", password];
        cli.run(&[&["account", "add", "--contact", contact], &name[..]].concat())?;
        fs::write(&added, "")?;
    }
    Ok(Account {
        contact: contact.to_owned(),
        password: password.clone(),
    })
}
