//! The site as files: what nginx makes of them is what the edge serves.

use super::{get, lasting, paths, quiet};
use crate::nginx::Nginx;
use crate::shop::Shop;
use std::collections::BTreeMap;
use std::path::Path;

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
