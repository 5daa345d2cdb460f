//! Sends the mails that are due.
//!
//! Invariant: a mail is marked as `sending` before the mail server hears of it, and as `sent` after
//! it has said yes. Who dies in between leaves it to be sent again, under the same Message-ID.

use super::letters::Letters;
use crate::fail_points::pass;
use crate::ledger::{Ledger, LedgerError, Notification, NotificationFacts, SendingEnd};
use crate::mail::{MailError, Mailer};
use crate::ops::metrics::METRICS;
use crate::settings::MailSettings;
use futures::future::join_all;
use kernel::language::Language;
use lettre::Address;
use std::time::Duration;
use tokio::time::timeout;

/// How often it is looked for mails that are due.
const EVERY: Duration = Duration::from_millis(250);
/// Mails that a process sends at the same time.
const AT_ONCE: u32 = 16;
/// How long the mail server may take for one.
const TIMEOUT: Duration = Duration::from_secs(20);
/// How long a mail is kept from others that would send it: longer than [`TIMEOUT`].
const LEASE_MS: i64 = 60_000;
/// The first wait after a failure, in milliseconds; each is twice the one before ...
const WAIT_MS_MIN: i64 = 1_000;
/// ... up to this.
const WAIT_MS_MAX: i64 = 600_000;
/// A mail that could not be sent for so long is given up, in milliseconds.
const GIVE_UP_AFTER_MS: i64 = 3 * 86_400_000;

/// Why a mail was not sent this time.
#[derive(Debug, thiserror::Error)]
enum SendError {
    #[error(transparent)]
    Mail(#[from] MailError),
    #[error("the letter could not be written")]
    Template(#[from] minijinja::Error),
    #[error("the mail server did not answer in {TIMEOUT:?}")]
    Slow,
}

/// Writes and sends mails about orders.
#[derive(Debug)]
pub struct Sender {
    letters: Letters,
    mailer: Mailer,
    language: Language,
}

impl Sender {
    /// Sets the room up.
    pub fn new(settings: &MailSettings) -> anyhow::Result<Self> {
        Ok(Self {
            letters: Letters::new(&settings.public_url)?,
            mailer: Mailer::new(&settings.smtp_url.0, &settings.from)?,
            language: settings.language,
        })
    }

    /// The language of who gets this.
    fn language_of(&self, facts: &NotificationFacts) -> Language {
        let own = facts.language.as_deref().and_then(Language::of);
        own.unwrap_or(self.language)
    }

    /// Sends what is due, [`AT_ONCE`] at most; says how many there were.
    pub async fn send_due(&self, ledger: &Ledger) -> Result<usize, LedgerError> {
        let taken = ledger.take_notifications(AT_ONCE, LEASE_MS).await?;
        if taken.is_empty() {
            return Ok(0);
        }
        pass("tell.taken").await;
        let sending = taken.iter().map(|mail| self.send_one(ledger, mail));
        for sent in join_all(sending).await {
            sent?;
        }
        Ok(taken.len())
    }

    async fn send_one(&self, ledger: &Ledger, mail: &Notification) -> Result<(), LedgerError> {
        let end = match ledger.notification_facts(mail.order).await? {
            Some(facts) => self.try_send(mail, &facts).await,
            None => SendingEnd::Failed("there is no such order".to_owned()),
        };
        let ended = match &end {
            SendingEnd::Sent => "sent",
            SendingEnd::NoAddress => "no-address",
            SendingEnd::Later(..) => "later",
            SendingEnd::Failed(error) => {
                tracing::error!(order.id = %mail.order, mail.kind = mail.kind.as_str(), error,
                    "A mail could not be sent, and is given up");
                "failed"
            }
        };
        METRICS.told.ended("mail", ended);
        if !ledger.end_sending(mail, &end).await? {
            tracing::warn!(order.id = %mail.order, "A mail took too long; another process sends it too");
        }
        Ok(())
    }

    async fn try_send(&self, mail: &Notification, facts: &NotificationFacts) -> SendingEnd {
        let Some((contact, name)) = &facts.buyer else {
            return SendingEnd::NoAddress;
        };
        // A contact may be a telephone number.
        let Ok(address) = contact.parse::<Address>() else {
            return SendingEnd::NoAddress;
        };
        let language = self.language_of(facts);
        let sending = async {
            let letter = self.letters.write(mail.kind, language, facts, name)?;
            let sent = self.mailer.send_letter(address, &mail.name, letter);
            timeout(TIMEOUT, sent)
                .await
                .map_err(|_| SendError::Slow)??;
            Ok::<(), SendError>(())
        };
        match sending.await {
            Ok(()) => {
                pass("tell.sent").await;
                SendingEnd::Sent
            }
            Err(error) => after_failure(&error, mail),
        }
    }
}

fn after_failure(error: &SendError, mail: &Notification) -> SendingEnd {
    let text = chain(error);
    if crate::now().since(mail.created_at) >= GIVE_UP_AFTER_MS {
        return SendingEnd::Failed(text);
    }
    let wait_ms = wait_ms(mail.attempts, WAIT_MS_MAX);
    tracing::warn!(order.id = %mail.order, error = text, wait_ms, "A mail could not be sent; trying again");
    SendingEnd::Later(text, wait_ms)
}

/// How long to wait after so many attempts, in milliseconds.
pub(crate) fn wait_ms(attempts: u32, most_ms: i64) -> i64 {
    let doublings = attempts.saturating_sub(1).min(32);
    WAIT_MS_MIN.saturating_mul(1 << doublings).min(most_ms)
}

/// An error with its causes.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    let texts: Vec<String> = causes.map(ToString::to_string).collect();
    texts.join(": ")
}

/// Sends for ever.
pub async fn send(ledger: Ledger, sender: Sender) {
    loop {
        match sender.send_due(&ledger).await {
            Ok(0) => tokio::time::sleep(EVERY).await,
            Ok(_) => {}
            Err(error) => {
                tracing::warn!(%error, "Mails could not be looked for; trying again");
                tokio::time::sleep(EVERY).await;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{WAIT_MS_MAX, wait_ms};

    #[test]
    fn waits_double_up_to_ten_minutes() {
        let cases = [
            (1, 1_000),
            (2, 2_000),
            (5, 16_000),
            (11, 600_000),
            (500, 600_000),
        ];
        for (attempts, expected) in cases {
            assert_eq!(wait_ms(attempts, WAIT_MS_MAX), expected, "{attempts}");
        }
    }
}
