//! What those who tell others of orders need: mails and webhooks.
//!
//! Invariant: addresses inside our own network are told nothing unless an operator wants it.

use super::{Reader, Secret};
use kernel::language::Language;

/// What mails about orders need.
#[derive(Clone, Debug)]
pub struct MailSettings {
    /// `smtp://host:port`, or `smtps://user:password@host`.
    pub smtp_url: Secret,
    /// The sender.
    pub from: String,
    /// The address of the site as shoppers see it.
    pub public_url: String,
    /// What is written to who has chosen no language.
    pub language: Language,
}

/// What webhooks to subscribers need.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SubscriptionSettings {
    /// Whether they may lead into private networks.
    pub private: bool,
}

impl MailSettings {
    /// Reads `DOORBUSTER_SMTP_URL`, `_MAIL_FROM`, `_PUBLIC_URL` and `_LANGUAGE`.
    pub fn read(reader: &mut Reader) -> Self {
        let language = reader.word("LANGUAGE", Language::En.code());
        Self {
            smtp_url: Secret(reader.url("SMTP_URL", &["smtp", "smtps"])),
            from: reader.required("MAIL_FROM", "the sender of messages, Shop <shop@host>"),
            public_url: reader.url("PUBLIC_URL", &["http", "https"]),
            language: Language::of(&language).unwrap_or_else(|| {
                reader.fault("LANGUAGE", "is `en` or `de`");
                Language::En
            }),
        }
    }
}

impl SubscriptionSettings {
    /// Reads `DOORBUSTER_WEBHOOKS_OUT_PRIVATE`.
    pub fn read(reader: &mut Reader) -> Self {
        let private = reader.word("WEBHOOKS_OUT_PRIVATE", "false");
        if !matches!(private.as_str(), "true" | "false") {
            reader.fault("WEBHOOKS_OUT_PRIVATE", "is neither true nor false");
        }
        Self {
            private: private == "true",
        }
    }
}
