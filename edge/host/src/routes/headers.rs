//! The headers by which a component learns how it was reached.
//!
//! They are appended, as Spin does: what a client sent under such a name stays before them, so a
//! component must take the last value.

use std::net::SocketAddr;

use http::{HeaderMap, HeaderName, HeaderValue, Uri, header::InvalidHeaderValue};

use super::Match;

const PATH_INFO: HeaderName = HeaderName::from_static("spin-path-info");
const FULL_URL: HeaderName = HeaderName::from_static("spin-full-url");
const MATCHED_ROUTE: HeaderName = HeaderName::from_static("spin-matched-route");
const BASE_PATH: HeaderName = HeaderName::from_static("spin-base-path");
const RAW_COMPONENT_ROUTE: HeaderName = HeaderName::from_static("spin-raw-component-route");
const COMPONENT_ROUTE: HeaderName = HeaderName::from_static("spin-component-route");
const CLIENT_ADDR: HeaderName = HeaderName::from_static("spin-client-addr");

impl Match<'_, '_> {
    /// Appends the headers for a request to `url` (absolute) from `client`.
    pub fn append_headers(
        &self,
        headers: &mut HeaderMap,
        url: &Uri,
        client: SocketAddr,
    ) -> Result<(), InvalidHeaderValue> {
        let target = self.target;
        headers.append(PATH_INFO, HeaderValue::try_from(self.path_info())?);
        headers.append(FULL_URL, HeaderValue::try_from(url.to_string())?);
        headers.append(MATCHED_ROUTE, target.matched_route.clone());
        headers.append(BASE_PATH, HeaderValue::from_static("/"));
        headers.append(RAW_COMPONENT_ROUTE, target.raw_route.clone());
        headers.append(COMPONENT_ROUTE, target.component_route.clone());
        headers.append(CLIENT_ADDR, HeaderValue::try_from(client.to_string())?);
        for (param, header) in &target.params {
            let capture = self.captures.get(param).unwrap_or_default();
            headers.append(header.clone(), HeaderValue::from_str(capture)?);
        }
        Ok(())
    }
}

/// The header for the capture of a param.
pub fn path_match(param: &str) -> Result<HeaderName, String> {
    let name = format!(
        "spin-path-match-{}",
        param.to_ascii_lowercase().replace('_', "-")
    );
    HeaderName::try_from(name)
        .map_err(|_| format!("has a param `{param}` that no header can carry"))
}
