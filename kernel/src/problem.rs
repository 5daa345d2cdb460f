//! Problem documents (RFC 9457): the one form of every error that crosses a listener.
//!
//! Invariant: a problem says what to do, and nothing about our insides.

use serde::{Deserialize, Serialize};

/// The media type of a problem document.
pub const MEDIA_TYPE: &str = "application/problem+json";

macro_rules! kinds {
    ($($(#[$doc:meta])* $name:ident $word:literal $status:literal $title:literal,)*) => {
        /// What kinds of problem there are; `docs/api/problems.md` says who acts on each.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum ProblemKind {
            $($(#[$doc])* $name,)*
        }

        impl ProblemKind {
            /// All kinds.
            pub const ALL: &'static [Self] = &[$(Self::$name),*];

            /// The last part of `type`: `/problems/<word>`.
            pub fn word(self) -> &'static str {
                match self { $(Self::$name => $word,)* }
            }

            /// The HTTP status.
            pub fn status(self) -> u16 {
                match self { $(Self::$name => $status,)* }
            }

            /// A short sentence, the same for every occurrence.
            pub fn title(self) -> &'static str {
                match self { $(Self::$name => $title,)* }
            }
        }
    };
}

kinds! {
    /// The request cannot be read.
    Malformed "malformed" 400 "The request cannot be read",
    /// No session, or one that is over.
    SignedOut "signed-out" 401 "Please sign in",
    /// Contact and password do not fit.
    WrongPassword "wrong-password" 401 "Contact and password do not match",
    /// Name, password and code of an operator do not fit, or the code was used before.
    SignInRefused "sign-in-refused" 401 "Name, password and code do not match",
    /// The operator's role does not allow it.
    Forbidden "forbidden" 403 "Your role does not allow this",
    /// A purchase token is needed.
    TokenMissing "token-missing" 403 "A purchase token is needed",
    /// The purchase token is not valid here.
    TokenInvalid "token-invalid" 403 "The purchase token is not valid",
    /// The purchase token is not valid yet.
    TokenEarly "token-early" 403 "The purchase token is not valid yet",
    /// A cookie came without the site's `Origin`.
    CrossSite "cross-site" 403 "The request came from another site",
    /// No signature of a PoP we know.
    UnknownPop "unknown-pop" 403 "The request did not come through an edge we know",
    /// No such sale.
    UnknownSale "unknown-sale" 404 "There is no such sale",
    /// No such address in this account.
    UnknownAddress "unknown-address" 404 "There is no such address",
    /// No such session of this account.
    UnknownSession "unknown-session" 404 "There is no such session",
    /// No such order, or not yours.
    UnknownOrder "unknown-order" 404 "There is no such order",
    /// The account has no place in the sale, or none of the kind asked for.
    UnknownPlace "unknown-place" 404 "There is no such place",
    /// Something an operator named is not there.
    NotFound "not-found" 404 "There is no such thing",
    /// No such path.
    UnknownPath "unknown-path" 404 "There is nothing at this address",
    /// The path exists, the method does not.
    MethodNotAllowed "method-not-allowed" 405 "This address does not take that method",
    /// No unit is left at the moment.
    SoldOut "sold-out" 409 "Sold out",
    /// The account has as many units as one may have.
    OverLimit "over-limit" 409 "The limit for this account is reached",
    /// It cannot be cancelled any more.
    NotCancellable "not-cancellable" 409 "The order can no longer be cancelled",
    /// It cannot be paid (any more).
    NotPayable "not-payable" 409 "The order cannot be paid",
    /// The account keeps as many addresses as one may.
    TooManyAddresses "too-many-addresses" 409 "The account has as many addresses as one may have",
    /// The account has orders that are not over.
    OrdersOpen "orders-open" 409 "The account has orders that are not over",
    /// What an operator asked for does not fit what holds now.
    WrongState "wrong-state" 409 "That cannot be done as it stands now",
    /// The body is over 16 KiB.
    TooLarge "too-large" 413 "The request is too large",
    /// The body is of a type we do not read.
    UnsupportedType "unsupported-type" 415 "Please send JSON",
    /// A field is wrong; `errors` says which.
    InvalidField "invalid-field" 422 "Something in the request is not right",
    /// The challenge was answered wrongly.
    ChallengeWrong "challenge-wrong" 422 "The challenge was not solved",
    /// The challenge was used before.
    ChallengeSpent "challenge-spent" 422 "The challenge was used before",
    /// The challenge is too old.
    ChallengeExpired "challenge-expired" 422 "The challenge has expired",
    /// Too many requests.
    SlowDown "slow-down" 429 "Too many requests",
    /// Our mistake.
    Internal "internal" 500 "Something went wrong on our side",
    /// The sale is held.
    Paused "paused" 503 "The sale is paused for a moment",
    /// A part of us is away.
    Unavailable "unavailable" 503 "Buying is not possible for a moment",
}

/// What is wrong with one field.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FieldError {
    /// The field's name in the request.
    pub field: String,
    /// What to do about it.
    pub message: String,
}

