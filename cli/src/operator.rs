//! `doorbuster operator`.
//!
//! Invariant: what is secret is printed once, when it is made.

use crate::desk::{Desk, segment, text};
use crate::terminal;
use clap::{Args, Subcommand};
use origin::ledger::Role;
use serde_json::{Value, json};

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Add an operator; print a password and what an app for one-time codes needs.
    Add {
        /// 1 to 32 lower-case letters, digits, `.`, `-` and `_`.
        name: String,
        /// viewer, seller or admin.
        #[arg(long)]
        role: Role,
        #[command(flatten)]
        password: Password,
    },
    /// List operators.
    List {
        /// As JSON.
        #[arg(long)]
        json: bool,
    },
    /// Shut an operator out at once, everywhere.
    Disable {
        /// Who.
        name: String,
    },
    /// Let a disabled operator in again.
    Enable {
        /// Who.
        name: String,
    },
    /// Give an operator another role; they sign in anew.
    Role {
        /// Who.
        name: String,
        /// viewer, seller or admin.
        role: Role,
    },
    /// Give an operator another secret for codes: their phone is lost.
    ResetTotp {
        /// Who.
        name: String,
    },
    /// Give an operator another password.
    ResetPassword {
        /// Who.
        name: String,
        #[command(flatten)]
        password: Password,
    },
}

#[derive(Args)]
pub(crate) struct Password {
    /// Ask for the password, 12 to 128 characters, instead of making one.
    #[arg(long)]
    ask_password: bool,
}

impl Password {
    fn get(&self) -> anyhow::Result<Option<String>> {
        self.ask_password
            .then(|| terminal::secret("Password: "))
            .transpose()
    }
}

pub(crate) async fn run(command: Command, desk: &Desk) -> anyhow::Result<()> {
    let path = |name: &str, what: &str| format!("operators/{}{what}", segment(name));
    match command {
        Command::Add {
            name,
            role,
            password,
        } => {
            let body = json!({ "name": name, "role": role, "password": password.get()? });
            let added = desk.post("operators", Some(&body)).await?;
            println!("operator   {name}, {role}");
            print_secrets(&added);
        }
        Command::List { json } => {
            let list = desk.get("operators").await?;
            let rows = list["operators"].as_array().cloned().unwrap_or_default();
            if json {
                println!("{}", Value::Array(rows));
            } else {
                for row in &rows {
                    let disabled = if row["disabled"] == true {
                        "  disabled"
                    } else {
                        ""
                    };
                    println!("{:<32}  {}{disabled}", text(row, "name"), text(row, "role"));
                }
            }
        }
        Command::Disable { name } => {
            desk.post(&path(&name, "/disable"), None).await?;
            println!("{name} is disabled and signed out everywhere");
        }
        Command::Enable { name } => {
            desk.post(&path(&name, "/enable"), None).await?;
            println!("{name} may sign in again");
        }
        Command::Role { name, role } => {
            let body = json!({ "role": role });
            desk.post(&path(&name, "/role"), Some(&body)).await?;
            println!("{name} is a {role} now, and signed out everywhere");
        }
        Command::ResetTotp { name } => {
            let reset = desk.post(&path(&name, "/totp"), None).await?;
            println!("operator   {name}, signed out everywhere");
            print_secrets(&reset);
        }
        Command::ResetPassword { name, password } => {
            let body = json!({ "password": password.get()? });
            let reset = desk.post(&path(&name, "/password"), Some(&body)).await?;
            println!("operator   {name}, signed out everywhere");
            print_secrets(&reset);
        }
    }
    Ok(())
}

/// What was made, to be handed over now: nobody can show it again.
fn print_secrets(answer: &Value) {
    if let Some(password) = answer["password"].as_str() {
        println!("password   {password}");
    }
    if let Some(secret) = answer["totp"]["secret"].as_str() {
        println!("secret     {secret}");
        println!("for an app {}", text(&answer["totp"], "otpauth_url"));
    }
}
