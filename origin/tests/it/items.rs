//! Items: changing them, finding them, files of them.

use crate::support::{World, usd};
use kernel::catalogue::Attribute;
use kernel::ids::ItemId;
use origin::catalogue::{
    CatalogueError, ImportError, Imported, ItemDraft, add_item, archive_item, change_item, export,
    find_items, import,
};
use origin::ledger::{Actor, ItemPage, ItemState};
use origin::sales::create;

pub fn actor() -> Actor {
    Actor("shell:ada".to_owned())
}

fn draft(sku: &str, title: &str) -> ItemDraft {
    ItemDraft {
        sku: Some(sku.to_owned()),
        ..ItemDraft::new(title, usd(59_900))
    }
}

async fn add(world: &World, draft: ItemDraft) -> ItemId {
    let (ledger, ids) = (&world.stores.ledger, &world.stores.ids);
    add_item(ledger, ids, &actor(), draft).await.unwrap()
}

/// What the operator log says of the item, in order.
pub async fn logged(world: &World, id: ItemId) -> Vec<(String, String)> {
    sqlx::query_as("SELECT action, actor FROM operator_log WHERE subject = ? ORDER BY id")
        .bind(format!("item:{id}"))
        .fetch_all(&mut world.connection().await)
        .await
        .unwrap()
}

#[tokio::test]
async fn a_change_is_made_from_the_version_that_was_seen_and_logged() {
    let world = World::new().await;
    let ledger = &world.stores.ledger;
    let id = add(&world, draft("c-1", "Console")).await;
    let named = |title: &str| ItemDraft {
        attributes: vec![Attribute {
            name: "Colour".into(),
            value: "Black".into(),
        }],
        ..ItemDraft::new(title, usd(49_900))
    };
    // Of many who saw the same version one gets its way, and the others are told the new one.
    let changes = (0..8).map(|n| {
        let ledger = ledger.clone();
        let draft = named(&format!("Console {n}"));
        tokio::spawn(async move { change_item(&ledger, &actor(), (id, 1), draft).await })
    });
    let mut versions = Vec::new();
    for change in changes.collect::<Vec<_>>() {
        match change.await.unwrap() {
            Ok(version) => versions.push(version),
            Err(CatalogueError::Stale(_, now)) => assert_eq!(now, 2),
            Err(other) => panic!("{other:?}"),
        }
    }
    assert_eq!(versions, [2]);
    let item = ledger.item(id).await.unwrap().unwrap();
    assert_eq!((item.version, item.content.sku.as_str()), (2, "c-1"));
    assert_eq!(item.content.attributes[0].value, "Black");

    // To say the same again is no change.
    let same = ItemDraft::from(item.content.clone());
    assert_eq!(
        change_item(ledger, &actor(), (id, 2), same).await.unwrap(),
        2
    );
    let log = logged(&world, id).await;
    let actions: Vec<_> = log.iter().map(|(action, _)| action.as_str()).collect();
    assert_eq!(actions, ["item.add", "item.change"]);
    assert!(log.iter().all(|(_, actor)| actor == "shell:ada"), "{log:?}");

    add(&world, draft("c-2", "Other")).await;
    let taken = change_item(ledger, &actor(), (id, 2), draft("C-2", "Console")).await;
    assert!(matches!(taken, Err(CatalogueError::Invalid(fault)) if fault.field == "sku"));
    let wrong = change_item(ledger, &actor(), (id, 2), draft("c-1", " ")).await;
    assert!(matches!(wrong, Err(CatalogueError::Invalid(fault)) if fault.field == "title"));
    let nobody = ItemId(7);
    let unknown = change_item(ledger, &actor(), (nobody, 1), draft("c-9", "A")).await;
    assert!(matches!(unknown, Err(CatalogueError::Unknown(id)) if id == nobody));
}

