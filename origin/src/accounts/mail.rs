//! Mail to shoppers, by SMTP.
//!
//! Invariant: a message goes to one address, and says who sent it.

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

    pub(super) async fn send(
        &self,
        to: &str,
        subject: String,
        text: String,
    ) -> Result<(), MailError> {
        let message = Message::builder()
            .from(self.from.clone())
            .to(to.parse()?)
            .subject(subject)
            .body(text)?;
        self.transport.send(message).await?;
        Ok(())
    }
}
