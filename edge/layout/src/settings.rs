//! Where forms may lead.

use spin_sdk::variables;
use std::sync::OnceLock;

/// Origins of checkout pages, besides our own, to which a form may lead: variable
/// `checkout_origins`, parted by spaces. A deployment that does not set it has none.
pub async fn checkout_origins() -> &'static str {
    static ORIGINS: OnceLock<String> = OnceLock::new();
    if let Some(origins) = ORIGINS.get() {
        return origins;
    }
    let text = variables::get("checkout_origins").await.unwrap_or_default();
    ORIGINS.get_or_init(|| origins(&text))
}

/// What is no origin is left out: it could otherwise end the directive and begin another.
fn origins(text: &str) -> String {
    let fits = |origin: &&str| {
        let web = origin.starts_with("https://") || origin.starts_with("http://");
        web && !origin.contains([';', ','])
    };
    text.split_whitespace()
        .filter(fits)
        .collect::<Vec<_>>()
        .join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_origins_reach_the_policy() {
        let check = |text, expected| assert_eq!(origins(text), expected, "{text}");
        check("", "");
        check(
            "https://pay.example  http://127.0.0.1:9",
            "https://pay.example http://127.0.0.1:9",
        );
        check("https://pay.example;script-src *", "");
    }
}
