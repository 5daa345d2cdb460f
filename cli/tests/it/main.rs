//! The command line as an operator types it, against real servers.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking, in its helpers too"
)]

mod desk;
mod lobby;
mod operators;
mod rules;

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
    let again = "is counted anew: epoch 2, 10 units available";
    assert!(desk.says(&publish).ends_with(again));
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
    let report = desk.says("audit");
    assert!(
        report.ends_with("No invariant is broken: 1 sales read."),
        "{report}"
    );
}

#[tokio::test]
async fn a_running_sale_gets_other_terms_and_units() {
    let desk = Desk::new().await;
    let sale = draft(&desk);
    desk.says(&format!("sale change {sale} --units 12 --price 29900"));
    desk.says(&format!("sale publish {sale}"));
    let total = |line: &str, total: u32| {
        let said = desk.says(line);
        assert_eq!(said, format!("sale {sale} has {total} units in all"));
    };
    total(&format!("sale add-units {sale} 8"), 20);
    total(&format!("sale withdraw-units {sale} 5"), 15);
    let change = format!("sale change {sale} --rate 50 --limit 3 --closes +2h");
    assert_eq!(desk.says(&change), format!("sale {sale} is changed"));
    let shown = desk.says(&format!("sale show {sale}"));
    assert!(shown.contains("15 in all, 3 an account"), "{shown}");
    // Nobody runs the outboxes here: a count takes in what MySQL has.
    let counted = desk.says(&format!("sale rebuild {sale}"));
    assert!(counted.ends_with("15 units available"), "{counted}");

    let refused = |line: String, words: &str| {
        let (code, _, error) = desk.run(&line);
        assert_eq!(code, 1, "{line}");
        assert!(error.contains(words), "{words} in {error}");
    };
    refused(format!("sale change {sale} --price 1"), "frozen");
    refused(format!("sale change {sale} --limit 1"), "only grows");
    refused(format!("sale change {sale}"), "nothing to change");
    refused(
        format!("sale withdraw-units {sale} 15"),
        "1 to 10000000 units",
    );
    refused(
        format!("sale add-units {sale} 10000000"),
        "1 to 10000000 units",
    );
    refused("sale rebuild 77".into(), "there is no sale 77");
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
    let (code, out, _) = desk.run("audit");
    assert_eq!(code, 1);
    assert!(out.contains("books-balance      BROKEN"), "{out}");
    assert!(out.ends_with("BROKEN: 1 sales read."), "{out}");
}

#[tokio::test]
async fn an_audit_names_every_invariant_and_says_which_it_could_read() {
    let desk = Desk::new().await;
    let report: serde_json::Value = serde_json::from_str(&desk.says("audit --json")).unwrap();
    let checks = report["checks"].as_array().unwrap();
    assert_eq!(
        (checks.len(), &report["holds"]),
        (11, &true.into()),
        "{report}"
    );
    for check in checks {
        let read = check["checked"] == "stores";
        assert_eq!(check["holds"].as_bool(), read.then_some(true), "{check}");
        assert_eq!(check["findings"].as_array().unwrap().len(), 0, "{check}");
    }
}

#[tokio::test]
async fn an_audit_that_cannot_be_done_is_no_breach() {
    let desk = Desk::new().await;
    for away in ["DOORBUSTER_MYSQL_URL", "DOORBUSTER_REDIS_URL"] {
        let (code, out, error) = desk.run_without(away, "audit --json");
        assert_eq!((code, out.as_str()), (2, ""), "{away}: {error}");
        assert_eq!(error.lines().count(), 1, "{error}");
    }
}

#[tokio::test]
async fn dead_letters_are_listed_shown_retried_and_dropped() {
    let desk = Desk::new().await;
    let sale = draft(&desk);
    desk.says(&format!("sale publish {sale}"));
    assert_eq!(desk.says("dead-letters list"), "");
    let order = desk.poison(sale.parse().unwrap()).await.to_string();

    let list = desk.says("dead-letters list");
    for part in ["1 ", &order, &sale, " deliveries", "planted"] {
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
    assert_ne!(new, order);
    desk.decide(new.parse().unwrap()).await;
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
    check(account, "contact: Please give an e-mail address");
    let (code, _, error) = desk::run("audit", &[]);
    assert_eq!((code, error.lines().count()), (2, 1), "{error}");
    assert!(error.contains("DOORBUSTER_MYSQL_URL is missing"), "{error}");
}
