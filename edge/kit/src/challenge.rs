//! Challenges as components check them.
//!
//! Invariant: a right answer is worth one act, and a code can be guessed once. Whoever acts on an
//! answer spends it first: the relay with [`spend`], the gate inside its own script. A wrong code
//! ends its challenge here.

use crate::pop_store::{PopStore, Script};
use crate::settings::Edge;
use crate::{clock, random};
use kernel::challenge::{BadAnswer, Binding, Purpose, Solved, is_code, verify};
use kernel::client_address::prefix;
use kernel::problem::{Problem, ProblemKind};
use std::net::IpAddr;

static SPEND: Script = Script::new(include_str!("../../../lua/edge/spend.lua"));
static TRY_CODE: Script = Script::new(include_str!("../../../lua/edge/try_code.lua"));

/// Wrong codes that a network may send at once, and after how long one of them is forgotten: 8,660
/// guesses a day at most, of which one is right in 115 days.
pub const WRONG_CODES_MAX: u32 = 20;
/// In milliseconds.
pub const WRONG_CODE_EVERY_MS: u32 = 10_000;

/// Checks the answer in the field `challenge` of a request. A right one is still to be spent; a
/// wrong code has ended its challenge, and been counted.
pub async fn check(
    edge: &Edge,
    store: &PopStore,
    answer: &str,
    binding: &Binding,
) -> Result<Solved, Problem> {
    match verify(&edge.keys, answer, binding, clock::now()) {
        Ok(solved) if is_code(answer) => {
            try_code(store, binding, &solved, true).await?;
            Ok(solved)
        }
        Ok(solved) => Ok(solved),
        Err(BadAnswer::WrongCode(tried)) => {
            try_code(store, binding, &tried, false).await?;
            Err(another(ProblemKind::ChallengeWrong))
        }
        Err(BadAnswer::Wrong) => Err(another(ProblemKind::ChallengeWrong)),
        Err(BadAnswer::Expired) => Err(another(ProblemKind::ChallengeExpired)),
    }
}

/// Checks an answer that is bound to a purpose and a network only, and spends it.
pub async fn spend(
    edge: &Edge,
    store: &PopStore,
    answer: &str,
    purpose: Purpose,
    client: IpAddr,
) -> Result<(), Problem> {
    let binding = Binding::new(purpose, None, None, prefix(client));
    let solved = check(edge, store, answer, &binding).await?;
    let keys = [format!("spent:{}:{}", purpose.word(), solved.nonce)];
    let reply = store
        .eval(&SPEND, &keys, &[random::name(), remember_ms(&solved)])
        .await?;
    match reply.word().as_str() {
        "ok" => Ok(()),
        "spent" => Err(spent()),
        _ => Err(reply.misunderstood()),
    }
}

/// Whether the network may try codes and this challenge is still to be guessed; a wrong code ends it.
async fn try_code(
    store: &PopStore,
    binding: &Binding,
    tried: &Solved,
    right: bool,
) -> Result<(), Problem> {
    let network = format!("code:{{{}}}", binding.prefix());
    let keys = [
        format!("{network}:ended:{}", tried.nonce),
        format!("{network}:wrong"),
    ];
    let arguments = [
        u8::from(right).to_string(),
        clock::now().0.to_string(),
        remember_ms(tried),
        WRONG_CODES_MAX.to_string(),
        WRONG_CODE_EVERY_MS.to_string(),
    ];
    let reply = store.eval(&TRY_CODE, &keys, &arguments).await?;
    match reply.word().as_str() {
        "ok" | "wrong" => Ok(()),
        "spent" => Err(spent()),
        "limited" => {
            let wait_ms: u32 = reply.number(1)?;
            let detail = "Too many wrong codes came from your network.";
            let problem = Problem::new(ProblemKind::SlowDown, detail);
            Err(problem.retry_after(wait_ms.div_ceil(1_000).max(1)))
        }
        _ => Err(reply.misunderstood()),
    }
}

/// For how many milliseconds a spent nonce must be remembered, for a script's ARGV: a second
/// longer than its answer counts.
pub fn remember_ms(solved: &Solved) -> String {
    let left_ms = solved.expires_at.since(clock::now());
    (left_ms.max(0) + 1_000).to_string()
}

/// The problem of an answer that was used before.
pub fn spent() -> Problem {
    another(ProblemKind::ChallengeSpent)
}

fn another(kind: ProblemKind) -> Problem {
    Problem::new(kind, "Please get a new challenge and solve it.")
}
