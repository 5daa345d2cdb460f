//! The public site: every address of it, by whoever asks, and as files behind nginx.

use crate::nginx::Nginx;
use crate::shop::{Shop, eventually};
use reqwest::header::HeaderMap;
use reqwest::{Client, Method, Response, redirect};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::OnceLock;

/// Of one answer, or of who served it; everything else belongs to the address.
const OF_AN_ANSWER: [&str; 11] = [
    "accept-ranges",
    "age",
    "cache-status",
    "connection",
    "date",
    "etag",
    "keep-alive",
    "last-modified",
    "server",
    "traceparent",
    "transfer-encoding",
];
const BROWSER: &str = "text/html,application/xhtml+xml,*/*;q=0.8";

/// A shop in which nothing happens.
async fn quiet() -> &'static Shop {
    static SHOP: OnceLock<Shop> = OnceLock::new();
    static FURNISHED: tokio::sync::OnceCell<()> = tokio::sync::OnceCell::const_new();
    let shop = tokio::task::spawn_blocking(|| SHOP.get_or_init(|| Shop::start("site")));
    let shop = shop.await.unwrap();
    FURNISHED
        .get_or_init(async || {
            shop.sale(10, 1).await;
            shop.scheduled_sale(10, 2, "+2h", &[]).await;
            let paused = shop.sale(10, 1).await;
            shop.doorbuster(&["sale", "pause", &paused]);
            eventually("the pause at the edge", async || {
                let page = get(&shop.url(&format!("/sales/{paused}")), "identity").await;
                page.text().await.unwrap().contains("data-state=\"paused\"")
            })
            .await;
        })
        .await;
    shop
}

fn client() -> &'static Client {
    static CLIENT: OnceLock<Client> = OnceLock::new();
    CLIENT.get_or_init(|| {
        let builder = Client::builder().redirect(redirect::Policy::none());
        // Every test has a runtime of its own, and a connection ends with it.
        builder.pool_max_idle_per_host(0).build().unwrap()
    })
}

async fn ask(method: Method, url: &str, headers: &[(&str, &str)]) -> Response {
    let mut request = client().request(method, url);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.send().await.unwrap()
}

async fn get(url: &str, encoding: &str) -> Response {
    let headers = [("accept", BROWSER), ("accept-encoding", encoding)];
    ask(Method::GET, url, &headers).await
}

async fn paths(shop: &Shop) -> Vec<String> {
    let site = get(&shop.url("/site.json"), "identity").await;
    let site: Value = site.json().await.unwrap();
    let paths = site["paths"].as_array().unwrap().iter();
    paths
        .map(|path| path.as_str().unwrap().to_owned())
        .collect()
}

/// What belongs to the address.
fn lasting(headers: &HeaderMap) -> BTreeMap<String, String> {
    let headers = headers.iter();
    let lasting = headers.filter(|(name, _)| !OF_AN_ANSWER.contains(&name.as_str()));
    lasting
        .map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned()))
        .collect()
}

#[tokio::test]
async fn every_address_answers_head_and_knows_what_is_known() {
    let shop = quiet().await;
    let mut paths = paths(shop).await;
    paths.push("/orders/123456789".to_owned());
    for path in paths {
        let url = shop.url(&path);
        let mut tags = BTreeSet::new();
        for encoding in ["identity", "gzip", "br"] {
            let whole = get(&url, encoding).await;
            assert_eq!(whole.status(), 200, "{path}");
            let headers = whole.headers().clone();
            let body = whole.bytes().await.unwrap();
            assert_eq!(headers["content-length"], body.len().to_string(), "{path}");
            let used = headers
                .get("content-encoding")
                .map_or("identity", |value| value.to_str().unwrap());
            assert_eq!(headers["vary"], "accept-encoding", "{path}");
            if used == encoding {
                assert!(
                    tags.insert(headers["etag"].clone()),
                    "{path}: one tag for two bodies"
                );
            }

            let asked = [("accept", BROWSER), ("accept-encoding", encoding)];
            let head = ask(Method::HEAD, &url, &asked).await;
            assert_eq!(head.status(), 200, "{path}");
            assert_eq!(lasting(head.headers()), lasting(&headers), "{path}");
            assert_eq!(head.headers()["etag"], headers["etag"], "{path}");
            assert!(head.bytes().await.unwrap().is_empty(), "{path}");

            let etag = headers["etag"].to_str().unwrap();
            let known = [asked[0], asked[1], ("if-none-match", etag)];
            let known = ask(Method::GET, &url, &known).await;
            assert_eq!(known.status(), 304, "{path} {encoding}");
            for name in ["etag", "cache-control", "vary"] {
                assert_eq!(known.headers()[name], headers[name], "{path}");
            }
            assert!(known.bytes().await.unwrap().is_empty(), "{path}");
        }
    }
}

/// The addresses that a page names: links, forms and what it loads.
fn named(html: &str) -> Vec<String> {
    let mut found = Vec::new();
    // Where a form that asks leads, its fields say.
    let html = html.replace(" method=\"get\" action=\"", "");
    for attribute in [" href=\"", " src=\"", " action=\""] {
        let parts = html.split(attribute).skip(1);
        let values = parts.map(|part| part.split('"').next().unwrap());
        found.extend(values.map(|value| value.replace("&#x2f;", "/").replace("&amp;", "&")));
    }
    found
}

