//! Messages to the owner of a contact: mail, or a text message.
//!
//! Invariant: a contact that cannot be reached is refused before anything is promised to it.

use super::error::{AccountError, field};
use super::texts::{TextError, Texter, texter};
use super::words::{Notice, short, words};
use crate::mail::{MailError, Mailer};
use crate::settings::AccountSettings;
use kernel::contact::Contact;
use kernel::language::Language;
use std::sync::Arc;

#[derive(Clone, Debug)]
pub(super) struct Messenger {
    mailer: Mailer,
    texter: Option<Arc<dyn Texter>>,
}

/// Why no messenger could be made.
#[derive(Debug, thiserror::Error)]
pub enum MessengerError {
    /// The mail server's address or the sender.
    #[error("DOORBUSTER_SMTP_URL or DOORBUSTER_MAIL_FROM is not right")]
    Mail(#[from] MailError),
    /// No HTTP client to be had.
    #[error("no client of the provider of text messages")]
    Text(#[from] TextError),
}

impl Messenger {
    pub(super) fn new(settings: &AccountSettings) -> Result<Self, MessengerError> {
        Ok(Self {
            mailer: Mailer::new(&settings.smtp_url.0, &settings.mail_from)?,
            texter: settings.texts.clone().map(texter).transpose()?,
        })
    }

    /// The contact that somebody typed, if it can be reached.
    pub(super) fn reachable(&self, text: &str) -> Result<Contact, AccountError> {
        let contact = read_contact(text)?;
        match contact {
            Contact::Phone(_) if self.texter.is_none() => Err(field(
                "contact",
                "This shop sends no text messages. Please give an e-mail address.",
            )),
            contact => Ok(contact),
        }
    }

    pub(super) async fn send(
        &self,
        to: &Contact,
        notice: Notice<'_>,
        language: Language,
    ) -> Result<(), AccountError> {
        match (to, &self.texter) {
            (Contact::Email(address), _) => {
                let (subject, text) = words(notice, language);
                Ok(self.mailer.send(address, subject, text).await?)
            }
            (Contact::Phone(number), Some(texter)) => {
                Ok(texter.send(number, &short(notice, language)).await?)
            }
            (Contact::Phone(_), None) => Err(AccountError::NoTexts),
        }
    }

    /// Sends what nobody waits for; what goes wrong is logged.
    pub(super) fn send_later(&self, to: &str, notice: Notice<'static>, language: Language) {
        let (messenger, to) = (self.clone(), Contact::stored(to));
        tokio::spawn(async move {
            if let Err(error) = messenger.send(&to, notice, language).await {
                let cause = std::error::Error::source(&error).map(ToString::to_string);
                tracing::warn!(
                    cause,
                    "a notice to an account's owner was not sent: {error}"
                );
            }
        });
    }
}

/// The contact that somebody typed.
pub(super) fn read_contact(text: &str) -> Result<Contact, AccountError> {
    let wrong = |error: kernel::contact::BadContact| field("contact", error.to_string());
    let contact = Contact::parse(text).map_err(wrong)?;
    match &contact {
        Contact::Email(address) if address.parse::<lettre::Address>().is_err() => {
            Err(wrong(kernel::contact::BadContact))
        }
        _ => Ok(contact),
    }
}