#[tokio::test]
async fn an_archived_item_is_not_sold_and_one_in_a_sale_is_not_archived() {
    let world = World::new().await;
    let (ledger, ids) = (&world.stores.ledger, &world.stores.ids);
    let sale = world.sale(5, 1).await;
    let item = ledger.sale(sale).await.unwrap().unwrap().sale.item;
    let refused = archive_item(ledger, &actor(), (item, 1), true).await;
    assert!(matches!(refused, Err(CatalogueError::InUse(_, of)) if of == sale));

    world
        .sql(format!(
            "UPDATE sales SET closes_at_ms = 1 WHERE id = {sale}"
        ))
        .await;
    assert_eq!(
        archive_item(ledger, &actor(), (item, 1), true)
            .await
            .unwrap(),
        2
    );
    let draft = origin::sales::SaleDraft {
        item,
        ..world.draft(5, 1).await
    };
    let refused = create(ledger, ids, &actor(), draft.clone())
        .await
        .unwrap_err();
    assert!(refused.to_string().contains("is archived"), "{refused}");
    assert_eq!(
        archive_item(ledger, &actor(), (item, 2), false)
            .await
            .unwrap(),
        3
    );
    create(ledger, ids, &actor(), draft).await.unwrap();
}

async fn found(world: &World, text: &str, state: ItemState) -> Vec<String> {
    let page = find_items(&world.stores.ledger, text, state, None, 100)
        .await
        .unwrap();
    assert_eq!(page.next, None);
    page.items
        .into_iter()
        .map(|item| item.content.sku)
        .collect()
}

#[tokio::test]
async fn items_are_found_by_their_words_page_by_page() {
    let world = World::new().await;
    let ledger = &world.stores.ledger;
    let attribute = |value: &str| {
        vec![Attribute {
            name: "Material".into(),
            value: value.into(),
        }]
    };
    let chair = ItemDraft {
        attributes: attribute("Solid oak, 100% natural"),
        ..draft("ch-1", "Élan chair")
    };
    let table = ItemDraft {
        description: "A table of oak_wood for six.".into(),
        ..draft("tb-1", "Table")
    };
    let chair = add(&world, chair).await;
    add(&world, table).await;
    let old = add(&world, draft("old-1", "Old oak chair")).await;
    archive_item(ledger, &actor(), (old, 1), true)
        .await
        .unwrap();

    let id = chair.to_string();
    for (text, expected) in [
        ("", &["tb-1", "ch-1"][..]),
        ("OAK", &["tb-1", "ch-1"]),
        ("oak chair", &["ch-1"]),
        ("elan", &["ch-1"]),
        ("100%", &["ch-1"]),
        ("oak_", &["tb-1"]),
        ("o_k", &[]),
        ("tb-1", &["tb-1"]),
        (&id, &["ch-1"]),
        ("nothing", &[]),
        ("' OR 1=1 --", &[]),
    ] {
        assert_eq!(
            found(&world, text, ItemState::Active).await,
            expected,
            "{text}"
        );
    }
    assert_eq!(found(&world, "chair", ItemState::Archived).await, ["old-1"]);
    assert_eq!(
        found(&world, "chair", ItemState::All).await,
        ["old-1", "ch-1"]
    );
    let words = find_items(ledger, "a b c d e f", ItemState::All, None, 10).await;
    assert!(matches!(words, Err(CatalogueError::Invalid(fault)) if fault.field == "search"));

    // A search reads so much at a time, however little it finds.
    let rows = (1_000..7_500).map(|n| format!("({n}, 's-{n}', 'Stool', '', '[]', 1, 'USD', 1)"));
    let rows: Vec<String> = rows.collect();
    world
        .sql(format!(
            "INSERT INTO items (id, sku, title, description, attributes, list_price_minor, currency,
                                created_at_ms) VALUES {}",
            rows.join(", ")
        ))
        .await;
    let mut skus = Vec::new();
    let (mut pages, mut cursor) = (0, None);
    loop {
        let page = find_items(ledger, "s-1001", ItemState::Active, cursor, 10).await;
        let ItemPage { items, next } = page.unwrap();
        skus.extend(items.into_iter().map(|item| item.content.sku));
        pages += 1;
        cursor = next;
        if cursor.is_none() {
            break;
        }
    }
    assert_eq!((skus, pages), (vec!["s-1001".to_owned()], 2));
    let first = find_items(ledger, "", ItemState::Active, None, 2)
        .await
        .unwrap();
    let second = find_items(ledger, "", ItemState::Active, first.next, 2)
        .await
        .unwrap();
    let skus = [first, second].map(|page| page.items.last().unwrap().content.sku.clone());
    assert_eq!(skus, ["ch-1", "s-7498"]);
}

