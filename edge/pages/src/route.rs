//! Which page an address means.

use kernel::ids::OrderId;
use kernel::problem::ProblemKind;

/// What lies at an address.
#[derive(Debug, PartialEq)]
pub enum Route<'a> {
    /// The list of sales.
    Sales,
    /// One sale, by id or slug.
    Sale(&'a str),
    /// How the places of one sale were drawn, by id or slug.
    Draw(&'a str),
    /// A page that is the same for everybody at all times.
    Fixed(Fixed),
    /// One order: a page that a script fills, or that leads on to the order where none runs.
    Order(OrderId),
    /// What a kind of problem means: the address is its `type`.
    Problem(ProblemKind),
    /// A file under the hash of the set it belongs to.
    Asset {
        /// The hash.
        set: &'a str,
        /// Its name in the set.
        path: &'a str,
    },
    /// The same file under the name that browsers and crawlers know.
    WellKnown(&'static str),
    /// For crawlers.
    Robots,
    /// Nothing.
    Unknown,
}

/// Pages that are the same for everybody at all times; scripts fill them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fixed {
    /// Sign in.
    SignIn,
    /// Make an account.
    SignUp,
    /// A forgotten password.
    Reset,
    /// The visitor's orders.
    Orders,
}

/// The route of a path without its query.
pub fn of(path: &str) -> Route<'_> {
    let bare = path.strip_suffix('/').unwrap_or(path);
    let mut parts = bare.splitn(4, '/').skip(1);
    match (parts.next(), parts.next(), parts.next()) {
        (None, ..) | (Some("sales"), None, _) => Route::Sales,
        (Some("sales"), Some(name), None) => Route::Sale(name),
        (Some("sales"), Some(name), Some("draw")) => Route::Draw(name),
        (Some("sign-in"), None, _) => Route::Fixed(Fixed::SignIn),
        (Some("sign-up"), None, _) => Route::Fixed(Fixed::SignUp),
        (Some("reset"), None, _) => Route::Fixed(Fixed::Reset),
        (Some("orders"), None, _) => Route::Fixed(Fixed::Orders),
        (Some("orders"), Some(id), None) => id.parse().map_or(Route::Unknown, Route::Order),
        (Some("problems"), Some(word), None) => {
            problem(word).map_or(Route::Unknown, Route::Problem)
        }
        (Some("assets"), Some(set), Some(path)) => Route::Asset { set, path },
        (Some("favicon.ico"), None, _) => Route::WellKnown("images/favicon.ico"),
        (Some("favicon.svg"), None, _) => Route::WellKnown("images/favicon.svg"),
        (Some("apple-touch-icon.png"), None, _) => Route::WellKnown("images/touch-icon.png"),
        (Some("robots.txt"), None, _) => Route::Robots,
        _ => Route::Unknown,
    }
}

fn problem(word: &str) -> Option<ProblemKind> {
    let mut kinds = ProblemKind::ALL.iter().copied();
    kinds.find(|kind| kind.word() == word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_means_a_page() {
        let check = |path, expected| assert_eq!(of(path), expected, "{path}");
        check("/", Route::Sales);
        check("/sales", Route::Sales);
        check("/sales/console", Route::Sale("console"));
        check("/sales/console/", Route::Sale("console"));
        check("/sales/console/draw", Route::Draw("console"));
        check("/sales/console/draw/7", Route::Unknown);
        check("/sales/console/more", Route::Unknown);
        check("/sign-in", Route::Fixed(Fixed::SignIn));
        check("/sign-in/x", Route::Unknown);
        check("/orders", Route::Fixed(Fixed::Orders));
        check("/orders/7", Route::Order(OrderId(7)));
        check("/orders/seven", Route::Unknown);
        check("/orders/07", Route::Unknown);
        check("/problems/sold-out", Route::Problem(ProblemKind::SoldOut));
        check("/problems/unheard-of", Route::Unknown);
        let (set, path) = ("0123456789ab", "js/sale.js");
        check(
            "/assets/0123456789ab/js/sale.js",
            Route::Asset { set, path },
        );
        check("/assets/0123456789ab", Route::Unknown);
        check("/favicon.ico", Route::WellKnown("images/favicon.ico"));
        check("/robots.txt", Route::Robots);
        check("/healthz", Route::Unknown);
        check("", Route::Sales);
    }
}
