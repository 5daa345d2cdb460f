//! Orders with another PoP's token.
//!
//! Invariant: a token is judged by the PoP that gave it, whose key and whose store know it. A
//! shopper may come to any PoP, so the others hand the order on to that one.

use crate::received::Received;
use crate::routes::Pass;
use crate::settings::Relay;
use kernel::problem::Problem;
use kernel::token::pop_of;
use kit::answer::Answer;
use kit::peer::at_pop;
use kit::snapshot;

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
    let token = received.headers.get("authorization");
    let token = token
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    let named = token.split_once(' ').and_then(|(_, token)| pop_of(token));
    let own = &relay.edge.keys.pop;
    let mut others = view.snapshot().pops.iter();
    let Some(other) = others.find(|pop| pop.id != *own && named.as_ref() == Some(&pop.id)) else {
        return Ok(None);
    };
    at_pop(&relay.edge, &view, received.asked(), &other.id)
        .await
        .map(Some)
}
