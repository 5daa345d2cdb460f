//! Which page an address means.

use kernel::catalogue::ImageName;
use kernel::ids::{ItemId, OrderId};
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
    /// A thing that is sold, and its sales.
    Item(ItemId),
    /// A page that is the same for everybody at all times.
    Fixed(Fixed),
    /// One order: a page that a script fills, or that leads on to the order where none runs.
    Order(OrderId),
    /// Where one order is paid, if that is not at a page of the provider's.
    Pay(OrderId),
    /// What a kind of problem means: the address is its `type`.
    Problem(ProblemKind),
    /// A file under the hash of the set it belongs to.
    Asset {
        /// The hash.
        set: &'a str,
        /// Its name in the set.
        path: &'a str,
    },
    /// A file of a picture of an item.
    Image(ImageName),
    /// The same file under the name that browsers and crawlers know.
    WellKnown(&'static str),
    /// Where crawlers may go.
    Robots,
    /// What crawlers shall know.
    Sitemap,
    /// Every address that is the same for everybody.
    Directory,
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
    /// The way to the visitor's account.
    Account,
}

impl Fixed {
    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::SignIn,
        Self::SignUp,
        Self::Reset,
        Self::Orders,
        Self::Account,
    ];

    /// Where it lies.
    pub fn path(self) -> &'static str {
        match self {
            Self::SignIn => "/sign-in",
            Self::SignUp => "/sign-up",
            Self::Reset => "/reset",
            Self::Orders => "/orders",
            Self::Account => "/account",
        }
    }
}

/// The route of a path without its query.
pub fn of(path: &str) -> Route<'_> {
    let bare = path.strip_suffix('/').unwrap_or(path);
    let mut parts = bare.splitn(4, '/').skip(1);
    match (parts.next(), parts.next(), parts.next()) {
        (None, ..) | (Some("sales"), None, _) => Route::Sales,
        (Some("sales"), Some(name), None) => Route::Sale(name),
        (Some("sales"), Some(name), Some("draw")) => Route::Draw(name),
        (Some("items"), Some(id), None) => id.parse().map_or(Route::Unknown, Route::Item),
        (Some("sign-in"), None, _) => Route::Fixed(Fixed::SignIn),
        (Some("sign-up"), None, _) => Route::Fixed(Fixed::SignUp),
        (Some("reset"), None, _) => Route::Fixed(Fixed::Reset),
        (Some("account"), None, _) => Route::Fixed(Fixed::Account),
        (Some("orders"), None, _) => Route::Fixed(Fixed::Orders),
        (Some("orders"), Some(id), None) => id.parse().map_or(Route::Unknown, Route::Order),
        (Some("orders"), Some(id), Some("pay")) => id.parse().map_or(Route::Unknown, Route::Pay),
        (Some("problems"), Some(word), None) => {
            problem(word).map_or(Route::Unknown, Route::Problem)
        }
        (Some("images"), Some(name), None) => {
            ImageName::parse(name).map_or(Route::Unknown, Route::Image)
        }
        (Some("assets"), Some(set), Some(path)) => Route::Asset { set, path },
        (Some("robots.txt"), None, _) => Route::Robots,
        (Some("sitemap.xml"), None, _) => Route::Sitemap,
        (Some("site.json"), None, _) => Route::Directory,
        (Some(name), None, _) => well_known(name).map_or(Route::Unknown, Route::WellKnown),
        _ => Route::Unknown,
    }
}

/// Files that browsers look for by themselves: the name, and the asset it is.
pub const WELL_KNOWN: [(&str, &str); 3] = [
    ("favicon.ico", "images/favicon.ico"),
    ("favicon.svg", "images/favicon.svg"),
    ("apple-touch-icon.png", "images/touch-icon.png"),
];

fn well_known(name: &str) -> Option<&'static str> {
    let mut files = WELL_KNOWN.iter();
    files.find(|file| file.0 == name).map(|file| file.1)
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
        check("/items/9", Route::Item(ItemId(9)));
        check("/items/nine", Route::Unknown);
        check("/items", Route::Unknown);
        check("/sign-in", Route::Fixed(Fixed::SignIn));
        check("/sign-in/x", Route::Unknown);
        check("/orders", Route::Fixed(Fixed::Orders));
        check("/orders/7", Route::Order(OrderId(7)));
        check("/orders/seven", Route::Unknown);
        check("/orders/07", Route::Unknown);
        check("/orders/7/pay", Route::Pay(OrderId(7)));
        check("/orders/7/pay/now", Route::Unknown);
        check("/orders/7/paid", Route::Unknown);
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
        check("/sitemap.xml", Route::Sitemap);
        check("/site.json", Route::Directory);
        for page in Fixed::ALL {
            check(page.path(), Route::Fixed(page));
        }
        check("/healthz", Route::Unknown);
        check("", Route::Sales);
    }
}
