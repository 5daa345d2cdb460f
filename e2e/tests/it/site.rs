//! The public site: every address of it, by whoever asks; [`export`]: as files behind nginx.

mod export;

use crate::edge::Edge;
use crate::shop::{Shop, eventually};
use reqwest::header::HeaderMap;
use reqwest::{Client, Method, Response, redirect};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::OnceLock;
use xtask::servers::ports;

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
            let sale = shop.sale(10, 1).await;
            add_picture(shop, &sale).await;
            shop.scheduled_sale(10, 2, "+2h", &[]).await;
            let paused = shop.sale(10, 1).await;
            shop.doorbuster(&["sale", "pause", &paused]);
            eventually("the pause at the edge", async || {
                let page = get(&shop.url(&format!("/sales/{paused}")), "identity").await;
                page.text().await.unwrap().contains("data-state=\"paused\"")
            })
            .await;
            // An instance that nobody asked for a while may know less for a moment; all begin anew.
            shop.restart("edge");
        })
        .await;
    shop
}

async fn add_picture(shop: &Shop, sale: &str) {
    let url = shop.url(&format!("/api/sales/{sale}"));
    let sale: Value = get(&url, "identity").await.json().await.unwrap();
    let item = sale["item"]["id"].as_str().unwrap();
    let assets = Path::new(env!("CARGO_MANIFEST_DIR")).join("../xtask/assets");
    let file = assets.join("aurora-console.jpg");
    let file = file.to_str().unwrap();
    shop.doorbuster(&["item", "image", "add", item, file, "--alt", "A console"]);
    eventually("the picture at the edge", async || {
        paths(shop)
            .await
            .iter()
            .any(|path| path.starts_with("/images/"))
    })
    .await;
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
            // A picture is as small as it gets already.
            let vary = headers.get("vary").map(|value| value.to_str().unwrap());
            let expected = (!path.starts_with("/images/")).then_some("accept-encoding");
            assert_eq!(vary, expected, "{path}");
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
                assert_eq!(known.headers().get(name), headers.get(name), "{path}");
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
async fn who_comes_before_there_is_a_shop_gets_a_page_that_tries_again() {
    let shop = quiet().await;
    let nobody = ports::free().unwrap();
    let variables = [
        ("ORIGIN_URL", format!("http://127.0.0.1:{nobody}")),
        ("SITE_URL", "https://shop.example".to_owned()),
    ];
    let variables = variables
        .each_ref()
        .map(|(name, value)| (*name, value.as_str()));
    let edge = Edge::start(shop, &[], &variables);
    for path in ["/", "/sales/console", "/sitemap.xml", "/api/orders"] {
        let url = format!("{}{path}", edge.addresses.edge_url);
        let page = get(&url, "identity").await;
        assert_eq!(page.status(), 503, "{path}");
        let headers = page.headers().clone();
        assert_eq!(headers["cache-control"], "no-store", "{path}");
        assert!(headers.contains_key("strict-transport-security"), "{path}");
        let html = page.text().await.unwrap();
        let (_, rest) = html
            .split_once("http-equiv=\"refresh\" content=\"")
            .unwrap();
        let refresh: u32 = rest.split('"').next().unwrap().parse().unwrap();
        let retry: u32 = headers["retry-after"].to_str().unwrap().parse().unwrap();
        // Not sooner than asked for, and long enough to have the page read aloud.
        assert!(refresh >= retry.max(10), "{path}: {refresh} s, {retry} s");

        let program = ask(Method::GET, &url, &[("accept", "application/json")]).await;
        assert_eq!(program.status(), 503, "{path}");
        assert!(program.headers().contains_key("retry-after"), "{path}");
        let problem: Value = program.json().await.unwrap();
        assert_eq!(problem["type"], "/problems/unavailable", "{path}");
    }
    for path in ["/sign-in", "/robots.txt"] {
        let url = format!("{}{path}", edge.addresses.edge_url);
        assert_eq!(get(&url, "identity").await.status(), 200, "{path}");
    }
}
