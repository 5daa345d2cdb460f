//! `GET|POST /gate/challenges`: a fresh challenge.
//!
//! Invariant: a challenge is bound to whom it was made for; making one leaves no trace here.

use crate::routes::Wanted;
use crate::settings::Gate;
use kernel::challenge::{Binding, make as make_challenge};
use kernel::client_address::prefix;
use kernel::problem::{Problem, ProblemKind};
use kit::answer::{self, Answer};
use kit::body::Whole;
use kit::{clock, random, snapshot, visitor};
use spin_sdk::http::StatusCode;

/// Answers with a challenge in ALTCHA's form.
pub(crate) async fn make(gate: &'static Gate, request: &Whole) -> Result<Answer, Problem> {
    let headers = request.headers();
    visitor::check_site(&gate.edge, request.method(), headers)?;
    let wanted = Wanted::of(request.uri().query().unwrap_or_default())?;
    let client = visitor::client(&gate.edge, headers)?;
    let now = clock::now();
    let account = match wanted.sale {
        None => None,
        Some(sale) => {
            let view = snapshot::current(&gate.edge).await?;
            if !view
                .snapshot()
                .sales
                .iter()
                .any(|entry| entry.sale.id == sale)
            {
                return Err(ProblemKind::UnknownSale.into());
            }
            Some(visitor::session(headers, &view, now)?.account)
        }
    };
    let binding = Binding::new(wanted.purpose, wanted.sale, account, prefix(client));
    let random = random::bytes().ok_or(ProblemKind::Internal)?;
    let challenge = make_challenge(&gate.edge.keys, binding, gate.difficulty, now, &random);
    Ok(answer::json(StatusCode::OK, &challenge))
}
