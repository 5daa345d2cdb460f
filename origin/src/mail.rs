//! Mail: what every room sends it with.
//!
//! Invariant: a message has one recipient, and what the mail server has not taken was not sent.

use lettre::message::{Mailbox, MultiPart, header};
use lettre::{Address, AsyncSmtpTransport, AsyncTransport, Message, Tokio1Executor};
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

/// A message in two forms that say the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Letter {
    /// One line.
    pub subject: String,
    /// Plain text.
    pub text: String,
    /// HTML.
    pub html: String,
}

/// A sender and its connections to the mail server; clones share them.
#[derive(Clone, Debug)]
pub struct Mailer {
    transport: AsyncSmtpTransport<Tokio1Executor>,
    from: Mailbox,
}

impl Mailer {
    /// Sends by `smtp://host:port`, or `smtps://user:password@host`; `from` is `Shop <shop@host>`.
    pub fn new(smtp_url: &str, from: &str) -> Result<Self, MailError> {
        let transport = AsyncSmtpTransport::<Tokio1Executor>::from_url(smtp_url)?;
        Ok(Self {
            transport: transport.timeout(Some(TIMEOUT)).build(),
            from: from.parse()?,
        })
    }

    /// Sends a plain text.
    pub async fn send(&self, to: &str, subject: String, text: String) -> Result<(), MailError> {
        let message = Message::builder()
            .from(self.from.clone())
            .to(to.parse()?)
            .subject(subject)
            .body(text)?;
        self.transport.send(message).await?;
        Ok(())
    }

    /// Sends a letter under a name of its own: sent again, mailboxes can tell that it is the same,
    /// as its Message-ID (RFC 5322) is.
    pub async fn send_letter(
        &self,
        to: Address,
        name: &str,
        letter: Letter,
    ) -> Result<(), MailError> {
        let message_id = format!("<{name}@{}>", self.from.email.domain());
        let message = Message::builder()
            .from(self.from.clone())
            .to(Mailbox::new(None, to))
            .message_id(Some(message_id))
            .subject(letter.subject)
            .header(AutoSubmitted)
            .multipart(MultiPart::alternative_plain_html(letter.text, letter.html))?;
        self.transport.send(message).await?;
        Ok(())
    }
}

/// `Auto-Submitted: auto-generated` (RFC 3834): nobody's holiday notice answers it.
#[derive(Clone, Copy)]
struct AutoSubmitted;

impl header::Header for AutoSubmitted {
    fn name() -> header::HeaderName {
        header::HeaderName::new_from_ascii_str("Auto-Submitted")
    }

    fn parse(_: &str) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        Ok(Self)
    }

    fn display(&self) -> header::HeaderValue {
        header::HeaderValue::new(Self::name(), "auto-generated".to_owned())
    }
}