#[tokio::test]
async fn every_link_leads_somewhere_and_every_asset_is_there() {
    let shop = quiet().await;
    let site = &shop.addresses.edge_url;
    let paths = paths(shop).await;
    let mut targets = BTreeMap::new();
    for path in &paths {
        let page = get(&shop.url(path), "identity").await;
        let kind = page.headers()["content-type"].to_str().unwrap().to_owned();
        let bytes = page.bytes().await.unwrap();
        let folder = path.rsplit_once('/').unwrap().0;
        let named = match kind.as_str() {
            "text/html; charset=utf-8" => named(std::str::from_utf8(&bytes).unwrap()),
            // Modules and what they fetch, by their relative names.
            "text/javascript; charset=utf-8" => {
                let text = std::str::from_utf8(&bytes).unwrap();
                let quoted = text.split('\'').filter(|word| word.starts_with("./"));
                quoted
                    .map(|name| format!("{folder}/{}", &name[2..]))
                    .collect()
            }
            _ => Vec::new(),
        };
        for name in named {
            let name = name.strip_prefix(site).unwrap_or(&name).to_owned();
            let is_own = name.starts_with('/') && !name.starts_with("//");
            let elsewhere = name.is_empty() || name.starts_with('#');
            assert!(is_own || elsewhere, "{path} names {name}");
            if is_own {
                targets.entry(name).or_insert_with(|| path.clone());
            }
        }
    }
    assert!(targets.len() > 60, "{targets:?}");
    for (target, from) in targets {
        let status = get(&shop.url(&target), "identity").await.status().as_u16();
        let app = target.starts_with("/api/") || target.starts_with("/gate/");
        let expected: &[u16] = if app { &[200, 303, 401, 405] } else { &[200] };
        assert!(
            expected.contains(&status),
            "{from} names {target}: {status}"
        );
        let public = target.split(['?', '#']).next().unwrap();
        assert!(
            app || paths.iter().any(|path| path == public),
            "{target} is not listed"
        );
    }
}

#[tokio::test]
async fn crawlers_find_what_is_worth_finding_and_nothing_of_a_shopper() {
    let shop = quiet().await;
    let site = &shop.addresses.edge_url;
    let robots = get(&shop.url("/robots.txt"), "identity").await;
    let robots = robots.text().await.unwrap();
    let sitemap = robots
        .lines()
        .find_map(|line| line.strip_prefix("Sitemap: "));
    assert_eq!(sitemap, Some(format!("{site}/sitemap.xml").as_str()));
    for path in ["/api/", "/gate/", "/orders"] {
        assert!(robots.contains(&format!("Disallow: {path}\n")), "{robots}");
    }
    let sitemap = get(sitemap.unwrap(), "identity").await;
    assert_eq!(sitemap.headers()["content-type"], "application/xml");
    let xml = sitemap.text().await.unwrap();
    let listed: Vec<_> = xml.split("<loc>").skip(1).collect();
    // The list, and of each of three sales its page, its draw and its item.
    assert_eq!(listed.len(), 10, "{xml}");
    for entry in listed {
        let address = entry.split('<').next().unwrap();
        let page = get(address, "identity").await;
        assert_eq!(page.status(), 200, "{address}");
        let html = page.text().await.unwrap().replace("&#x2f;", "/");
        let canonical = format!("<link rel=\"canonical\" href=\"{address}\">");
        assert!(html.contains(&canonical), "{canonical} in {html}");
        assert!(!html.contains("noindex"), "{address}");
    }
}

#[tokio::test]
async fn who_asks_for_nothing_is_told_in_their_own_words() {
    let shop = quiet().await;
    for path in [
        "/nowhere",
        "/sales/none",
        "/items/1",
        "/api/none",
        "/gate/none",
        "/orders/x",
    ] {
        let page = get(&shop.url(path), "identity").await;
        assert_eq!(page.status(), 404, "{path}");
        assert_eq!(
            page.headers()["content-type"],
            "text/html; charset=utf-8",
            "{path}"
        );
        let policy = page.headers()["content-security-policy"].to_str().unwrap();
        assert!(policy.contains("default-src 'none'"), "{path}: {policy}");
        let html = page.text().await.unwrap();
        assert!(
            html.contains("<h1>") && html.contains("See the sales"),
            "{html}"
        );

        let asked = [("accept", "application/json")];
        let program = ask(Method::GET, &shop.url(path), &asked).await;
        assert_eq!(program.status(), 404, "{path}");
        let kind = &program.headers()["content-type"];
        assert_eq!(kind, "application/problem+json", "{path}");
        let problem: Value = program.json().await.unwrap();
        assert_eq!(problem["status"], 404, "{path}");
    }
}

