//! What messages to shoppers say, in their language.
//!
//! Invariant: a message says why it came and what to do if nobody asked for it, and holds no secret
//! but its own code.

use kernel::language::Language;

/// A message to the owner of a contact.
#[derive(Clone, Copy, Debug)]
pub(super) enum Notice<'a> {
    /// The code to sign up.
    Register(&'a str),
    /// The code to choose a new password.
    Reset(&'a str),
    /// The code to make this contact the account's.
    NewContact(&'a str),
    /// Somebody wanted this contact for an account; it has one.
    AlreadyRegistered,
    /// Somebody wanted a new password; there is no account.
    NotRegistered,
    /// Somebody tries passwords.
    PasswordTried,
    /// The password is another one now.
    PasswordChanged,
    /// The account has another contact now.
    ContactChanged,
    /// There is no account any more.
    Erased,
}

/// Subject and text.
pub(super) fn words(notice: Notice<'_>, language: Language) -> (String, String) {
    match language {
        Language::En => english(notice),
        Language::De => german(notice),
    }
}

fn english(notice: Notice<'_>) -> (String, String) {
    let code = |what: &str, code: &str| {
        (
            format!("Your code: {code}"),
            format!(
                "Hello,\n\nyour code to {what} is\n\n    {code}\n\n\
                 It is valid for ten minutes. If you did not ask for it, somebody may have mistyped \
                 their address; you need not do anything.\n"
            ),
        )
    };
    let plain = |subject: &str, text: &str| (subject.to_owned(), format!("Hello,\n\n{text}\n"));
    match notice {
        Notice::Register(digits) => code("finish signing up", digits),
        Notice::Reset(digits) => code("choose a new password", digits),
        Notice::NewContact(digits) => code("use this contact for your account", digits),
        Notice::AlreadyRegistered => plain(
            "You already have an account",
            "somebody, probably you, tried to sign up with this contact. It has an account already: \
             please sign in, or ask for a new password if you forgot it.",
        ),
        Notice::NotRegistered => plain(
            "You have no account here",
            "somebody, probably you, asked for a new password for this contact. It has no account \
             here. You can sign up with it, or try another one.",
        ),
        Notice::PasswordTried => plain(
            "Somebody tries to sign in to your account",
            "several wrong passwords in a row were tried for your account. To protect it, signing in \
             by password is slowed down for a while. If it was you, wait a little, or choose a new \
             password with \"Forgot the password?\": that works at once. If it was not you, you \
             need not do anything.",
        ),
        Notice::PasswordChanged => plain(
            "Your password was changed",
            "the password of your account was changed just now, and all other devices were signed \
             out. If it was not you, choose a new one at once with \"Forgot the password?\".",
        ),
        Notice::ContactChanged => plain(
            "Your account has another contact now",
            "the contact of your account was changed just now, so this one no longer belongs to it. \
             If it was not you, please write to the shop at once.",
        ),
        Notice::Erased => plain(
            "Your account is deleted",
            "as you asked, your account was deleted just now, with your name, contact and addresses. \
             What the law makes the shop keep of your orders no longer says who you are. This is \
             the last message.",
        ),
    }
}

fn german(notice: Notice<'_>) -> (String, String) {
    let code = |what: &str, code: &str| {
        (
            format!("Ihr Code: {code}"),
            format!(
                "Guten Tag,\n\nIhr Code, um {what}, ist\n\n    {code}\n\n\
                 Er gilt zehn Minuten. Wenn Sie ihn nicht angefordert haben, hat sich vermutlich \
                 jemand vertippt; Sie brauchen nichts zu tun.\n"
            ),
        )
    };
    let plain = |subject: &str, text: &str| (subject.to_owned(), format!("Guten Tag,\n\n{text}\n"));
    match notice {
        Notice::Register(digits) => code("Ihr Konto anzulegen", digits),
        Notice::Reset(digits) => code("ein neues Passwort zu wählen", digits),
        Notice::NewContact(digits) => code("diesen Kontakt für Ihr Konto zu verwenden", digits),
        Notice::AlreadyRegistered => plain(
            "Sie haben schon ein Konto",
            "jemand, vermutlich Sie, wollte mit diesem Kontakt ein Konto anlegen. Es gibt schon \
             eines: Bitte melden Sie sich an, oder wählen Sie ein neues Passwort.",
        ),
        Notice::NotRegistered => plain(
            "Sie haben hier kein Konto",
            "jemand, vermutlich Sie, wollte für diesen Kontakt ein neues Passwort wählen. Er hat \
             hier kein Konto. Sie können eines anlegen oder es mit einem anderen Kontakt versuchen.",
        ),
        Notice::PasswordTried => plain(
            "Jemand versucht, sich bei Ihrem Konto anzumelden",
            "für Ihr Konto wurden mehrere falsche Passwörter nacheinander versucht. Zum Schutz ist \
             die Anmeldung mit Passwort eine Weile verlangsamt. Wenn Sie es waren, warten Sie ein \
             wenig, oder wählen Sie über „Passwort vergessen“ ein neues: Das geht sofort. Wenn \
             nicht, brauchen Sie nichts zu tun.",
        ),
        Notice::PasswordChanged => plain(
            "Ihr Passwort wurde geändert",
            "das Passwort Ihres Kontos wurde soeben geändert, und alle anderen Geräte wurden \
             abgemeldet. Wenn Sie das nicht waren, wählen Sie über „Passwort vergessen“ sofort ein \
             neues.",
        ),
        Notice::ContactChanged => plain(
            "Ihr Konto hat einen anderen Kontakt",
            "der Kontakt Ihres Kontos wurde soeben geändert; dieser gehört nicht mehr dazu. Wenn \
             Sie das nicht waren, schreiben Sie bitte sofort an den Shop.",
        ),
        Notice::Erased => plain(
            "Ihr Konto ist gelöscht",
            "wie gewünscht wurde Ihr Konto soeben gelöscht, mit Ihrem Namen, Ihrem Kontakt und \
             Ihren Adressen. Was der Shop von Ihren Bestellungen aufbewahren muss, sagt nicht mehr, \
             wer Sie sind. Dies ist die letzte Nachricht.",
        ),
    }
}

/// The same for a text message, which has no subject: short, and never without its code.
pub(super) fn short(notice: Notice<'_>, language: Language) -> String {
    let (subject, text) = words(notice, language);
    match notice {
        Notice::Register(_) | Notice::Reset(_) | Notice::NewContact(_) => {
            let end = match language {
                Language::En => "Valid for ten minutes. Tell it to nobody.",
                Language::De => "Gilt zehn Minuten. Verraten Sie ihn niemandem.",
            };
            format!("{subject}. {end}")
        }
        _ => {
            let body = text
                .split_once("\n\n")
                .map_or(text.as_str(), |(_, body)| body);
            format!("{subject}: {}", body.trim())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_message_has_words_and_its_code_stands_alone() {
        let notices = [
            Notice::Register("123456"),
            Notice::Reset("123456"),
            Notice::NewContact("123456"),
            Notice::AlreadyRegistered,
            Notice::NotRegistered,
            Notice::PasswordTried,
            Notice::PasswordChanged,
            Notice::ContactChanged,
            Notice::Erased,
        ];
        for notice in notices {
            for language in Language::ALL {
                let (subject, text) = words(notice, language);
                let short = short(notice, language);
                let has_code = matches!(
                    notice,
                    Notice::Register(_) | Notice::Reset(_) | Notice::NewContact(_)
                );
                for said in [&subject, &text, &short] {
                    assert_eq!(said.contains("123456"), has_code, "{said}");
                    assert!(!said.contains("  \n"), "{said}");
                }
                assert!(
                    !subject.contains('\n') && !short.contains("\n\n"),
                    "{short}"
                );
            }
        }
        let (english, german) = (Language::En, Language::De);
        assert_ne!(
            words(Notice::PasswordTried, english),
            words(Notice::PasswordTried, german)
        );
    }
}
