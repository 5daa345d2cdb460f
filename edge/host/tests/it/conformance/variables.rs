//! Where variables get their values.

use std::{
    collections::BTreeMap,
    fs,
    io::{BufRead, BufReader, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{Arc, Mutex},
    thread,
};

use crate::{
    app::{App, wait_for},
    outbound::free_address,
};

const ONE: &str = "variables = { one = \"{{ one }}\" }";
const DECLARED: &str = "[variables]\none = { default = \"default\" }";

#[test]
fn the_first_provider_that_has_a_value_decides() {
    const STATIC: &str =
        "[[variables_provider]]\ntype = \"static\"\nvalues = { one = \"static\" }\n";
    const ENV: &str = "[[variables_provider]]\ntype = \"env\"\nprefix = \"SHOP\"\n";
    const DOTENV: &str = "[[variables_provider]]\ntype = \"env\"\nprefix = \"SHOP\"\n\
                          dotenv_path = \"shop.env\"\n";
    let all = [("SPIN_VARIABLE_ONE", "spin"), ("SHOP_ONE", "shop")];
    for (config, environment, expected) in [
        (String::new(), &all[..0], "dotenv"),
        (String::new(), &all[..], "spin"),
        (STATIC.to_owned(), &all[..], "static"),
        (ENV.to_owned(), &all[..], "shop"),
        (ENV.to_owned(), &all[..1], "spin"),
        (DOTENV.to_owned(), &all[..1], "shop's dotenv"),
        (DOTENV.to_owned(), &all[..], "shop"),
        (format!("{STATIC}{ENV}"), &all[..], "static"),
        (format!("{ENV}{STATIC}"), &all[..], "shop"),
    ] {
        let app = App::new(ONE, DECLARED).runtime_config(&config);
        // The working directory is the app's folder.
        fs::write(app.folder.join(".env"), "SPIN_VARIABLE_ONE=dotenv\n").unwrap();
        fs::write(app.folder.join("shop.env"), "SHOP_ONE=\"shop's dotenv\"\n").unwrap();
        let app = environment
            .iter()
            .fold(app, |app, (name, value)| app.environment(name, value));
        let host = app.start();
        assert_eq!(
            host.tell("variable?one"),
            format!("Ok({expected:?})"),
            "{config} {environment:?}"
        );
    }
}

#[test]
fn without_a_value_from_anywhere_the_default_holds() {
    let app = App::new(ONE, DECLARED);
    assert_eq!(app.start().tell("variable?one"), r#"Ok("default")"#);
}

#[test]
fn a_provider_that_fails_stops_the_start() {
    for (config, expected) in [
        (
            "type = \"env\"\ndotenv_path = \"missing.env\"",
            "the variables provider `env`: missing.env is not there",
        ),
        (
            "type = \"env\"\ndotenv_path = \"broken.env\"",
            "the variables provider `env`: entry 1 of broken.env is not NAME=value",
        ),
    ] {
        let app = App::new(ONE, DECLARED)
            .runtime_config(&format!("[[variables_provider]]\n{config}\n"))
            .arguments(&["--check"]);
        fs::write(app.folder.join("broken.env"), "hidden words\n").unwrap();
        let (success, log) = app.run();
        assert!(!success && log.contains(expected), "{expected}: {log}");
        assert!(!log.contains("hidden"), "{log}");
    }
}

#[test]
fn a_reload_asks_the_providers_again() {
    let given = |value: &str| {
        format!("[[variables_provider]]\ntype = \"static\"\nvalues = {{ one = \"{value}\" }}\n")
    };
    let app = App::new(ONE, DECLARED).runtime_config(&given("old"));
    let host = app.start();
    assert_eq!(host.tell("variable?one"), r#"Ok("old")"#);
    let file = app.folder.join("runtime.toml");
    fs::write(&file, given("new")).unwrap();
    assert_eq!(host.tell("variable?one"), r#"Ok("old")"#);
    host.hang_up();
    wait_for("the new value", || {
        host.tell("variable?one") == r#"Ok("new")"#
    });

    let broken = "[[variables_provider]]\ntype = \"env\"\ndotenv_path = \"missing.env\"\n";
    fs::write(&file, broken).unwrap();
    host.hang_up();
    wait_for("the refusal", || {
        host.log().contains("missing.env is not there")
    });
    assert_eq!(host.tell("variable?one"), r#"Ok("new")"#);
}

/// A server that answers as Vault documents for version 2 of its key-value engine.
struct Vault {
    address: SocketAddr,
    /// The heads of the requests it got.
    seen: Arc<Mutex<Vec<String>>>,
}

impl Vault {
    /// With an answer, its status line first, for each path.
    fn start(answers: &[(&str, &str)]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let answers: BTreeMap<String, String> = answers
            .iter()
            .map(|(path, answer)| ((*path).to_owned(), (*answer).to_owned()))
            .collect();
        let noted = seen.clone();
        thread::spawn(move || {
            for stream in listener.incoming() {
                let (answers, noted) = (answers.clone(), noted.clone());
                thread::spawn(move || answer(stream.unwrap(), &answers, &noted));
            }
        });
        Self { address, seen }
    }

    fn config(&self, prefix: &str) -> String {
        format!(
            "[[variables_provider]]\ntype = \"vault\"\nurl = \"http://{}/\"\n\
             token = \"hidden-token\"\nmount = \"secret\"\n{prefix}\n",
            self.address
        )
    }
}

fn answer(mut stream: TcpStream, answers: &BTreeMap<String, String>, seen: &Mutex<Vec<String>>) {
    let mut head = String::new();
    let lines = BufReader::new(stream.try_clone().unwrap()).lines();
    for line in lines.map_while(Result::ok) {
        if !line.is_empty() {
            head.push_str(&line);
            head.push('\n');
            continue;
        }
        let path = head.split(' ').nth(1).unwrap_or_default();
        let nothing = "404 Not Found\n{\"errors\":[]}".to_owned();
        let found = answers.get(path).unwrap_or(&nothing);
        let (status, body) = found.split_once('\n').unwrap();
        let length = body.len();
        let text = format!(
            "HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}"
        );
        stream.write_all(text.as_bytes()).unwrap();
        seen.lock().unwrap().push(std::mem::take(&mut head));
    }
}

const SECRET: &str = r#"200 OK
{"request_id":"0d1e","lease_id":"","renewable":false,"lease_duration":0,"data":{"data":{"value":"from vault"},"metadata":{"created_time":"2026-01-01T00:00:00.000000000Z","custom_metadata":null,"deletion_time":"","destroyed":false,"version":2}},"wrap_info":null,"warnings":null,"auth":null}"#;

#[test]
fn vault_is_asked_for_each_variable() {
    let vault = Vault::start(&[("/v1/secret/data/shop/one", SECRET)]);
    let app = App::new(
        "variables = { one = \"{{ one }}\", two = \"{{ two }}\" }",
        "[variables]\none = { required = true }\ntwo = { default = \"default\" }",
    )
    .runtime_config(&vault.config("prefix = \"shop\""))
    .environment("SPIN_VARIABLE_ONE", "not this");
    let host = app.start();
    assert_eq!(host.tell("variable?one"), r#"Ok("from vault")"#);
    assert_eq!(host.tell("variable?two"), r#"Ok("default")"#);
    let seen = vault.seen.lock().unwrap();
    assert_eq!(seen.len(), 2, "once each, at the start: {seen:?}");
    assert!(
        seen[0].starts_with("GET /v1/secret/data/shop/one HTTP/1.1\n"),
        "{seen:?}"
    );
    assert!(
        seen[0].contains("x-vault-token: hidden-token\n"),
        "{seen:?}"
    );
    assert!(seen[0].contains("x-vault-request: true\n"), "{seen:?}");
    assert!(!host.log().contains("hidden"), "{}", host.log());
}

#[test]
fn a_vault_that_does_not_answer_stops_the_start() {
    let refusing = "403 Forbidden\n{\"errors\":[\"permission denied\"]}";
    let odd = "200 OK\n{\"data\":{\"data\":{\"other\":\"hidden\"}}}";
    let refusing = Vault::start(&[("/v1/secret/data/one", refusing)]);
    let odd = Vault::start(&[("/v1/secret/data/one", odd)]);
    let away = Vault {
        address: free_address(),
        seen: Arc::default(),
    };
    for (vault, expected) in [
        (
            &refusing,
            "cannot read `one`: Vault answers 403 Forbidden: permission denied",
        ),
        (
            &odd,
            "cannot read `one`: the secret has no text in its field `value`",
        ),
        (&away, "cannot read `one`: Connection refused"),
    ] {
        let app = App::new(ONE, DECLARED)
            .runtime_config(&vault.config(""))
            .arguments(&["--check"]);
        let (success, log) = app.run();
        assert!(!success, "the default must not stand in: {log}");
        let expected = format!("the variables provider `vault`: {expected}");
        assert!(log.contains(&expected), "{expected}: {log}");
        assert!(!log.contains("hidden"), "{log}");
    }
}
