//! Pictures, from the file of an operator to the browser.

use crate::shop::{Shop, eventually};
use reqwest::{Client, Response, StatusCode};
use serde_json::Value;
use std::path::Path;

const ALT: &str = "A tall white games console";

fn picture(name: &str) -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../xtask/assets");
    folder.join(name).to_str().unwrap().to_owned()
}

async fn get(shop: &Shop, path: &str) -> Response {
    reqwest::get(shop.url(path)).await.unwrap()
}

/// The item of a sale that is open.
async fn item(shop: &Shop, sale: &str) -> String {
    let sale: Value = get(shop, &format!("/api/sales/{sale}"))
        .await
        .json()
        .await
        .unwrap();
    sale["item"]["id"].as_str().unwrap().to_owned()
}

/// The paths of the sale's pictures at the edge, all files.
async fn paths(shop: &Shop, sale: &str) -> Vec<String> {
    let sale: Value = get(shop, &format!("/api/sales/{sale}"))
        .await
        .json()
        .await
        .unwrap();
    let images = sale["item"]["images"].as_array().unwrap().iter();
    let files = images.flat_map(|image| image["files"].as_array().unwrap());
    files
        .map(|file| file["path"].as_str().unwrap().to_owned())
        .collect()
}

async fn image_requests(shop: &Shop) -> u64 {
    let requests = shop.origin_requests().await;
    let of_images = requests
        .iter()
        .filter(|(labels, _)| labels.contains("/internal/images"));
    of_images.map(|(_, count)| count).sum()
}

#[tokio::test]
async fn a_picture_is_fetched_once_and_served_also_while_the_origin_is_away() {
    let shop = Shop::start("images");
    let sale = shop.sale(10, 1).await;
    let item = item(&shop, &sale).await;
    let file = picture("aurora-console.jpg");
    let add = ["item", "image", "add", &item, &file, "--alt", ALT];
    let name = shop.doorbuster(&add);
    eventually("the picture at the edge", async || {
        paths(&shop, &sale).await.len() == 3
    })
    .await;
    let paths = paths(&shop, &sale).await;
    let path = paths[2].clone();
    assert!(path.ends_with(&name), "{paths:?}");

    let page = get(&shop, &format!("/sales/{sale}"))
        .await
        .text()
        .await
        .unwrap();
    assert!(page.contains(&format!("alt=\"{ALT}\"")), "{page}");
    assert!(
        page.contains("1280w") && page.contains("width=\"1280\" height=\"960\""),
        "{page}"
    );

    // Many at once, each under an address of its own, so that the component is asked each time.
    let looks = (0..20).map(|n| look(&shop, &path, n));
    let bodies = futures::future::join_all(looks).await;
    assert!(bodies.iter().all(|body| *body == bodies[0]));
    assert_eq!(image_requests(&shop).await, 1, "one asks for all");

    let whole = get(&shop, &path).await;
    assert_eq!(whole.status(), 200);
    let headers = whole.headers().clone();
    assert_eq!(
        headers["cache-control"],
        "public, max-age=31536000, immutable"
    );
    assert_eq!(headers["content-type"], "image/jpeg");
    assert_eq!(headers["x-content-type-options"], "nosniff");
    let body = whole.bytes().await.unwrap();
    assert_eq!(headers["content-length"], body.len().to_string());
    let client = Client::new();
    let known = client
        .get(shop.url(&path))
        .header("if-none-match", headers["etag"].clone());
    assert_eq!(
        known.send().await.unwrap().status(),
        StatusCode::NOT_MODIFIED
    );
    let head = client.head(shop.url(&path)).send().await.unwrap();
    assert_eq!(head.headers()["content-length"], body.len().to_string());
    assert!(head.bytes().await.unwrap().is_empty());

    // What no item has is nothing, and nobody asks the origin for it.
    let before = image_requests(&shop).await;
    for n in 0..20 {
        let answer = get(&shop, &format!("/images/{n:032x}.jpg")).await;
        assert_eq!(answer.status(), 404);
    }
    for path in ["/images/x.svg", "/images/", "/images/../site.json"] {
        assert_ne!(get(&shop, path).await.status(), 500, "{path}");
    }
    assert_eq!(image_requests(&shop).await, before);

    // The edge begins anew without its origin: what it fetched is there, what it did not is told.
    shop.stop("origin");
    shop.restart("edge");
    let kept = get(&shop, &path).await;
    assert_eq!(kept.status(), 200);
    assert_eq!(kept.bytes().await.unwrap(), body);
    let missing = get(&shop, &paths[0]).await;
    assert_eq!(missing.status(), 503);
    assert!(missing.headers().contains_key("retry-after"));
    shop.restart("origin");
    eventually("the other file", async || {
        get(&shop, &paths[0]).await.status() == 200
    })
    .await;

    shop.doorbuster(&["item", "image", "remove", &item, &name]);
    // Caches keep what they have; a new address is asked for each time.
    let mut looks = 0;
    eventually("its end", async || {
        looks += 1;
        let path = format!("{path}?gone={looks}");
        get(&shop, &path).await.status() == 404
    })
    .await;
}

