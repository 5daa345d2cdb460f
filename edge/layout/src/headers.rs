//! What every page says to browsers about safety, whichever component it comes from.
//!
//! Invariant: nothing inline runs, nobody frames a page, and it is read by nobody but its own site.

use crate::settings::Site;
use kit::answer::Answer;
use spin_sdk::http::{HeaderName, HeaderValue};

/// A year, which is what browsers keep a promise of HTTPS for at least.
const HTTPS_ONLY: &str = "max-age=31536000";

/// The headers on top of what the answer has.
pub fn secure(mut answer: Answer, site: &Site) -> Answer {
    for (name, value) in site.headers.get_or_init(|| all(site)) {
        answer.headers_mut().insert(name.clone(), value.clone());
    }
    answer
}

/// Lets Stripe's script, its frames and its calls in, for the one page that is made of them.
/// <https://docs.stripe.com/security/guide#content-security-policy>
pub fn open_to_stripe(mut answer: Answer, site: &Site) -> Answer {
    let policy = policy(site)
        .replace(
            "script-src 'self'",
            "script-src 'self' https://js.stripe.com https://*.js.stripe.com",
        )
        .replace(
            "connect-src 'self'",
            "connect-src 'self' https://api.stripe.com",
        );
    let frames = "frame-src https://js.stripe.com https://*.js.stripe.com https://hooks.stripe.com";
    if let Ok(value) = HeaderValue::from_str(&format!("{policy}; {frames}")) {
        let name = HeaderName::from_static("content-security-policy");
        answer.headers_mut().insert(name, value);
    }
    answer
}

fn all(site: &Site) -> Vec<(HeaderName, HeaderValue)> {
    let policy = policy(site);
    let headers = [
        ("content-security-policy", policy.as_str()),
        ("x-content-type-options", "nosniff"),
        // Our own pages still send `Origin` with a form; nobody else learns which page it was.
        ("referrer-policy", "same-origin"),
        ("cross-origin-opener-policy", "same-origin"),
        ("cross-origin-resource-policy", "same-origin"),
        (
            "permissions-policy",
            "camera=(), display-capture=(), geolocation=(), microphone=(), usb=()",
        ),
    ];
    // Said over HTTP it would mean nothing, and on a machine of a developer it would be wrong.
    let https = site
        .https
        .then_some(("strict-transport-security", HTTPS_ONLY));
    let headers = headers.into_iter().chain(https);
    let valid = |(name, value)| {
        let value = HeaderValue::from_str(value).ok()?;
        Some((HeaderName::from_static(name), value))
    };
    headers.filter_map(valid).collect()
}

fn policy(site: &Site) -> String {
    let form_action = format!("form-action 'self' {}", site.checkout_origins);
    let pictures = if site.https {
        "img-src 'self' data: https:"
    } else {
        "img-src 'self' data: https: http:"
    };
    [
        "default-src 'none'",
        // WebAssembly may be compiled; text may not become JavaScript.
        "script-src 'self' 'wasm-unsafe-eval'",
        "style-src 'self'",
        pictures,
        "connect-src 'self'",
        "font-src 'self'",
        "media-src 'self'",
        form_action.trim(),
        "base-uri 'none'",
        "frame-ancestors 'none'",
        "worker-src 'self'",
        "manifest-src 'self'",
    ]
    .join("; ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use spin_sdk::http::StatusCode;

    #[test]
    fn the_policy_allows_nothing_inline() {
        let policy = |origins| super::policy(&Site::new(origins, "http://127.0.0.1:8080"));
        let checkout = policy("https://pay.example");
        assert!(checkout.contains("; script-src 'self' 'wasm-unsafe-eval'; "));
        assert!(!checkout.contains("'unsafe"));
        assert!(checkout.contains("; form-action 'self' https://pay.example; "));
        assert!(policy("").contains("; form-action 'self'; "));
    }

    #[test]
    fn one_page_alone_is_open_to_stripe_and_nothing_else() {
        let site = Site::new("", "https://shop.example");
        let answer = || secure(kit::answer::bytes(StatusCode::OK, "text/html", ""), &site);
        let policy = |answer: &Answer| {
            let policy = &answer.headers()["content-security-policy"];
            policy.to_str().unwrap().to_owned()
        };
        assert!(!policy(&answer()).contains("stripe"));
        let open = policy(&open_to_stripe(answer(), &site));
        for part in [
            "; script-src 'self' https://js.stripe.com https://*.js.stripe.com 'wasm-unsafe-eval'; ",
            "; connect-src 'self' https://api.stripe.com; ",
            "; frame-src https://js.stripe.com ",
        ] {
            assert!(open.contains(part), "{part} in {open}");
        }
        assert!(!open.contains("'unsafe"));
    }

    #[test]
    fn only_a_site_with_https_promises_it() {
        let headers = |url| {
            let answer = kit::answer::bytes(StatusCode::OK, "text/html", "");
            secure(answer, &Site::new("", url)).headers().clone()
        };
        let plain = headers("http://127.0.0.1:8080");
        assert!(!plain.contains_key("strict-transport-security"));
        let https = headers("HTTPS://shop.example");
        assert_eq!(https["strict-transport-security"], HTTPS_ONLY);
        let policy = https["content-security-policy"].to_str().unwrap();
        assert!(!policy.contains("http:"), "{policy}");
        for name in [
            "x-content-type-options",
            "referrer-policy",
            "cross-origin-opener-policy",
            "cross-origin-resource-policy",
            "permissions-policy",
        ] {
            assert!(
                plain.contains_key(name) && https.contains_key(name),
                "{name}"
            );
        }
    }
}
