//! What accounts write to shoppers.
//!
//! Invariant: a message says who sent it and why, and holds no secret but its own code.

pub use crate::mail::MailError;
pub(super) use crate::mail::Mailer;
use kernel::wire::CodePurpose;

impl Mailer {
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
}
