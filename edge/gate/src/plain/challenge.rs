//! `GET /gate/challenges` as a page: a code to look at or to listen to, in the form that needs it.

use super::{about, asked, challenge_address, here, query, renewal, sale, script};
use crate::settings::Gate;
use kernel::order::QUANTITY_MAX;
use kernel::problem::{Problem, ProblemKind};
use kernel::snapshot::SnapshotSale;
use kernel::wire::CodePurpose;
use kit::answer::Answer;
use kit::body::Whole;
use kit::form::Form;
use kit::{clock, snapshot, visitor};
use layout::finish::{code_address, sign_in_address};
use layout::page::page;
use layout::refusal::{Refusal, Way};
use layout::render::{Value, context};
use layout::way;
use serde::Deserialize;
use spin_sdk::http::Method;

/// A session must outlive the code that is typed in it; one that does not is renewed first.
const SESSION_LEFT_MS_MIN: i64 = 130_000;

/// What the gate says of a challenge.
#[derive(Deserialize)]
struct Challenge {
    challenge_id: String,
    media_url: String,
}

/// What somebody wants a code for.
#[derive(Debug)]
struct Wanted {
    purpose: Purpose,
    kind: &'static str,
    quantity: u32,
    next: Option<String>,
}

#[derive(Debug)]
enum Purpose {
    Token(String),
    Place(String),
    SignIn,
    Code(CodePurpose),
}

impl Wanted {
    fn of(query: &Form) -> Result<Self, Problem> {
        let sale = || {
            let sale = query.get("sale_id").map(str::to_owned);
            sale.ok_or_else(|| Problem::field("sale_id", "is missing"))
        };
        let purpose = match query.get("purpose") {
            Some("token") => Purpose::Token(sale()?),
            Some("place") => Purpose::Place(sale()?),
            Some("sign-in") => Purpose::SignIn,
            Some("code") if query.get("for") == Some("reset") => Purpose::Code(CodePurpose::Reset),
            Some("code") => Purpose::Code(CodePurpose::Register),
            _ => return Err(ProblemKind::UnknownPath.into()),
        };
        let quantity = query.get("quantity").and_then(|text| text.parse().ok());
        let next = query.get("next").map(|next| way::next(Some(next)));
        Ok(Self {
            purpose,
            kind: match query.get("kind") {
                Some("audio") => "audio",
                _ => "image",
            },
            quantity: quantity.unwrap_or(1),
            next: next.map(str::to_owned),
        })
    }

    fn word(&self) -> &'static str {
        match self.purpose {
            Purpose::Token(_) => "token",
            Purpose::Place(_) => "place",
            Purpose::SignIn => "sign-in",
            Purpose::Code(_) => "code",
        }
    }

    fn sale(&self) -> Option<&str> {
        match &self.purpose {
            Purpose::Token(sale) | Purpose::Place(sale) => Some(sale),
            Purpose::SignIn | Purpose::Code(_) => None,
        }
    }

    /// What a program asks to get the same challenge.
    fn question(&self) -> String {
        let query = [
            ("purpose", Some(self.word())),
            ("kind", Some(self.kind)),
            ("sale_id", self.sale()),
        ];
        way::address("/gate/challenges", &query)
    }

    /// This page with a code of that kind.
    fn address(&self, kind: &str) -> String {
        let quantity = self.quantity.to_string();
        let is_token = matches!(self.purpose, Purpose::Token(_));
        let is_reset = matches!(self.purpose, Purpose::Code(CodePurpose::Reset));
        let query = [
            ("purpose", Some(self.word())),
            ("kind", Some(kind)),
            ("sale_id", self.sale()),
            ("quantity", is_token.then_some(quantity.as_str())),
            ("for", is_reset.then_some("reset")),
            ("next", self.next.as_deref()),
        ];
        way::address("/gate/challenges", &query)
    }
}

/// The page with a fresh code.
pub(super) async fn show(request: &Whole) -> Result<Answer, Problem> {
    let gate = Gate::get().await?;
    let query = query(request)?;
    let wanted = Wanted::of(&query)?;
    if wanted.sale().is_some() && query.get("renewed").is_none() && ends_soon(gate, request).await?
    {
        let next = format!("{}&renewed=1", here(request));
        return Ok(renewal(&next));
    }
    let question = script(
        request.headers(),
        Method::GET,
        &wanted.question(),
        String::new(),
    )?;
    let told = asked(question).await?;
    if told.kind() == "signed-out" {
        return Ok(renewal(here(request)));
    }
    if !told.is_good() {
        let again = Way::new("Try again", wanted.address(wanted.kind));
        let refusal = Refusal::new(told.words(), vec![again]);
        let refusal = Refusal {
            reload: true,
            ..refusal
        };
        return Ok(refusal.answer().await);
    }
    let entry = match wanted.sale() {
        Some(id) => Some(sale(gate, id).await?),
        None => None,
    };
    let view = view(&wanted, &told.body()?, entry.as_ref());
    Ok(page(200, "challenge.html", view).await)
}

