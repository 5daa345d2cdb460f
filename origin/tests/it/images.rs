//! Pictures: kept, ordered, removed, handed to PoPs, and drawn within a bound of memory.

use crate::items::{actor, logged};
use crate::site::{Call, GET, Site, assert_problem};
use crate::support::World;
use axum::body::Body;
use axum::http::Request;
use http_body_util::BodyExt;
use image::{DynamicImage, ImageFormat, Rgb, RgbImage};
use kernel::catalogue::{IMAGES_MAX, ImageName};
use kernel::ids::ItemId;
use origin::catalogue::{
    CatalogueError, Images, MEMORY_BYTES_MAX, add_image, move_image, prepare, remove_image,
};
use std::io::Cursor;
use std::process::Command;
use tower::ServiceExt;

const QUALITY: u8 = 82;

/// A picture of a colour, as a file.
fn file(width: u32, colour: u8) -> Vec<u8> {
    let image = RgbImage::from_pixel(width, width, Rgb([colour, 90, 200]));
    let mut file = Cursor::new(Vec::new());
    DynamicImage::from(image)
        .write_to(&mut file, ImageFormat::Png)
        .unwrap();
    file.into_inner()
}

async fn add(world: &World, item: ItemId, colour: u8) -> Result<ImageName, CatalogueError> {
    let images = Images::new(QUALITY);
    let ledger = &world.stores.ledger;
    let alt = format!("Colour {colour}");
    add_image(ledger, &images, &actor(), item, file(400, colour), &alt).await
}

async fn alts(world: &World, item: ItemId) -> Vec<String> {
    let item = world.stores.ledger.item(item).await.unwrap().unwrap();
    item.images.into_iter().map(|image| image.alt).collect()
}

#[tokio::test]
async fn an_item_has_its_pictures_in_order_and_a_file_stays_while_one_has_it() {
    let world = World::new().await;
    let ledger = &world.stores.ledger;
    let (item, other) = (world.item().await, world.item().await);
    let red = add(&world, item, 250).await.unwrap();
    let blue = add(&world, item, 10).await.unwrap();
    assert_eq!(add(&world, other, 250).await.unwrap(), red);
    assert_eq!(alts(&world, item).await, ["Colour 250", "Colour 10"]);
    let row = ledger.item(item).await.unwrap().unwrap();
    let widths: Vec<_> = row.images[0].files.iter().map(|file| file.width).collect();
    assert_eq!(widths, [320, 400]);

    let again = add(&world, item, 250).await;
    assert!(matches!(again, Err(CatalogueError::Invalid(fault)) if fault.field == "file"));
    move_image(ledger, &actor(), item, &blue, 1).await.unwrap();
    assert_eq!(alts(&world, item).await, ["Colour 10", "Colour 250"]);
    // A picture is known by each of its files.
    let narrow = ImageName::of_path(&row.images[0].files[0].path).unwrap();
    remove_image(ledger, &actor(), item, &narrow).await.unwrap();
    assert_eq!(alts(&world, item).await, ["Colour 10"]);
    assert!(
        ledger.image(&red).await.unwrap().is_some(),
        "the other item has it"
    );
    remove_image(ledger, &actor(), other, &red).await.unwrap();
    assert_eq!(ledger.image(&red).await.unwrap(), None);
    assert_eq!(ledger.image(&narrow).await.unwrap(), None);
    let gone = remove_image(ledger, &actor(), other, &red).await;
    assert!(matches!(gone, Err(CatalogueError::Invalid(fault)) if fault.field == "image"));

    let log = logged(&world, item).await;
    let actions: Vec<_> = log
        .iter()
        .skip(1)
        .map(|(action, _)| action.as_str())
        .collect();
    let expected = [
        "item.image.add",
        "item.image.add",
        "item.image.move",
        "item.image.remove",
    ];
    assert_eq!(actions, expected);
    assert_eq!(ledger.item(item).await.unwrap().unwrap().version, 5);
}

#[tokio::test]
async fn an_item_has_so_many_pictures_whoever_adds_them_at_once() {
    let world = World::new().await;
    let item = world.item().await;
    for colour in 0..6 {
        add(&world, item, colour * 40).await.unwrap();
    }
    let rest = [241, 242, 243, 244].map(|colour| add(&world, item, colour));
    let rest = futures::future::join_all(rest).await;
    let added = rest.iter().filter(|added| added.is_ok()).count();
    assert_eq!(added, 2, "{rest:?}");
    assert_eq!(alts(&world, item).await.len(), IMAGES_MAX);
    let unknown = add(&world, ItemId(7), 1).await;
    assert!(matches!(unknown, Err(CatalogueError::Unknown(_))));
    let ledger = &world.stores.ledger;
    let silent = add_image(
        ledger,
        &Images::new(QUALITY),
        &actor(),
        item,
        file(9, 9),
        " ",
    )
    .await;
    assert!(matches!(silent, Err(CatalogueError::Invalid(fault)) if fault.field == "alt"));
}