/// A problem document, to be built and serialised.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Which kind.
    pub kind: ProblemKind,
    /// What happened this time and what to do; may be empty.
    pub detail: String,
    /// For `invalid-field`.
    pub errors: Vec<FieldError>,
    /// Seconds for the `Retry-After` header.
    pub retry_after_seconds: Option<u32>,
}

#[derive(Serialize)]
struct Document<'a> {
    r#type: String,
    title: &'a str,
    status: u16,
    #[serde(skip_serializing_if = "str::is_empty")]
    detail: &'a str,
    #[serde(skip_serializing_if = "<[FieldError]>::is_empty")]
    errors: &'a [FieldError],
}

impl Problem {
    /// A problem with a sentence about this occurrence.
    pub fn new(kind: ProblemKind, detail: impl Into<String>) -> Self {
        let retry_after_seconds = match kind {
            ProblemKind::SlowDown | ProblemKind::Paused | ProblemKind::Unavailable => Some(1),
            _ => None,
        };
        Self {
            kind,
            detail: detail.into(),
            errors: Vec::new(),
            retry_after_seconds,
        }
    }

    /// A problem with one field.
    pub fn field(field: &str, message: &str) -> Self {
        let error = FieldError {
            field: field.to_owned(),
            message: message.to_owned(),
        };
        let problem = Self::new(ProblemKind::InvalidField, format!("{field}: {message}"));
        Self {
            errors: vec![error],
            ..problem
        }
    }

    /// The same with another `Retry-After`.
    #[must_use]
    pub fn retry_after(self, seconds: u32) -> Self {
        Self {
            retry_after_seconds: Some(seconds),
            ..self
        }
    }

    /// The document as JSON.
    pub fn to_json(&self) -> String {
        let document = Document {
            r#type: format!("/problems/{}", self.kind.word()),
            title: self.kind.title(),
            status: self.kind.status(),
            detail: &self.detail,
            errors: &self.errors,
        };
        serde_json::to_string(&document).unwrap_or_default()
    }
}

impl From<ProblemKind> for Problem {
    fn from(kind: ProblemKind) -> Self {
        Self::new(kind, "")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_reads_as_rfc_9457_says() {
        let json = Problem::field("quantity", "is at least 1").to_json();
        let expected = r#"{"type":"/problems/invalid-field","title":"Something in the request is not right","status":422,"detail":"quantity: is at least 1","errors":[{"field":"quantity","message":"is at least 1"}]}"#;
        assert_eq!(json, expected);
    }

    #[test]
    fn words_are_unique() {
        let words: std::collections::HashSet<_> =
            ProblemKind::ALL.iter().map(|kind| kind.word()).collect();
        assert_eq!(words.len(), ProblemKind::ALL.len());
    }
}
