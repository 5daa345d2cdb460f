//! The operator log: read in pages, and never changed.

use super::desk::{Admin, Asked, assert_refused};
use origin::ledger::Role;
use serde_json::{Value, json};
use std::path::Path;

#[tokio::test]
async fn the_log_is_read_in_pages_and_by_who_what_and_when() {
    let admin = Admin::new().await;
    let chief = admin.person("chief", Role::Admin).await;
    let sale = admin.world.sale(5, 1).await;
    let token = admin.sign_in(0, &chief).await;
    for what in ["pause", "resume", "pause"] {
        let path = format!("sales/{sale}/{what}");
        assert_eq!(
            admin.at(0, &Asked::post(&path).by(&token)).await.status,
            200
        );
    }
    let me = format!("actor=operator%3A{}&action=sale.phase", chief.name);
    assert_eq!(admin.lines(&token, &me).await.len(), 3);
    let page = admin
        .at(0, &Asked::get(&format!("log?{me}&limit=2")).by(&token))
        .await
        .body;
    assert_eq!(page["lines"].as_array().unwrap().len(), 2);
    let next = format!(
        "{me}&limit=2&cursor={}",
        page["next_cursor"].as_str().unwrap()
    );
    let rest = admin.lines(&token, &next).await;
    assert_eq!((rest.len(), &rest[0]["after"]), (1, &json!("paused")));
    let at = rest[0]["at_ms"].as_i64().unwrap();
    assert_eq!(
        admin.lines(&token, &format!("{me}&to_ms={at}")).await.len(),
        0
    );
    assert_eq!(
        admin
            .lines(&token, &format!("{me}&from_ms={at}"))
            .await
            .len(),
        3
    );
    for (query, status, word) in [
        ("limit=0", 422, "invalid-field"),
        ("limit=1001", 422, "invalid-field"),
        ("cursor=x", 400, "malformed"),
        ("colour=red", 400, "malformed"),
        ("from_ms=5&to_ms=5", 422, "invalid-field"),
    ] {
        let answer = admin
            .at(0, &Asked::get(&format!("log?{query}")).by(&token))
            .await;
        assert_refused(&answer, status, word);
    }
}

#[test]
fn no_statement_of_ours_changes_or_deletes_a_line_of_the_log() {
    let top = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let mut seen = 0;
    let mut texts = Vec::new();
    for entry in std::fs::read_dir(top.join(".sqlx")).unwrap() {
        let text = std::fs::read_to_string(entry.unwrap().path()).unwrap();
        let statement: Value = serde_json::from_str(&text).unwrap();
        texts.push(statement["query"].as_str().unwrap().to_owned());
    }
    // And those that are put together while the program runs.
    let mut folders = vec![
        top.join("origin/src"),
        top.join("cli/src"),
        top.join("bench/src"),
    ];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                texts.push(std::fs::read_to_string(path).unwrap());
            }
        }
    }
    for text in texts {
        let words: Vec<&str> = text
            .split_whitespace()
            .map(|word| word.trim_matches('`'))
            .collect();
        for pair in words
            .windows(2)
            .filter(|pair| pair[1].starts_with("operator_log"))
        {
            seen += 1;
            let before = pair[0].to_uppercase();
            let writes = ["UPDATE", "TABLE", "REPLACE"];
            assert!(!writes.contains(&before.as_str()), "{pair:?} in {text}");
        }
        for three in words
            .windows(3)
            .filter(|three| three[2].starts_with("operator_log"))
        {
            assert!(
                !three[0].eq_ignore_ascii_case("DELETE"),
                "{three:?} in {text}"
            );
        }
    }
    assert!(seen >= 3, "the log's own statements were not found");
}
