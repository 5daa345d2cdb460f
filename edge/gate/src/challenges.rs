//! `GET|POST /gate/challenges`: a fresh challenge, and what is to be seen or heard of one.
//!
//! Invariant: a challenge is bound to whom it was made for; making and showing one leaves no trace
//! of a visitor here, only a count.

mod load;

mod range;

use crate::routes::{Kind, Wanted};
use crate::settings::Gate;
use crate::shopper::Shopper;
use bytes::Bytes;
use kernel::challenge::media::{self, Medium};
use kernel::challenge::{BadAnswer, Binding, pow};
use kernel::client_address::prefix;
use kernel::problem::{Problem, ProblemKind};
use kit::answer::{self, Answer, with_header};
use kit::body::Whole;
use kit::peer::{Asked, at_pop};
use kit::{clock, random, snapshot, visitor};
use spin_sdk::http::StatusCode;

/// A picture is the same as long as its challenge lives.
const MEDIUM_LIFE: &str = "private, max-age=120";

/// Answers with a challenge: a proof of work in ALTCHA's form, or where a code is shown.
pub(crate) async fn make(gate: &'static Gate, request: Whole) -> Result<Answer, Problem> {
    let wanted = Wanted::of(request.uri().query().unwrap_or_default())?;
    let binding = if let Some(sale) = wanted.sale {
        match Shopper::of(gate, request, &sale.to_string()).await? {
            Ok(shopper) => shopper.binding(wanted.purpose),
            Err(answer) => return Ok(answer),
        }
    } else {
        visitor::check_site(&gate.edge, request.method(), request.headers())?;
        let client = visitor::client(&gate.edge, request.headers())?;
        Binding::new(wanted.purpose, None, None, prefix(client))
    };
    let now = clock::now();
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
    let mut challenge = media::make(keys, medium, &binding, now, &nonce);
    // A browser may ask another PoP for it, which knows neither the code nor its secret.
    challenge.media_url = format!("{}?pop={}", challenge.media_url, keys.pop);
    Ok(answer::json(StatusCode::OK, &challenge))
}

/// The picture or the sound of a challenge; any has both.
pub(crate) async fn show(
    gate: &'static Gate,
    request: &Whole,
    id: &str,
    medium: Medium,
) -> Result<Answer, Problem> {
    let pop = request
        .uri()
        .query()
        .and_then(|query| query.strip_prefix("pop="));
    if let Some(pop) = pop.filter(|pop| *pop != gate.edge.keys.pop) {
        let view = snapshot::current(&gate.edge).await?;
        return at_pop(&gate.edge, &view, Asked::of(request), pop).await;
    }
    let headers = request.headers();
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