/// What is at the address, asked so that no cache answers.
async fn look(shop: &Shop, path: &str, number: u32) -> Vec<u8> {
    let answer = get(shop, &format!("{path}?{number}")).await;
    assert_eq!(answer.status(), 200);
    answer.bytes().await.unwrap().to_vec()
}

#[tokio::test]
async fn an_operator_keeps_a_catalogue_by_commands() {
    let shop = Shop::shared();
    let sku = format!("s-{}", origin::random_id());
    let words = [
        "item",
        "add",
        "--title",
        "Lamp",
        "--list-price",
        "1999",
        "--currency",
        "USD",
    ];
    let more = ["--sku", &sku, "--attribute", "Colour: Red"];
    let item = shop.doorbuster(&[&words[..], &more].concat());
    let list = shop.doorbuster(&["item", "list", "--search", &format!("red {sku}"), "--json"]);
    let list: Value = serde_json::from_str(&list).unwrap();
    assert_eq!(list["items"][0]["id"], item);
    assert_eq!(list["items"][0]["version"], 1);

    assert_eq!(
        shop.doorbuster(&[
            "item",
            "change",
            &item,
            "--version",
            "1",
            "--title",
            "Big lamp"
        ]),
        "2"
    );
    let stale =
        shop.try_doorbuster(&["item", "change", &item, "--version", "1", "--title", "Lamp"]);
    let stale = stale.unwrap_err();
    assert!(stale.contains("it has version 2 now"), "{stale}");

    let folder = tempfile::tempdir().unwrap();
    let csv = folder.path().join("items.csv");
    let csv = csv.to_str().unwrap();
    shop.doorbuster(&["item", "export", csv]);
    let said = shop.doorbuster(&["item", "import", csv, "--dry-run"]);
    assert!(
        said.starts_with("0 would be added, 0 would be changed, "),
        "{said}"
    );
    let text = std::fs::read_to_string(csv).unwrap();
    std::fs::write(csv, text.replace("Big lamp", "")).unwrap();
    let broken = shop.try_doorbuster(&["item", "import", csv]).unwrap_err();
    assert!(broken.contains("column title"), "{broken}");

    let gif = folder.path().join("a.gif");
    std::fs::write(&gif, b"GIF89a").unwrap();
    let refused = shop.try_doorbuster(&[
        "item",
        "image",
        "add",
        &item,
        gif.to_str().unwrap(),
        "--alt",
        "A lamp",
    ]);
    let refused = refused.unwrap_err();
    assert!(refused.contains("no PNG, JPEG or WebP"), "{refused}");
    assert_eq!(shop.doorbuster(&["item", "archive", &item]), "3");
    let shown = shop.doorbuster(&["item", "show", &item]);
    assert!(shown.contains("archived"), "{shown}");
}
