//! Challenges as components check them.
//!
//! Invariant: a right answer is worth one act. Whoever acts on it spends it first: the relay with
//! [`spend`], the gate inside its own script.

use crate::pop_store::{PopStore, Script};
use crate::settings::Edge;
use crate::{clock, random};
use kernel::challenge::{BadAnswer, Binding, Purpose, Solved, verify};
use kernel::client_address::prefix;
use kernel::problem::{Problem, ProblemKind};
use std::net::IpAddr;

static SPEND: Script = Script::new(include_str!("../../../lua/edge/spend.lua"));

/// Checks the answer in the field `challenge` of a request.
pub fn check(edge: &Edge, answer: &str, binding: &Binding) -> Result<Solved, Problem> {
    verify(&edge.keys, answer, binding, clock::now()).map_err(|error| {
        let kind = match error {
            BadAnswer::Wrong => ProblemKind::ChallengeWrong,
            BadAnswer::Expired => ProblemKind::ChallengeExpired,
        };
        Problem::new(kind, "Please get a new challenge and solve it.")
    })
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
    let solved = check(edge, answer, &binding)?;
    let name = match purpose {
        Purpose::Code => "code",
        Purpose::SignIn => "sign-in",
        Purpose::Place => "place",
        Purpose::Token => "token",
    };
    let keys = [format!("spent:{name}:{}", solved.nonce)];
    let reply = store
        .eval(&SPEND, &keys, &[random::name(), remember_ms(&solved)])
        .await?;
    match reply.word().as_str() {
        "ok" => Ok(()),
        "spent" => Err(spent()),
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
    let detail = "Please get a new challenge and solve it.";
    Problem::new(ProblemKind::ChallengeSpent, detail)
}