/// Whether there is a session, and it is over before a code would be.
async fn ends_soon(gate: &'static Gate, request: &Whole) -> Result<bool, Problem> {
    let view = snapshot::current(&gate.edge).await?;
    let now = clock::now();
    let session = visitor::session(request.headers(), &view, now);
    Ok(session.is_ok_and(|session| session.expires_at.since(now) < SESSION_LEFT_MS_MIN))
}

struct Said {
    heading: &'static str,
    lead: &'static str,
    action: String,
    button: &'static str,
    contact_hint: &'static str,
}

fn said(wanted: &Wanted) -> Said {
    const WHY: &str = "Six digits, so that people come before robots.";
    match &wanted.purpose {
        Purpose::Token(sale) => Said {
            heading: "Get in line",
            lead: WHY,
            action: format!("/gate/sales/{sale}/tokens"),
            button: "Get in line",
            contact_hint: "",
        },
        Purpose::Place(sale) => Said {
            heading: "Join before it opens",
            lead: WHY,
            action: format!("/gate/sales/{sale}/places"),
            button: "Join the line",
            contact_hint: "",
        },
        Purpose::SignIn => Said {
            heading: "Sign in",
            lead: WHY,
            action: "/api/session".to_owned(),
            button: "Sign in",
            contact_hint: "",
        },
        Purpose::Code(purpose) => Said {
            heading: match purpose {
                CodePurpose::Register => "Make an account",
                CodePurpose::Reset => "Choose a new password",
            },
            lead: "Step 1 of 2",
            action: "/api/accounts/codes".to_owned(),
            button: "Send me a code",
            contact_hint: "A code for the next step goes there.",
        },
    }
}

fn view(wanted: &Wanted, challenge: &Challenge, entry: Option<&SnapshotSale>) -> Value {
    let Said {
        heading,
        lead,
        action,
        button,
        contact_hint,
    } = said(wanted);
    let mut fields = vec![("challenge_id", challenge.challenge_id.as_str())];
    if let Purpose::Code(purpose) = wanted.purpose {
        fields.push((
            "purpose",
            match purpose {
                CodePurpose::Register => "register",
                CodePurpose::Reset => "reset",
            },
        ));
    }
    let next = wanted.next.as_deref();
    if wanted.sale().is_none() {
        fields.extend(next.map(|next| ("next", next)));
    }
    let links = match wanted.purpose {
        Purpose::SignIn => vec![
            Way::new("Make an account", code_address(CodePurpose::Register, next)),
            Way::new(
                "Forgot the password?",
                code_address(CodePurpose::Reset, next),
            ),
        ],
        Purpose::Code(_) => vec![Way::new("I have an account", sign_in_address(next))],
        Purpose::Token(_) | Purpose::Place(_) => Vec::new(),
    };
    let (code_label, code_hint, other) = match wanted.kind {
        "audio" => ("Digits you hear", "Six of them", "image"),
        _ => ("Digits in the picture", "Six of them", "audio"),
    };
    let quantities: Vec<u32> = match (&wanted.purpose, entry) {
        (Purpose::Token(_), Some(entry)) => {
            (1..=entry.sale.limit_per_account.clamp(1, QUANTITY_MAX)).collect()
        }
        _ => Vec::new(),
    };
    context! {
        heading, lead, action, button, contact_hint, fields, links, code_label, code_hint, quantities,
        kind => wanted.kind,
        quantity => wanted.quantity,
        media_url => challenge.media_url,
        ask_contact => wanted.sale().is_none(),
        ask_password => matches!(wanted.purpose, Purpose::SignIn),
        signed_in => wanted.sale().is_some(),
        sale => entry.map(about),
        other_address => wanted.address(other),
        again_address => wanted.address(wanted.kind),
    }
}

/// Where somebody gets a code to buy.
pub(super) fn to_buy(sale: &str, quantity: u32) -> String {
    challenge_address("token", sale, Some(quantity))
}
