//! The command line as an operator types it, against real servers.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking, in its helpers too"
)]

mod desk;

use desk::Desk;

/// A sale of ten consoles, as a draft.
fn draft(desk: &Desk) -> String {
    let item = desk.says("item add --title Console --list-price 59900 --currency USD");
    desk.says(&create(&item, 10))
}

fn create(item: &str, units: u32) -> String {
    format!(
        "sale create --item {item} --slug console --price 39900 --currency USD --units {units} \
         --opens now --closes +1h"
    )
}

#[tokio::test]
async fn a_sale_is_made_published_and_shown() {
    let desk = Desk::new().await;
    let sale = draft(&desk);
    let (show, publish) = (format!("sale show {sale}"), format!("sale publish {sale}"));
    assert!(desk.says(&show).contains("draft"));
    assert!(desk.says(&publish).contains("is public"));
    assert!(desk.says(&publish).contains("nothing changed"));
    let shown = desk.says(&show);
    assert!(shown.contains("in Redis   10 available"), "{shown}");
    for (word, said) in [
        ("pause", "paused"),
        ("resume", "going on"),
        ("close", "closed"),
    ] {
        let line = format!("sale {word} {sale}");
        assert_eq!(desk.says(&line), format!("sale {sale} is {said}"));
    }
    assert!(desk.says("sale list").contains("console"));
    assert!(desk.says("audit").ends_with("All invariants hold."));
}

#[tokio::test]
async fn an_audit_that_finds_a_breach_fails() {
    let desk = Desk::new().await;
    let sale = draft(&desk);
    desk.says(&format!("sale publish {sale}"));
    desk.sql("UPDATE sales SET sold = 1").await;
    let (code, out, _) = desk.run("audit --json");
    assert_eq!(code, 1);
    assert!(out.contains(r#""holds":false"#), "{out}");
    assert!(out.contains("counters 9/0/1"), "{out}");
}

#[tokio::test]
async fn dead_letters_are_listed_shown_retried_and_dropped() {
    let desk = Desk::new().await;
    let sale = draft(&desk);
    desk.says(&format!("sale publish {sale}"));
    assert_eq!(desk.says("dead-letters list"), "");
    let order = desk.poison(sale.parse().unwrap()).await.to_string();

    let list = desk.says("dead-letters list");
    for part in ["1 ", &order, &sale, "5 deliveries", "planted"] {
        assert!(list.contains(part), "{part} in {list}");
    }
    let json = desk.says("dead-letters list --json");
    assert!(json.contains(&format!(r#""order_id":"{order}""#)), "{json}");
    let shown = desk.says("dead-letters show 1");
    assert!(
        shown.contains(r#""quantity":1"#),
        "the message itself: {shown}"
    );
    assert!(
        desk.says("dead-letters show 1 --json")
            .contains(r#""number":1"#)
    );

    let refused = "dead letter 1 is not placed anew: its account holds as many units";
    let (code, _, error) = desk.run("dead-letters retry 1");
    assert!(code == 1 && error.contains(refused), "{error}");
    desk.release().await;
    let new = desk.says("dead-letters retry 1");
    assert!(new.parse::<u64>().is_ok() && new != order, "{new}");
    let (code, _, error) = desk.run("dead-letters drop 1");
    assert!(
        code == 1 && error.contains("there is no dead letter 1"),
        "{error}"
    );

    desk.poison(sale.parse().unwrap()).await;
    assert_eq!(desk.says("dead-letters drop 2"), "dead letter 2 is deleted");
    assert_eq!(desk.says("dead-letters list"), "");
}

#[tokio::test]
async fn a_mistake_is_one_clear_line() {
    let desk = Desk::new().await;
    let check = |line: &str, words: &str| {
        let (code, _, error) = desk.run(line);
        assert_ne!(code, 0, "{line}");
        assert!(error.contains(words), "{words} in {error}");
    };
    check("sale publish 77", "there is no sale 77");
    check("sale pause 77", "there is no sale 77");
    check("order show 77", "MySQL has no order 77");
    check("sale publish x", "an id is a decimal number");
    check(&create("77", 10), "there is no item 77");
    check(&create("77", 0), "units is 0, but must be 1 to 10000000");
    let account = "account add --contact ada --name Ada --password 12345678";
    check(account, "contact: Please give an e-mail address.");
    let (code, _, error) = desk::run("audit", &[]);
    assert_eq!((code, error.lines().count()), (1, 1), "{error}");
    assert!(error.contains("DOORBUSTER_MYSQL_URL is missing"), "{error}");
}
