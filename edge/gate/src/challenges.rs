//! `GET|POST /gate/challenges`: a fresh challenge, and what is to be seen or heard of one.
//!
//! Invariant: a challenge is bound to whom it was made for; making and showing one leaves no trace
//! of a visitor here, only a count.

mod load;

mod range;

use crate::routes::{Kind, Wanted};
use crate::settings::Gate;
use bytes::Bytes;
use kernel::challenge::media::{self, Medium};
use kernel::challenge::{BadAnswer, Binding, pow};
use kernel::client_address::prefix;
use kernel::ids::AccountId;
use kernel::problem::{Problem, ProblemKind};
use kernel::time::UnixMillis;
use kit::answer::{self, Answer, with_header};
use kit::body::Whole;
use kit::{clock, random, snapshot, visitor};
use spin_sdk::http::{HeaderMap, StatusCode};

/// A picture is the same as long as its challenge lives.
const MEDIUM_LIFE: &str = "private, max-age=120";

/// Answers with a challenge: a proof of work in ALTCHA's form, or where a code is shown.
pub(crate) async fn make(gate: &'static Gate, request: &Whole) -> Result<Answer, Problem> {
    let headers = request.headers();
    visitor::check_site(&gate.edge, request.method(), headers)?;
    let wanted = Wanted::of(request.uri().query().unwrap_or_default())?;
    let client = visitor::client(&gate.edge, headers)?;
    let now = clock::now();
    let account = account(gate, &wanted, headers, now).await?;
    let binding = Binding::new(wanted.purpose, wanted.sale, account, prefix(client));
    let keys = &gate.edge.keys;
    let no_chance = || Problem::from(ProblemKind::Internal);
    let per_second = load::count(&gate.store).await;
    let medium = match wanted.kind {
        Kind::Pow => {
            let random = random::bytes().ok_or_else(no_chance)?;
            let difficulty = gate.difficulty.at(per_second);
            let challenge = pow::make(keys, binding, difficulty, now, &random);
            return Ok(answer::json(StatusCode::OK, &challenge));
        }
        Kind::Image => Medium::Image,
        Kind::Audio => Medium::Audio,
    };
    let nonce = random::bytes().ok_or_else(no_chance)?;
    let challenge = media::make(keys, medium, &binding, now, &nonce);
    Ok(answer::json(StatusCode::OK, &challenge))
}

/// The account that the challenge is for, where its purpose has a sale.
async fn account(
    gate: &'static Gate,
    wanted: &Wanted,
    headers: &HeaderMap,
    now: UnixMillis,
) -> Result<Option<AccountId>, Problem> {
    let Some(sale) = wanted.sale else {
        return Ok(None);
    };
    let view = snapshot::current(&gate.edge).await?;
    let mut sales = view.snapshot().sales.iter();
    if !sales.any(|entry| entry.sale.id == sale) {
        return Err(ProblemKind::UnknownSale.into());
    }
    Ok(Some(visitor::session(headers, &view, now)?.account))
}

/// The picture or the sound of a challenge; any has both.
pub(crate) fn show(
    gate: &Gate,
    headers: &HeaderMap,
    id: &str,
    medium: Medium,
) -> Result<Answer, Problem> {
    let shown = media::show(&gate.edge.keys, id, clock::now()).map_err(|error| match error {
        BadAnswer::Expired => {
            Problem::new(ProblemKind::ChallengeExpired, "Please get a new challenge.")
        }
        BadAnswer::Wrong | BadAnswer::WrongCode(_) => ProblemKind::UnknownPath.into(),
    })?;
    let answer = match medium {
        Medium::Image => {
            let picture = captcha::picture(&shown.code, &shown.image_seed);
            answer::bytes(StatusCode::OK, "image/png", picture)
        }
        Medium::Audio => {
            let sound = captcha::sound(&shown.code, &shown.audio_seed);
            range::answer(headers, "audio/wav", Bytes::from(sound))
        }
    };
    let answer = with_header(answer, "x-content-type-options", "nosniff");
    Ok(with_header(answer, "cache-control", MEDIUM_LIFE))
}
