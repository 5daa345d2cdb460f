//! `doorbuster rules`, and how to read what it says.

use crate::desk::{Desk, run};
use serde_json::Value;
use std::path::PathBuf;

const RULES: &str = r#"
[[rules]]
name = "orders"
routes = ["place"]
mode = "dry-run"
each = "account"

[rules.limit.rate]
requests = 30
per = "minute"
burst = 5
"#;

/// A file that is gone with the test.
struct File(PathBuf);

impl File {
    fn new(desk: &Desk, name: &str, text: &str) -> Self {
        Self::named(&desk.store_settings().stream_prefix, name, text)
    }

    fn named(folder: &str, name: &str, text: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("{folder}-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join(name), text).unwrap();
        Self(folder)
    }

    fn path(&self, name: &str) -> String {
        self.0.join(name).display().to_string()
    }
}

impl Drop for File {
    fn drop(&mut self) {
        drop(std::fs::remove_dir_all(&self.0));
    }
}

#[tokio::test]
async fn rules_are_checked_applied_shown_and_rolled_back() {
    let desk = Desk::new().await;
    let shipped = desk.says("rules show");
    assert!(shipped.starts_with("version 0 "), "{shipped}");
    assert!(
        shipped.contains("place-load           on      100 to 512 in flight, on place"),
        "{shipped}"
    );

    let file = File::new(&desk, "orders.toml", RULES);
    let path = file.path("orders.toml");
    let (code, out, error) = run(&format!("rules check {path}"), &[]);
    assert_eq!((code, error.as_str()), (0, ""), "it needs no store");
    assert_eq!(out, "1 rules, nothing is wrong with them");
    assert_eq!(
        desk.says(&format!("rules apply {path} --why a-try")),
        "version 1 is in force"
    );
    let shown = desk.says("rules show");
    let line = "orders               dry-run 30/min, 5 at once each account, on place";
    assert!(
        shown.contains("a-try (1 rules)") && shown.contains(line),
        "{shown}"
    );

    // What is shown as JSON can be applied again.
    let json = desk.says("rules show --json");
    let other = File::new(&desk, "other.json", &json.replace("dry-run", "on"));
    let other = other.path("other.json");
    assert_eq!(
        desk.says(&format!("rules apply {other} --why for-real")),
        "version 2 is in force"
    );
    let back = "version 3 is in force, with the rules of version 1";
    assert_eq!(desk.says("rules rollback 1 --why too-strict"), back);
    assert_eq!(desk.says("rules show 3 --json"), json);
    let history = desk.says("rules history");
    let versions: Vec<&str> = history.lines().map(|line| &line[..9]).collect();
    assert_eq!(
        versions,
        ["version 3", "version 2", "version 1", "version 0"],
        "{history}"
    );
    let history: Value =
        serde_json::from_str(&desk.says("rules history --json --limit 1")).unwrap();
    assert_eq!(history.as_array().unwrap().len(), 1);
    assert_eq!(history[0]["why"], "too-strict");
    assert!(
        history[0]["author"].as_str().unwrap().starts_with("shell:"),
        "{history}"
    );

    assert_eq!(desk.says("rules status"), "newest   version 3");
    let status: Value = serde_json::from_str(&desk.says("rules status --json")).unwrap();
    assert_eq!(status["newest"], 3);
}

#[tokio::test]
async fn what_is_wrong_with_a_file_is_told_with_its_place() {
    let desk = Desk::new().await;
    let check = |name: &str, text: &str, words: &[&str]| {
        let file = File::new(&desk, name, text);
        let path = file.path(name);
        for line in [
            format!("rules check {path}"),
            format!("rules apply {path} --why x"),
        ] {
            let (code, out, error) = desk.run(&line);
            assert_eq!((code, out.as_str()), (1, ""), "{line}");
            let told: Vec<&str> = error.lines().collect();
            assert_eq!(told.len(), words.len(), "{error}");
            for (line, words) in told.iter().zip(words) {
                assert!(line.contains(words), "{words} in {line}");
            }
        }
    };
    check(
        "a.toml",
        &RULES.replace("burst", "bursts"),
        &["a.toml: line 11: unknown field `bursts`"],
    );
    check(
        "b.toml",
        &RULES.replace("\"minute\"", "minute"),
        &["b.toml: line 10: "],
    );
    check(
        "c.toml",
        &RULES.replace("30", "0").replace("place", "plaice"),
        &[
            "c.toml: rules[0] (orders): routes: there is no route \"plaice\"",
            "limit.rate.requests: is 0",
        ],
    );
    check(
        "d.json",
        r#"{"rules":[{"name":"a"}]}"#,
        &["d.json: rules[0]: missing field"],
    );
    check("e.txt", "", &["e.txt is not called .toml or .json"]);
    let (code, _, error) = desk.run("rules rollback 7 --why x");
    assert!(
        code == 1 && error.contains("there is no version 7 of the rules"),
        "{error}"
    );
    let (code, _, error) = run("rules check /nowhere.toml", &[]);
    assert!(
        code == 1 && error.contains("cannot read /nowhere.toml"),
        "{error}"
    );
    assert_eq!(
        desk.says("rules history").lines().count(),
        1,
        "nothing was written"
    );
}

#[test]
fn the_example_in_the_docs_is_right() {
    let page = include_str!("../../../docs/flow-control.md");
    let example = page.split("```toml\n").nth(1).unwrap();
    let example = example.split("```").next().unwrap();
    let file = File::named("docs-example", "example.toml", example);
    let line = format!("rules check {}", file.path("example.toml"));
    let (code, out, error) = run(&line, &[]);
    assert_eq!((code, error.as_str()), (0, ""), "{out}");
    assert!(out.starts_with("3 rules"), "{out}");
}
