//! Messages to shoppers, by SMTP.
//!
//! Invariant: a message says who sent it and why, and holds no secret but its own code.

use kernel::wire::CodePurpose;
use lettre::message::Mailbox;
use lettre::{AsyncSmtpTransport, AsyncTransport, Message, Tokio1Executor};
use std::time::Duration;

/// How long the mail server may take.
const TIMEOUT: Duration = Duration::from_secs(5);

/// Why a message was not sent.
#[derive(Debug, thiserror::Error)]
pub enum MailError {
    /// Sender or recipient is no address.
    #[error("not an e-mail address")]
    Address(#[from] lettre::address::AddressError),
    /// The message could not be put together.
    #[error("the message could not be written")]
    Message(#[from] lettre::error::Error),
    /// The mail server did not take it.
    #[error("the mail server did not take the message")]
    Smtp(#[from] lettre::transport::smtp::Error),
}

#[derive(Clone, Debug)]
pub(super) struct Mailer {
    transport: AsyncSmtpTransport<Tokio1Executor>,
    from: Mailbox,
}

impl Mailer {
    pub(super) fn new(smtp_url: &str, from: &str) -> Result<Self, MailError> {
        let transport = AsyncSmtpTransport::<Tokio1Executor>::from_url(smtp_url)?;
        Ok(Self {
            transport: transport.timeout(Some(TIMEOUT)).build(),
            from: from.parse()?,
        })
    }

    pub(super) async fn send_code(
        &self,
        to: &str,
        purpose: CodePurpose,
        code: &str,
    ) -> Result<(), MailError> {
        let what = match purpose {
            CodePurpose::Register => "finish signing up",
            CodePurpose::Reset => "choose a new password",
        };
        let text = format!(
            "Hello,\n\nyour code to {what} is\n\n    {code}\n\n\
             It is valid for ten minutes. If you did not ask for it, somebody may have mistyped \
             their address; you need not do anything.\n"
        );
        self.send(to, format!("Your code: {code}"), text).await
    }

    pub(super) async fn send_already_registered(&self, to: &str) -> Result<(), MailError> {
        let text = "Hello,\n\nsomebody, probably you, tried to sign up with this address. It has \
                    an account already: please sign in, or ask for a new password if you forgot \
                    it.\n";
        self.send(
            to,
            "You already have an account".to_owned(),
            text.to_owned(),
        )
        .await
    }

    pub(super) async fn send_not_registered(&self, to: &str) -> Result<(), MailError> {
        let text = "Hello,\n\nsomebody, probably you, asked for a new password for this address. \
                    It has no account here. You can sign up with it, or try another address.\n";
        self.send(to, "You have no account here".to_owned(), text.to_owned())
            .await
    }

    async fn send(&self, to: &str, subject: String, text: String) -> Result<(), MailError> {
        let message = Message::builder()
            .from(self.from.clone())
            .to(to.parse()?)
            .subject(subject)
            .body(text)?;
        self.transport.send(message).await?;
        Ok(())
    }
}
