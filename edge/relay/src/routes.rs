//! The relay's paths, and what each asks for, read as data.
//!
//! Invariant: whatever is not named here does not exist, whatever the origin thinks of it.

use kernel::challenge::Purpose;
use kernel::ids::{AddressId, OrderId};

/// What a method and a path lead to.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Route<'a> {
    /// The edge's time.
    Clock,
    /// All sales, from the snapshot.
    Sales,
    /// One of them, by id or slug.
    Sale(&'a str),
    /// To the origin, for whoever has the pass.
    Forward(Pass),
    /// The path exists for these methods.
    OtherMethod(&'static str),
    /// Nothing is here.
    Unknown,
}

/// What a request must show before it may go to the origin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pass {
    /// A solved challenge of this purpose in the body; it is spent.
    Challenge(Purpose),
    /// A ticket of the origin's in the body.
    Ticket,
    /// A session and a purchase token for the sale in the body.
    Token,
    /// A session.
    Session,
    /// A session, also one that is to be renewed.
    Renewable,
}

impl<'a> Route<'a> {
    /// What `method` and `path` lead to; exactly, without guessing at slashes.
    pub(crate) fn of(method: &str, path: &'a str) -> Self {
        let Some(rest) = path.strip_prefix("/api/") else {
            return Self::Unknown;
        };
        let parts = rest.split('/').collect::<Vec<_>>();
        let id = |text: &str| text.parse::<OrderId>().is_ok();
        match parts.as_slice() {
            ["clock"] => read(method, Self::Clock),
            ["sales"] => read(method, Self::Sales),
            ["sales", sale] => read(method, Self::Sale(sale)),
            ["accounts", "codes"] => post(method, Pass::Challenge(Purpose::Code)),
            ["accounts"] | ["accounts", "password"] => post(method, Pass::Ticket),
            ["session"] => match method {
                "GET" => Self::Forward(Pass::Renewable),
                "POST" => Self::Forward(Pass::Challenge(Purpose::SignIn)),
                "DELETE" => Self::Forward(Pass::Session),
                _ => Self::OtherMethod("GET, POST, DELETE"),
            },
            ["sessions"] | ["account", "export"] => get(method, Pass::Session),
            ["sessions", session] if is_session(session) => match method {
                "DELETE" => Self::Forward(Pass::Session),
                _ => Self::OtherMethod("DELETE"),
            },
            ["account"] => match method {
                "GET" | "POST" | "DELETE" => Self::Forward(Pass::Session),
                _ => Self::OtherMethod("GET, POST, DELETE"),
            },
            ["account", "password" | "contact-codes" | "contact"] => post(method, Pass::Session),
            ["account", "addresses"] => match method {
                "GET" | "POST" => Self::Forward(Pass::Session),
                _ => Self::OtherMethod("GET, POST"),
            },
            ["account", "addresses", address] if address.parse::<AddressId>().is_ok() => {
                match method {
                    "POST" | "DELETE" => Self::Forward(Pass::Session),
                    _ => Self::OtherMethod("POST, DELETE"),
                }
            }
            ["orders"] => match method {
                "GET" => Self::Forward(Pass::Session),
                "POST" => Self::Forward(Pass::Token),
                _ => Self::OtherMethod("GET, POST"),
            },
            ["orders", order] | ["orders", order, "events"] if id(order) => {
                get(method, Pass::Session)
            }
            ["orders", order, "payment" | "cancel"] if id(order) => post(method, Pass::Session),
            _ => Self::Unknown,
        }
    }
}

/// Whether a text can be the id of a session: 32 hexadecimal digits.
pub(crate) fn is_session(text: &str) -> bool {
    text.len() == 32
        && text
            .bytes()
            .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

fn read<'a>(method: &str, route: Route<'a>) -> Route<'a> {
    match method {
        "GET" | "HEAD" => route,
        _ => Route::OtherMethod("GET, HEAD"),
    }
}

fn get(method: &str, pass: Pass) -> Route<'static> {
    match method {
        "GET" => Route::Forward(pass),
        _ => Route::OtherMethod("GET"),
    }
}

fn post(method: &str, pass: Pass) -> Route<'static> {
    match method {
        "POST" => Route::Forward(pass),
        _ => Route::OtherMethod("POST"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_way_to_the_origin_asks_for_something() {
        let check = |method, path: &str, pass| {
            assert_eq!(
                Route::of(method, path),
                Route::Forward(pass),
                "{method} {path}"
            );
        };
        check(
            "POST",
            "/api/accounts/codes",
            Pass::Challenge(Purpose::Code),
        );
        check("POST", "/api/accounts", Pass::Ticket);
        check("POST", "/api/accounts/password", Pass::Ticket);
        check("POST", "/api/session", Pass::Challenge(Purpose::SignIn));
        check("GET", "/api/session", Pass::Renewable);
        check("DELETE", "/api/session", Pass::Session);
        check("POST", "/api/orders", Pass::Token);
        check("GET", "/api/orders", Pass::Session);
        check("GET", "/api/orders/5", Pass::Session);
        check("GET", "/api/orders/5/events", Pass::Session);
        check("POST", "/api/orders/5/payment", Pass::Session);
        check("POST", "/api/orders/5/cancel", Pass::Session);
        check("GET", "/api/account", Pass::Session);
        check("POST", "/api/account", Pass::Session);
        check("DELETE", "/api/account", Pass::Session);
        for path in ["password", "contact-codes", "contact", "addresses"] {
            check("POST", &format!("/api/account/{path}"), Pass::Session);
        }
        check("GET", "/api/account/export", Pass::Session);
        check("GET", "/api/account/addresses", Pass::Session);
        check("POST", "/api/account/addresses/5", Pass::Session);
        check("DELETE", "/api/account/addresses/5", Pass::Session);
        check("GET", "/api/sessions", Pass::Session);
        let session = format!("/api/sessions/{}", "0f".repeat(16));
        check("DELETE", &session, Pass::Session);
    }

    #[test]
    fn what_everybody_may_see_is_answered_here() {
        let check = |method, path, route| assert_eq!(Route::of(method, path), route, "{path}");
        check("GET", "/api/clock", Route::Clock);
        check("HEAD", "/api/sales", Route::Sales);
        check("GET", "/api/sales/console", Route::Sale("console"));
        check("POST", "/api/sales", Route::OtherMethod("GET, HEAD"));
        check("PUT", "/api/orders", Route::OtherMethod("GET, POST"));
        check("GET", "/api/orders/5/cancel", Route::OtherMethod("POST"));
    }

    #[test]
    fn nothing_else_exists() {
        for path in [
            "/api",
            "/api/",
            "/internal/snapshot",
            "/api/../internal/snapshot",
            "/api/orders/",
            "/api//orders",
            "/api/orders/5/",
            "/api/orders/%35",
            "/api/orders/05",
            "/api/orders/new",
            "/api/orders/5/events/",
            "/api/orders/new/events",
            "/api/orders/5/refund",
            "/api/accounts/5",
            "/api/account/",
            "/api/account/5",
            "/api/account/delete",
            "/api/account/addresses/05",
            "/api/account/addresses/5/delete",
            "/api/sessions/5",
            "/api/sessions/../account",
            "/API/orders",
        ] {
            assert_eq!(Route::of("GET", path), Route::Unknown, "{path}");
        }
    }
}
