//! Orders with another PoP's token.
//!
//! Invariant: a token is judged by the PoP that gave it, whose key and whose store know it. A
//! shopper may come to any PoP, so the others hand the order on to that one.

use crate::passes;
use crate::received::Received;
use crate::routes::Pass;
use crate::settings::Relay;
use kernel::problem::Problem;
use kernel::token::pop_of;
use kit::answer::Answer;
use kit::peer::at_pop;
use kit::snapshot::{self, View};

/// The answer of the PoP that the token names, if that is another one we know.
pub(crate) async fn order(
    relay: &'static Relay,
    pass: Pass,
    received: &Received,
) -> Result<Option<Answer>, Problem> {
    if pass != Pass::Token {
        return Ok(None);
    }
    let view = snapshot::current(&relay.edge).await?;
    let token = passes::bearer(&received.headers).unwrap_or_default();
    let Some(other) = giver(relay, &view, token) else {
        return Ok(None);
    };
    at_pop(&relay.edge, &view, received.asked(), &other)
        .await
        .map(Some)
}

/// The PoP that a token names, if that is another one we know.
pub(crate) fn giver(relay: &Relay, view: &View, token: &str) -> Option<String> {
    let named = pop_of(token).filter(|pop| *pop != relay.edge.keys.pop)?;
    let known = view.snapshot().pops.iter().any(|pop| pop.id == named);
    known.then_some(named)
}
