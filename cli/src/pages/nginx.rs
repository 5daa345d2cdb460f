//! The same for nginx: a file to be included in a `server`.
//!
//! Invariant: an address is answered as the edge answers it: no redirect, the same headers, what was
//! compressed by the edge and nothing else.

use super::rules::{Pattern, Rule, Rules, without};
use super::site::{Headers, Site};
use anyhow::ensure;
use std::fmt::Write as _;

const HEAD: &str = "\
# Serves the folder `public` beside this file as an edge of Doorbuster does. Written by
# `doorbuster pages export`; the next export writes it anew.
#
#     server {
#         listen 80;
#         root /srv/shop/public;
#         include /srv/shop/nginx.conf;
#         location /api/ { proxy_pass http://edge; }     # and /gate/ and /orders/
#     }

gzip off;
gzip_static on;
gzip_proxied any;
error_page 404 /404.html;
rewrite ^(.+)/$ $1 last;
default_type application/octet-stream;
";

/// The text of the file.
pub(super) fn text(site: &Site, rules: &Rules) -> anyhow::Result<String> {
    let mut text = HEAD.to_owned();
    text.push_str("types {\n");
    for (ending, media_type) in &rules.media_types {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "    {} {ending};", quoted(media_type)?);
    }
    text.push_str("}\n\nlocation / {\n    return 404;\n}\n");
    let missing = without(&site.missing.headers, &rules.common);
    let directives = format!("    internal;\n{}", headers(rules, &missing)?);
    let _ = writeln!(text, "location = /404.html {{\n{directives}}}");

    let of_former = headers(rules, &without(&site.former_assets, &rules.common))?;
    let rewrite = format!(
        "rewrite ^/assets/[^/]+/(.+)$ /assets/{}/$1 break;",
        site.assets
    );
    let _ = writeln!(text, "location /assets/ {{\n    {rewrite}\n{of_former}}}");
    for rule in &rules.special {
        if rule.pattern == Pattern::Exact(site.missing.path.clone()) {
            continue;
        }
        text.push_str(&location(rules, rule)?);
    }
    Ok(text)
}

fn location(rules: &Rules, rule: &Rule) -> anyhow::Result<String> {
    let headers = headers(rules, &rule.headers)?;
    let (begin, tried) = match &rule.pattern {
        Pattern::Exact(path) if path == "/" => ("= /".to_owned(), "/index.html"),
        Pattern::Exact(path) => (format!("= {path}"), tried(rule)),
        Pattern::Below(path) => (path.clone(), tried(rule)),
    };
    Ok(format!(
        "location {begin} {{\n    try_files {tried} =404;\n{headers}}}\n"
    ))
}

fn tried(rule: &Rule) -> &'static str {
    match (rule.files, rule.pages) {
        (true, true) => "$uri $uri.html",
        (true, false) => "$uri",
        (false, _) => "$uri.html",
    }
}

/// Headers of a location hide those of the server, so each has all.
fn headers(rules: &Rules, own: &Headers) -> anyhow::Result<String> {
    let mut text = String::new();
    for (name, value) in rules.common.iter().chain(own) {
        let value = quoted(value)?;
        let _ = writeln!(text, "    add_header {name} {value} always;");
    }
    Ok(text)
}

/// A word of nginx's configuration; a dollar would begin a variable whatever stands around it.
fn quoted(text: &str) -> anyhow::Result<String> {
    let printable = text.bytes().all(|byte| matches!(byte, b' '..=b'~'));
    ensure!(
        printable && !text.contains('$'),
        "nginx cannot say {text:?}"
    );
    let escaped = text.replace('\\', "\\\\").replace('"', "\\\"");
    Ok(format!("\"{escaped}\""))
}

#[cfg(test)]
mod tests {
    use super::quoted;

    #[test]
    fn a_value_stays_one_word() {
        assert_eq!(quoted("a 'self'; b").unwrap(), "\"a 'self'; b\"");
        assert_eq!(quoted("a\"b\\").unwrap(), "\"a\\\"b\\\\\"");
        assert!(quoted("$uri").is_err());
        assert!(quoted("a\nb").is_err());
    }
}
