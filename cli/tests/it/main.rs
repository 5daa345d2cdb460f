//! The command line as an operator types it, against real servers.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking, in its helpers too"
)]

mod desk;

use desk::Desk;

#[tokio::test]
async fn a_sale_is_made_published_and_shown() {
    let desk = Desk::new().await;
    let item = desk.says(&[
        "item",
        "add",
        "--title",
        "Console",
        "--list-price",
        "59900",
        "--currency",
        "USD",
    ]);
    let sale = desk.says(&[
        "sale",
        "create",
        "--item",
        &item,
        "--slug",
        "console",
        "--price",
        "39900",
        "--currency",
        "USD",
        "--units",
        "10",
        "--opens",
        "now",
        "--closes",
        "+1h",
    ]);
    assert!(desk.says(&["sale", "show", &sale]).contains("draft"));
    assert!(desk.says(&["sale", "publish", &sale]).contains("is public"));
    assert!(
        desk.says(&["sale", "publish", &sale])
            .contains("nothing changed")
    );
    let shown = desk.says(&["sale", "show", &sale]);
    assert!(shown.contains("in Redis   10 available"), "{shown}");
    assert!(desk.says(&["sale", "list"]).contains("console"));
    assert!(desk.says(&["audit"]).ends_with("All invariants hold."));
}

#[tokio::test]
async fn an_audit_that_finds_a_breach_fails() {
    let desk = Desk::new().await;
    let item = desk.says(&[
        "item",
        "add",
        "--title",
        "Console",
        "--list-price",
        "59900",
        "--currency",
        "USD",
    ]);
    let sale = desk.says(&[
        "sale",
        "create",
        "--item",
        &item,
        "--slug",
        "console",
        "--price",
        "39900",
        "--currency",
        "USD",
        "--units",
        "10",
        "--opens",
        "now",
        "--closes",
        "+1h",
    ]);
    desk.says(&["sale", "publish", &sale]);
    desk.sql("UPDATE sales SET sold = 1").await;
    let (code, out, _) = desk.run(&["audit", "--json"]);
    assert_eq!(code, 1);
    assert!(
        out.contains(r#""holds":false"#) && out.contains("counters 9/0/1"),
        "{out}"
    );
}

#[tokio::test]
async fn a_mistake_is_one_clear_line() {
    let desk = Desk::new().await;
    let check = |args: &[&str], words: &str| {
        let (code, _, error) = desk.run(args);
        assert_ne!(code, 0, "{args:?}");
        assert!(error.contains(words), "{words} in {error}");
    };
    check(&["sale", "publish", "77"], "there is no sale 77");
    check(&["order", "show", "77"], "MySQL has no order 77");
    check(&["sale", "publish", "x"], "an id is a decimal number");
    let sale = |item: &'static str, units: &'static str| {
        vec![
            "sale",
            "create",
            "--item",
            item,
            "--slug",
            "s",
            "--price",
            "1",
            "--currency",
            "USD",
            "--units",
            units,
            "--opens",
            "now",
            "--closes",
            "+1h",
        ]
    };
    check(&sale("77", "10"), "there is no item 77");
    check(&sale("77", "0"), "units is 0, but must be 1 to 10000000");
    let account = [
        "account",
        "add",
        "--contact",
        "ada",
        "--name",
        "Ada",
        "--password",
        "12345678",
    ];
    check(&account, "contact: Please give an e-mail address.");
    let (code, _, error) = desk::run(&["audit"], &[]);
    assert_eq!((code, error.lines().count()), (1, 1), "{error}");
    assert!(error.contains("DOORBUSTER_MYSQL_URL is missing"), "{error}");
}
