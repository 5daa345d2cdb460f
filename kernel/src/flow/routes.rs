//! The routes of the edge listener by name, as rules speak of them.
//!
//! Invariant: a name stands for one method and path; what is not listed is called `other`.

/// A route that rules can name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Route {
    /// Its name in rules and metrics.
    pub name: &'static str,
    /// The method.
    pub method: &'static str,
    /// The path as the router has it.
    pub path: &'static str,
}

const fn route(name: &'static str, method: &'static str, path: &'static str) -> Route {
    Route { name, method, path }
}

/// All of them. The last one stands for every request that is none of the others.
pub const ROUTES: &[Route] = &[
    route("place", "POST", "/api/orders"),
    route("order-list", "GET", "/api/orders"),
    route("order", "GET", "/api/orders/{id}"),
    route("order-events", "GET", "/api/orders/{id}/events"),
    route("cancel", "POST", "/api/orders/{id}/cancel"),
    route("payment", "POST", "/api/orders/{id}/payment"),
    route("codes", "POST", "/api/accounts/codes"),
    route("register", "POST", "/api/accounts"),
    route("password", "POST", "/api/accounts/password"),
    route("sign-in", "POST", "/api/session"),
    route("renew", "GET", "/api/session"),
    route("sign-out", "DELETE", "/api/session"),
    route("account", "GET", "/api/account"),
    route("account-change", "POST", "/api/account"),
    route("account-erase", "DELETE", "/api/account"),
    route("account-password", "POST", "/api/account/password"),
    route("contact-codes", "POST", "/api/account/contact-codes"),
    route("contact", "POST", "/api/account/contact"),
    route("account-export", "GET", "/api/account/export"),
    route("addresses", "GET", "/api/account/addresses"),
    route("address-add", "POST", "/api/account/addresses"),
    route("address-change", "POST", "/api/account/addresses/{id}"),
    route("address-delete", "DELETE", "/api/account/addresses/{id}"),
    route("sessions", "GET", "/api/sessions"),
    route("session-end", "DELETE", "/api/sessions/{id}"),
    route("snapshot", "GET", "/internal/snapshot"),
    route("leases", "POST", "/internal/leases"),
    route("lobbies", "POST", "/internal/lobbies"),
    route("slots", "GET", "/internal/slots/{id}"),
    route(OTHER_ROUTE, "", ""),
];

/// What a rule says that means every route.
pub const EVERY_ROUTE: &str = "*";
/// The name of what has no name of its own.
pub const OTHER_ROUTE: &str = "other";

/// The number of a request's route in [`ROUTES`].
pub fn route_of(method: &str, path: &str) -> usize {
    ROUTES
        .iter()
        .position(|route| route.path == path && route.method == method)
        .unwrap_or(ROUTES.len() - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_route_has_one_name() {
        for (number, route) in ROUTES.iter().enumerate() {
            assert_eq!(route_of(route.method, route.path), number, "{route:?}");
            let same = ROUTES.iter().filter(|other| other.name == route.name);
            assert_eq!(same.count(), 1, "{route:?}");
        }
        assert_eq!(ROUTES[route_of("PATCH", "/nothing")].name, OTHER_ROUTE);
    }
}
