//! What every answer says to browsers about safety.

use kit::answer::{Answer, with_header};

/// The headers on top of what the answer has; forms may lead to `checkout_origins`.
pub fn secure(answer: Answer, checkout_origins: &str) -> Answer {
    let headers = [
        ("content-security-policy", policy(checkout_origins)),
        ("x-content-type-options", "nosniff".to_owned()),
        // Our own pages still send `Origin` with a form; nobody else learns which page it was.
        ("referrer-policy", "same-origin".to_owned()),
        ("cross-origin-opener-policy", "same-origin".to_owned()),
        (
            "permissions-policy",
            "camera=(), display-capture=(), geolocation=(), microphone=(), usb=()".to_owned(),
        ),
    ];
    headers.iter().fold(answer, |answer, (name, value)| {
        with_header(answer, name, value)
    })
}

fn policy(checkout_origins: &str) -> String {
    let form_action = format!("form-action 'self' {checkout_origins}");
    [
        "default-src 'none'",
        // WebAssembly may be compiled; text may not become JavaScript.
        "script-src 'self' 'wasm-unsafe-eval'",
        "style-src 'self'",
        "img-src 'self' data: https: http:",
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

    #[test]
    fn the_policy_allows_nothing_inline() {
        let policy = policy("https://pay.example");
        assert!(policy.contains("; script-src 'self' 'wasm-unsafe-eval'; "));
        assert!(!policy.contains("'unsafe"));
        assert!(policy.contains("; form-action 'self' https://pay.example; "));
        assert!(super::policy("").contains("; form-action 'self'; "));
    }
}
