//! `Cache-Status` (RFC 9211): how an answer came about.

use http::{HeaderName, HeaderValue, StatusCode};

/// The header.
pub const CACHE_STATUS: HeaderName = HeaderName::from_static("cache-status");

/// Why a component was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Forward {
    /// The method is none that is answered from the cache.
    Method,
    /// The request is none of those that the cache looks at.
    Bypass,
    /// Nothing is stored for the address.
    UriMiss,
    /// What is stored for the address is for other requests.
    VaryMiss,
    /// What is stored is too old.
    Stale,
}

impl Forward {
    fn word(self) -> &'static str {
        match self {
            Self::Method => "method",
            Self::Bypass => "bypass",
            Self::UriMiss => "uri-miss",
            Self::VaryMiss => "vary-miss",
            Self::Stale => "stale",
        }
    }

    /// Answered by the component, and not kept.
    pub fn passed(self) -> HeaderValue {
        HeaderValue::from_static(match self {
            Self::Method => "doorbuster-edge; fwd=method",
            Self::Bypass => "doorbuster-edge; fwd=bypass",
            Self::UriMiss => "doorbuster-edge; fwd=uri-miss",
            Self::VaryMiss => "doorbuster-edge; fwd=vary-miss",
            Self::Stale => "doorbuster-edge; fwd=stale",
        })
    }

    /// Answered by the component, with this status, and kept.
    pub fn stored(self, status: StatusCode) -> HeaderValue {
        self.with(&format!("; fwd-status={}; stored", status.as_u16()))
    }

    /// Answered with what another request brought.
    pub fn collapsed(self) -> HeaderValue {
        self.with("; collapsed")
    }

    /// Answered with what is too old, because the component failed.
    pub fn excused(self, status: Option<StatusCode>) -> HeaderValue {
        match status {
            Some(code) => self.with(&format!(
                "; fwd-status={}; detail=stale-if-error",
                code.as_u16()
            )),
            None => self.with("; detail=stale-if-error"),
        }
    }

    fn with(self, rest: &str) -> HeaderValue {
        let text = format!("doorbuster-edge; fwd={}{rest}", self.word());
        HeaderValue::try_from(text).unwrap_or_else(|_| self.passed())
    }
}

/// Answered from the cache, which holds it fresh for so many more seconds.
pub fn hit(seconds_left: i64) -> HeaderValue {
    HeaderValue::try_from(format!("doorbuster-edge; hit; ttl={seconds_left}"))
        .unwrap_or_else(|_| HeaderValue::from_static("doorbuster-edge; hit"))
}

/// Not answered: the cache has nothing fresh, and no component was to be asked.
pub fn only_if_cached() -> HeaderValue {
    HeaderValue::from_static("doorbuster-edge; detail=only-if-cached")
}