#[tokio::test]
async fn the_exported_site_served_by_nginx_equals_the_live_one() {
    let shop = quiet().await;
    let edge = shop.addresses.edge_url.as_str();
    let export = shop.data.join("export");
    let folder = export.to_str().unwrap();
    let said = shop.doorbuster(&["pages", "export", folder, "--edge", edge]);
    let paths = paths(shop).await;
    assert!(
        said.starts_with(&format!("{} addresses of release ", paths.len())),
        "{said}"
    );

    let nginx = Nginx::start(shop, &export);
    let asset = paths
        .iter()
        .find(|path| path.ends_with("/css/base.css"))
        .unwrap();
    let former = asset.replace(asset.split('/').nth(2).unwrap(), "0123456789ab");
    let sale = paths
        .iter()
        .find(|path| path.starts_with("/sales/sale-"))
        .unwrap();
    let mut all = paths.clone();
    all.extend([
        former,
        format!("{sale}/"),
        "/nowhere".into(),
        "/sales/none".into(),
    ]);
    for path in &all {
        equal(&shop.url(path), &format!("{}{path}", nginx.url)).await;
    }
    assert!(export.join(format!("public{asset}.br")).is_file());
    // What lies there and is no page of the site is not served; what is not public goes to the edge.
    for path in ["/_headers", "/index.html", "/sign-in.html", "/404.html"] {
        let answer = get(&format!("{}{path}", nginx.url), "identity").await;
        assert_eq!(answer.status(), 404, "{path}");
    }
    for path in ["/api/clock", "/orders/123456789"] {
        let answer = get(&format!("{}{path}", nginx.url), "identity").await;
        assert_eq!(answer.status(), 200, "{path}");
    }
    check_headers_file(&export, &paths, shop).await;
    check_replacing(shop, &export);
}

async fn equal(live: &str, exported: &str) {
    for encoding in ["identity", "gzip"] {
        let (ours, theirs) = (get(live, encoding).await, get(exported, encoding).await);
        assert_eq!(theirs.status(), ours.status(), "{exported}");
        let headers = lasting(ours.headers());
        assert_eq!(lasting(theirs.headers()), headers, "{exported} {encoding}");
        assert!(headers.contains_key("content-security-policy"), "{live}");
        let (ours, theirs) = (ours.bytes().await.unwrap(), theirs.bytes().await.unwrap());
        assert!(ours == theirs, "{exported} {encoding}: other bytes");
    }
}

/// The file for CDNs says of every address what the edge says.
async fn check_headers_file(export: &Path, paths: &[String], shop: &Shop) {
    let text = std::fs::read_to_string(export.join("public/_headers")).unwrap();
    let mut rules: Vec<(&str, BTreeMap<&str, &str>)> = Vec::new();
    for line in text.lines() {
        match line.strip_prefix("  ") {
            None => rules.push((line, BTreeMap::new())),
            Some(header) => {
                let (name, value) = header.split_once(": ").unwrap();
                let before = rules.last_mut().unwrap().1.insert(name, value);
                assert_eq!(before, None, "{line}");
            }
        }
    }
    assert!(rules.len() < 100, "CDNs take no more rules:\n{text}");
    for path in paths {
        let matches = |pattern: &str| match pattern.strip_suffix('*') {
            Some(below) => path.starts_with(below),
            None => path == pattern,
        };
        let mut told = BTreeMap::new();
        for (_, headers) in rules.iter().filter(|(pattern, _)| matches(pattern)) {
            for (name, value) in headers {
                let before = told.insert((*name).to_owned(), (*value).to_owned());
                assert_eq!(before, None, "{path} is told {name} twice");
            }
        }
        let mut live = lasting(get(&shop.url(path), "identity").await.headers());
        // These a server knows from the file.
        live.remove("content-length");
        live.remove("content-type");
        assert_eq!(told, live, "{path}");
    }
}

fn check_replacing(shop: &Shop, export: &Path) {
    let edge = shop.addresses.edge_url.as_str();
    let folder = export.to_str().unwrap();
    let refused = |arguments: &[&str], expected: &str| {
        let arguments = [&["pages", "export"], arguments].concat();
        let error = shop.try_doorbuster(&arguments).unwrap_err();
        assert!(error.contains(expected), "{error}");
    };
    refused(&[folder, "--edge", edge], "--force replaces it");
    let mark = || std::fs::read_to_string(export.join("export.json")).unwrap();
    let before = mark();
    shop.doorbuster(&["pages", "export", folder, "--edge", edge, "--force"]);
    assert_ne!(mark(), before);
    let foreign = shop.data.to_str().unwrap();
    refused(
        &[foreign, "--edge", edge, "--force"],
        "neither empty nor an export",
    );
    let ops = shop.addresses.ops_url.as_str();
    refused(
        &[folder, "--edge", ops, "--force"],
        "is this an edge of Doorbuster?",
    );
    refused(
        &[folder, "--edge", "ftp://shop.test", "--force"],
        "is no address of the form",
    );
    // Nothing is left beside it, and what was there still is.
    assert!(export.join("public/index.html").is_file());
    let names = std::fs::read_dir(&shop.data).unwrap();
    let names = names.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let left: Vec<_> = names.filter(|name| name.starts_with(".export")).collect();
    assert_eq!(left, Vec::<String>::new());
}