#[tokio::test]
async fn a_pop_gets_the_files_that_the_snapshot_names() {
    let site = Site::new().await;
    let sale = site.world.sale(5, 1).await;
    let ledger = &site.world.stores.ledger;
    let item = ledger.sale(sale).await.unwrap().unwrap().sale.item;
    let name = add(&site.world, item, 100).await.unwrap();
    let snapshot = site.snapshot_by("pop-1").await.1;
    let image = &snapshot["sales"][0]["item"]["images"][0];
    assert_eq!(image["alt"], "Colour 100");
    assert_eq!(image["files"][1]["path"], name.path());
    assert_eq!(image["files"][1]["height"], 400);

    let path = format!("/internal{}", name.path());
    let request = site.signed(&Call { path: &path, ..GET });
    let routes = origin::http::edge_routes(site.origin.clone());
    let answer = routes.oneshot(request).await.unwrap();
    assert_eq!(answer.status(), 200);
    assert_eq!(answer.headers()["content-type"], "image/jpeg");
    let body = answer.into_body().collect().await.unwrap().to_bytes();
    assert_eq!(ImageName::of(&body, name.format()), name);

    let bare = Request::builder().uri(&path).body(Body::empty()).unwrap();
    assert_problem(&site.send(bare).await, 403, "unknown-pop");
    for name in [
        path.replace(".jpg", ".png"),
        format!("/internal/images/{}.jpg", "0".repeat(32)),
        "/internal/images/a".into(),
    ] {
        let call = Call { path: &name, ..GET };
        assert_problem(&site.call(call).await, 404, "unknown-path");
    }
}

/// Set in the process that is given little memory.
const IN_A_BOX: &str = "DRAW_IN_A_BOX";

/// The largest pictures that are taken: smooth ones, so that they are small files.
fn largest() -> Vec<Vec<u8>> {
    let image = DynamicImage::from(RgbImage::from_pixel(6_000, 4_000, Rgb([9, 90, 200])));
    // As JPEG one of 24 million pixels is never so small a file.
    let photo = DynamicImage::from(RgbImage::from_pixel(5_000, 3_600, Rgb([9, 90, 200])));
    let clear = DynamicImage::from(image::RgbaImage::new(6_000, 4_000));
    let written = |image: &DynamicImage, format| {
        let mut file = Cursor::new(Vec::new());
        image.write_to(&mut file, format).unwrap();
        file.into_inner()
    };
    vec![
        written(&photo, ImageFormat::Jpeg),
        written(&image, ImageFormat::Png),
        written(&clear, ImageFormat::Png),
        written(&clear, ImageFormat::WebP),
    ]
}

#[test]
fn the_largest_pictures_are_drawn_within_the_bound_of_memory() {
    let folder = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("largest");
    if std::env::var_os(IN_A_BOX).is_some() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let file = std::fs::read(&path).unwrap();
            match prepare(&file, QUALITY) {
                Ok(pictures) => println!("{} files of {}", pictures.len(), path.display()),
                Err(error) => println!("{}: {error}", path.display()),
            }
        }
        return;
    }
    drop(std::fs::remove_dir_all(&folder));
    std::fs::create_dir_all(&folder).unwrap();
    for (n, file) in largest().into_iter().enumerate() {
        std::fs::write(folder.join(n.to_string()), file).unwrap();
    }
    // What the process has before it begins: its code and the stacks of a few threads.
    let bytes = MEMORY_BYTES_MAX + 256 * 1_024 * 1_024;
    let limit = format!("ulimit -v {}; exec \"$0\" \"$@\"", bytes / 1_024);
    let done = Command::new("sh")
        .args(["-c", &limit])
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", "--nocapture", "--test-threads", "1"])
        .arg("images::the_largest_pictures_are_drawn_within_the_bound_of_memory")
        .env(IN_A_BOX, "1")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&done.stdout);
    let why = String::from_utf8_lossy(&done.stderr);
    assert!(done.status.success(), "{said}\n{why}");
    assert_eq!(said.matches("3 files of").count(), 4, "{said}");
}
