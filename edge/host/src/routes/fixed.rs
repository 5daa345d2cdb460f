//! Answers that the manifest spells out: made once at start, given without any instance.

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode, header};

use crate::{faults::Faults, manifest::StaticResponse};

/// Headers by which a connection is framed: they belong to the server.
const FRAMING: [HeaderName; 5] = [
    header::CONNECTION,
    header::CONTENT_LENGTH,
    header::TRANSFER_ENCODING,
    header::TRAILER,
    header::UPGRADE,
];

/// A whole answer; clones share its body.
#[derive(Clone, Debug, Default)]
pub struct Fixed {
    status: StatusCode,
    headers: HeaderMap,
    body: Bytes,
}

impl Fixed {
    /// From a trigger's `static_response`, of which nothing may be wrong.
    pub fn new(written: &StaticResponse, faults: &mut Faults) -> Self {
        const NAME: &str = "`trigger.http.static_response";
        let code = written.status_code.unwrap_or(200);
        let status = StatusCode::from_u16(code).ok();
        let status = status.filter(|status| (200..600).contains(&status.as_u16()));
        if status.is_none() {
            faults.add(format!(
                "{NAME}.status_code`: {code} is not the status of an answer: take one from 200 to 599"
            ));
        }
        let mut headers = HeaderMap::new();
        for (name, value) in &written.headers {
            let header = HeaderName::try_from(name).ok();
            let header = header.filter(|header| !FRAMING.contains(header));
            match (header, HeaderValue::try_from(value)) {
                (Some(header), Ok(value)) => {
                    headers.append(header, value);
                }
                (None, _) => faults.add(format!(
                    "{NAME}.headers`: `{name}` is not a header that an answer may set"
                )),
                (_, Err(_)) => faults.add(format!(
                    "{NAME}.headers.{name}`: its value cannot stand in a header"
                )),
            }
        }
        Self {
            status: status.unwrap_or_default(),
            headers,
            body: Bytes::from(written.body.clone()),
        }
    }

    /// What the host says about the app at `/.well-known/spin/info`, as Spin does.
    pub fn info(name: &str, version: &str) -> Self {
        let info = match version {
            "" => serde_json::json!({ "name": name }),
            _ => serde_json::json!({ "name": name, "version": version }),
        };
        let json = HeaderValue::from_static("application/json");
        Self {
            status: StatusCode::OK,
            headers: HeaderMap::from_iter([(header::CONTENT_TYPE, json)]),
            body: Bytes::from(format!("{info:#}")),
        }
    }

    /// The answer; its body is still to be boxed.
    pub fn response(&self) -> Response<Bytes> {
        let mut response = Response::new(self.body.clone());
        *response.status_mut() = self.status;
        response.headers_mut().clone_from(&self.headers);
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fixed(text: &str) -> Result<Fixed, Faults> {
        let written = toml::from_str(text).unwrap();
        let mut faults = Faults::default();
        let fixed = Fixed::new(&written, &mut faults);
        faults.into_result().map(|()| fixed)
    }

    #[test]
    fn an_answer_is_as_it_was_written() {
        let empty = fixed("").unwrap().response();
        assert_eq!(empty.status(), 200);
        assert!(empty.headers().is_empty() && empty.body().is_empty());

        let moved = fixed("status_code = 302\nbody = \"gone\"\nheaders = { Location = \"/x\" }");
        let moved = moved.unwrap().response();
        assert_eq!(moved.status(), 302);
        assert_eq!(moved.headers()["location"], "/x");
        assert_eq!(moved.body(), "gone");
    }

    #[test]
    fn what_no_answer_can_be_is_refused() {
        fn check(text: &str, expected: &str) {
            let fault = fixed(text).unwrap_err().to_string();
            assert_eq!(fault, expected, "{text}");
        }
        check(
            "status_code = 101",
            "`trigger.http.static_response.status_code`: 101 is not the status of an answer: \
             take one from 200 to 599",
        );
        check(
            "headers = { content-length = \"1\", \"a b\" = \"x\" }",
            "`trigger.http.static_response.headers`: `a b` is not a header that an answer may set; \
             `trigger.http.static_response.headers`: `content-length` is not a header that an answer \
             may set",
        );
        check(
            "headers = { x = \"a\\nb\" }",
            "`trigger.http.static_response.headers.x`: its value cannot stand in a header",
        );
    }
}
