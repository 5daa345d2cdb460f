//! Renewing a session on the way, as a script would have done.

use super::{request, told};
use crate::received::Received;
use crate::routes::Pass;
use crate::settings::Relay;
use bytes::Bytes;
use kernel::problem::Problem;
use kit::{clock, snapshot, visitor};
use spin_sdk::http::{HeaderValue, Method};

/// Renews a session whose five minutes are over, if the origin does: the request goes on with the
/// new one, and the cookie is for the shopper. Otherwise the request stays as it is, to be told
/// what it lacks.
pub(super) async fn renew(
    relay: &'static Relay,
    received: &mut Received,
) -> Result<Option<HeaderValue>, Problem> {
    let view = snapshot::current(&relay.edge).await?;
    let now = clock::now();
    let headers = &received.headers;
    if visitor::session(headers, &view, now).is_ok()
        || visitor::renewable_session(headers, &view, now).is_err()
    {
        return Ok(None);
    }
    let mut question = Received {
        method: Method::GET,
        uri: received.uri.clone(),
        headers: headers.clone(),
        body: Bytes::new(),
        client: received.client,
    };
    request::ask(&mut question, Method::GET, "/api/session")?;
    let told = told(relay, Pass::Renewable, &question).await;
    let cookie = told.headers.get("set-cookie").filter(|_| told.is_good());
    let Some(cookie) = cookie else {
        return Ok(None);
    };
    if let Some(pair) = pair(cookie) {
        received.headers.remove("cookie");
        received.headers.insert("cookie", pair);
    }
    Ok(Some(cookie.clone()))
}

/// `name=value` of a `Set-Cookie`.
fn pair(cookie: &HeaderValue) -> Option<HeaderValue> {
    let (pair, _) = cookie.to_str().ok()?.split_once(';')?;
    HeaderValue::from_str(pair.trim()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_cookie_goes_on_without_its_attributes() {
        let cookie = HeaderValue::from_static("__Host-session=a.b.c; Path=/; Secure; HttpOnly");
        assert_eq!(pair(&cookie).unwrap(), "__Host-session=a.b.c");
    }
}
