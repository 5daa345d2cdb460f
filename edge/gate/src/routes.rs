//! The gate's paths and queries, read as data.

use kernel::challenge::Purpose;
use kernel::challenge::media::Medium;
use kernel::ids::SaleId;
use kernel::problem::Problem;

/// What a path leads to.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Route<'a> {
    /// `/gate/challenges`.
    Challenges,
    /// `/gate/sales/{id}/places`.
    Places(&'a str),
    /// `/gate/sales/{id}/receipt`.
    Receipt(&'a str),
    /// `/gate/challenges/{id}/image` or `/audio`.
    Medium(&'a str, Medium),
    /// `/gate/sales/{id}/tokens`.
    Tokens(&'a str),
}

impl<'a> Route<'a> {
    /// What `path` leads to; exactly, without guessing at slashes.
    pub(crate) fn of(path: &'a str) -> Option<Self> {
        let parts = path.strip_prefix("/gate/")?.split('/').collect::<Vec<_>>();
        match parts.as_slice() {
            ["challenges"] => Some(Self::Challenges),
            ["sales", sale, "places"] => Some(Self::Places(sale)),
            ["sales", sale, "receipt"] => Some(Self::Receipt(sale)),
            ["challenges", id, "image"] => Some(Self::Medium(id, Medium::Image)),
            ["challenges", id, "audio"] => Some(Self::Medium(id, Medium::Audio)),
            ["sales", sale, "tokens"] => Some(Self::Tokens(sale)),
            _ => None,
        }
    }
}

/// How a visitor shows to be one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// By a proof of work.
    Pow,
    /// By a code that is drawn.
    Image,
    /// By a code that is spoken.
    Audio,
}

/// What challenge is asked for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Wanted {
    /// A proof of work unless something else was said.
    pub(crate) kind: Kind,
    /// What its answer shall be good for.
    pub(crate) purpose: Purpose,
    /// The sale, where the purpose has one.
    pub(crate) sale: Option<SaleId>,
}

impl Wanted {
    /// Reads `purpose=..&kind=..&sale_id=..`.
    pub(crate) fn of(query: &str) -> Result<Self, Problem> {
        let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
        let pairs = pairs.collect::<Vec<_>>();
        let value = |name| pairs.iter().find(|pair| pair.0 == name).map(|pair| pair.1);

        let kind = match value("kind") {
            None | Some("pow") => Kind::Pow,
            Some("image") => Kind::Image,
            Some("audio") => Kind::Audio,
            Some(_) => return Err(Problem::field("kind", "is pow, image or audio")),
        };
        let (purpose, has_sale) = match value("purpose") {
            Some("code") => (Purpose::Code, false),
            Some("sign-in") => (Purpose::SignIn, false),
            Some("place") => (Purpose::Place, true),
            Some("token") => (Purpose::Token, true),
            _ => {
                return Err(Problem::field(
                    "purpose",
                    "is code, sign-in, place or token",
                ));
            }
        };
        if !has_sale {
            return Ok(Self {
                kind,
                purpose,
                sale: None,
            });
        }
        match value("sale_id").map(str::parse) {
            Some(Ok(sale)) => Ok(Self {
                kind,
                purpose,
                sale: Some(sale),
            }),
            Some(Err(_)) => Err(Problem::field("sale_id", "is the id of a sale")),
            None => Err(Problem::field("sale_id", "is missing")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_leads_somewhere_or_nowhere() {
        let check = |path, expected| assert_eq!(Route::of(path), expected, "{path}");
        check("/gate/challenges", Some(Route::Challenges));
        check(
            "/gate/challenges/a-b_c/image",
            Some(Route::Medium("a-b_c", Medium::Image)),
        );
        check(
            "/gate/challenges/x/audio",
            Some(Route::Medium("x", Medium::Audio)),
        );
        check("/gate/challenges/x/video", None);
        check("/gate/challenges/x", None);
        check("/gate/sales/5/tokens", Some(Route::Tokens("5")));
        check("/gate/sales/5/places", Some(Route::Places("5")));
        check("/gate/sales/5/receipt", Some(Route::Receipt("5")));
        check("/gate/sales/5/orders", None);
        check("/gate/sales/5/tokens/", None);
        check("/gate//challenges", None);
        check("/gate", None);
        check("/", None);
    }

    #[test]
    fn a_query_names_kind_purpose_and_sale() {
        let check = |query, kind, purpose, sale: Option<u64>| {
            let wanted = Wanted {
                kind,
                purpose,
                sale: sale.map(SaleId),
            };
            assert_eq!(Wanted::of(query), Ok(wanted), "{query}");
        };
        check("purpose=code", Kind::Pow, Purpose::Code, None);
        let query = "kind=pow&purpose=sign-in&sale_id=5";
        check(query, Kind::Pow, Purpose::SignIn, None);
        let query = "purpose=token&kind=image&sale_id=5";
        check(query, Kind::Image, Purpose::Token, Some(5));
        let query = "sale_id=5&purpose=place&kind=audio";
        check(query, Kind::Audio, Purpose::Place, Some(5));
    }

    #[test]
    fn what_is_wrong_with_a_query_is_named() {
        let check = |query, field: &str| {
            let problem = Wanted::of(query).unwrap_err();
            assert_eq!(problem.errors[0].field, field, "{query}");
        };
        check("", "purpose");
        check("purpose=fun", "purpose");
        check("purpose=code&kind=video", "kind");
        check("purpose=token", "sale_id");
        check("purpose=token&sale_id=console", "sale_id");
    }
}