const HEADER: &str = "sku,title,description,list_price_minor,currency,attributes,image_url,state\n";

#[tokio::test]
async fn a_file_is_imported_whole_or_not_and_again_without_effect() {
    let world = World::new().await;
    let (ledger, ids) = (&world.stores.ledger, &world.stores.ids);
    let run =
        async |file: &str, dry_run| import(ledger, ids, &actor(), file.as_bytes(), dry_run).await;
    let counts = |added, changed, unchanged| Imported {
        added,
        changed,
        unchanged,
    };
    let count = async || {
        let count: (i64,) = sqlx::query_as("SELECT COUNT(*) FROM items")
            .fetch_one(&mut world.connection().await)
            .await
            .unwrap();
        count.0
    };
    // More than two transactions.
    let lines = (0..1_100).map(|n| format!("a-{n},=Item {n},,{n},USD,Number: {n},,active\n"));
    let file = format!("{HEADER}{}", lines.collect::<String>());
    let broken = format!("{file}a-2000,,,x,USD,,,active\n");
    let Err(ImportError::Faults(faults)) = run(&broken, false).await else {
        panic!("it is broken")
    };
    assert_eq!(faults.len(), 2);
    assert_eq!(faults[0].line, 1_102);
    assert_eq!(run(&file, true).await.unwrap(), counts(1_100, 0, 0));
    assert_eq!(count().await, 0, "neither leaves anything");

    assert_eq!(run(&file, false).await.unwrap(), counts(1_100, 0, 0));
    assert_eq!(run(&file, false).await.unwrap(), counts(0, 0, 1_100));
    let exported = export(ledger).await.unwrap();
    let text = String::from_utf8(exported).unwrap();
    assert!(
        text.contains("a-7,'=Item 7,,7,USD,Number: 7,,active\r\n"),
        "{text}"
    );
    assert_eq!(run(&text, false).await.unwrap(), counts(0, 0, 1_100));

    // One that is in a sale cannot be put away, so nothing of this file is done.
    let sale = world.sale(5, 1).await;
    let item = ledger.sale(sale).await.unwrap().unwrap().sale.item;
    let changed = file.replace("=Item 7,", "Item seven,");
    let in_use = format!("{changed}{item},Console,,59900,USD,,,archived\n");
    let Err(ImportError::Faults(faults)) = run(&in_use, false).await else {
        panic!("an item is in a sale")
    };
    assert_eq!((faults.len(), faults[0].line), (1, 1_102));
    assert!(faults[0].message.contains(&sale.to_string()), "{faults:?}");
    assert_eq!(found(&world, "seven", ItemState::All).await, [""; 0]);

    assert_eq!(run(&changed, false).await.unwrap(), counts(0, 1, 1_099));
    assert_eq!(found(&world, "seven", ItemState::All).await, ["a-7"]);
    let away = changed.replace("Number: 7,,active", "Number: 7,,archived");
    assert_eq!(run(&away, false).await.unwrap(), counts(0, 1, 1_099));
    assert_eq!(found(&world, "seven", ItemState::Archived).await, ["a-7"]);
    let id = find_items(ledger, "seven", ItemState::All, None, 1)
        .await
        .unwrap()
        .items[0]
        .id;
    let log = logged(&world, id).await;
    let actions: Vec<_> = log.iter().map(|(action, _)| action.as_str()).collect();
    assert_eq!(actions, ["item.add", "item.change", "item.archive"]);
}
