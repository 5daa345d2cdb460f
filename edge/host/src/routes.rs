//! Which component answers a path, and the `spin-*` headers that say so.
//!
//! Patterns are those of Spin, matched by the same crate: exact, `:param`, a trailing `/...`;
//! case-sensitive; a literal beats a param beats a wildcard at the first difference; captures are not
//! percent-decoded.

mod fixed;
mod headers;

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Response};

use crate::faults::Faults;

pub use fixed::Fixed;

/// Paths below this belong to the host.
pub const WELL_KNOWN: &str = "/.well-known/spin/";

/// The routes of an app.
#[derive(Default)]
pub struct Routes {
    router: routefinder::Router<Target>,
    info: Fixed,
}

/// Where a pattern leads.
#[derive(Clone, Debug)]
pub enum Destination {
    /// To the component with this number.
    Component(usize),
    /// To an answer that never changes.
    Fixed(Fixed),
}

/// What a pattern leads to, with all that can be known before a request.
#[derive(Clone, Debug)]
struct Target {
    destination: Destination,
    matched_route: HeaderValue,
    raw_route: HeaderValue,
    component_route: HeaderValue,
    /// Names of the params and of the headers that carry their captures.
    params: Vec<(String, HeaderName)>,
}

/// A path that leads to a component.
pub struct Match<'router, 'path> {
    target: &'router Target,
    captures: routefinder::Captures<'router, 'path>,
    path: &'path str,
}

impl Routes {
    /// Builds the routes from patterns and where they lead.
    pub fn build<'a>(
        patterns: impl IntoIterator<Item = (&'a str, Destination)>,
        faults: &mut Faults,
    ) -> Self {
        let mut routes = Self::default();
        let mut seen = Vec::new();
        for (pattern, destination) in patterns {
            let based = based(pattern);
            if seen.contains(&based) {
                faults.add(format!("the route `{pattern}` stands twice"));
            } else if let Err(reason) = routes.add(pattern, &based, destination) {
                faults.add(format!("the route `{pattern}` {reason}"));
            }
            seen.push(based);
        }
        routes
    }

    /// With what the host says of the app.
    pub fn with_info(self, info: Fixed) -> Self {
        Self { info, ..self }
    }

    /// The answer at `/.well-known/spin/info`.
    pub fn info(&self) -> Response<Bytes> {
        self.info.response()
    }

    /// The best match for a path, which must start with a slash.
    pub fn find<'router, 'path>(&'router self, path: &'path str) -> Option<Match<'router, 'path>> {
        if !path.starts_with('/') {
            return None;
        }
        let best = self.router.best_match(path)?;
        Some(Match {
            target: best.handler(),
            captures: best.captures(),
            path,
        })
    }

    fn add(&mut self, pattern: &str, based: &str, destination: Destination) -> Result<(), String> {
        if based.starts_with(WELL_KNOWN) {
            return Err(format!(
                "lies below {WELL_KNOWN}, which belongs to the host"
            ));
        }
        let finder = match based.strip_suffix("/...") {
            Some(prefix) => format!("{prefix}/*"),
            None => based.to_owned(),
        };
        if based.contains('*') || finder.contains("...") {
            return Err("has a wildcard that is not a trailing `/...`".into());
        }
        let specification = routefinder::RouteSpec::try_from(finder.as_str())?;
        let params = specification
            .segments()
            .iter()
            .filter_map(|segment| match segment {
                routefinder::Segment::Param(name) => Some(name.to_string()),
                _ => None,
            });
        let params = params
            .map(|name| headers::path_match(&name).map(|header| (name, header)))
            .collect::<Result<_, _>>()?;
        let value = |text: &str| HeaderValue::from_str(text).map_err(|_| "has a control character");
        let target = Target {
            destination,
            matched_route: value(based)?,
            raw_route: value(pattern)?,
            component_route: value(pattern.strip_suffix("/...").unwrap_or(pattern))?,
            params,
        };
        self.router
            .add(specification, target)
            .map_err(|never: std::convert::Infallible| match never {})
    }
}

impl Match<'_, '_> {
    /// Where the path leads.
    pub fn destination(&self) -> &Destination {
        &self.target.destination
    }

    /// What a trailing `/...` matched, with its slash; a trailing slash of the path is kept.
    fn path_info(&self) -> String {
        let slash = if self.path.ends_with('/') { "/" } else { "" };
        match self.captures.wildcard() {
            Some("") => slash.to_owned(),
            Some(rest) => format!("/{rest}{slash}"),
            None => String::new(),
        }
    }
}

/// The pattern with a slash before it and none after it, so that `/` is empty.
fn based(pattern: &str) -> String {
    let slash = if pattern.starts_with('/') { "" } else { "/" };
    let based = format!("{slash}{pattern}");
    based.strip_suffix('/').unwrap_or(&based).to_owned()
}

#[cfg(test)]
mod tests;
