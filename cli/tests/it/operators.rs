//! Operators on the server, and at an origin's admin listener from anywhere else.

use crate::desk::{Desk, run};
use origin::http::{admin_routes, bind, serve};
use origin::operators::{CodeSecret, Door};
use origin::settings::{AdminKey, AdminSettings, RefundSettings};
use origin::stores::Stores;
use std::io::Write;
use std::process::{Command, Stdio};

const KEY: &str = "0707070707070707070707070707070707070707070707070707070707070707";

/// What follows a word at the beginning of a line.
fn after<'a>(text: &'a str, word: &str) -> &'a str {
    let line = text.lines().find_map(|line| line.strip_prefix(word));
    line.unwrap_or_else(|| panic!("{word} in {text}")).trim()
}

/// Starts an admin listener in this process; its address.
async fn origin_of(desk: &Desk) -> String {
    let settings = desk.store_settings();
    let stores = Stores::connect(&settings).await.unwrap();
    let key = AdminKey::derive(&[7; 32]);
    let door = Door::new(stores.ledger.clone(), &stores.stock, key.clone());
    let admin = AdminSettings {
        listen: ([127, 0, 0, 1], 0).into(),
        url: None,
        proxies: Vec::new(),
    };
    let listener = bind("admin", admin.listen).await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let refunds = RefundSettings {
        promised_ms: 60_000,
    };
    let desk = origin::operators::Desk::new(settings, None, Some(key), refunds);
    let desk = desk.with(stores);
    let routes = admin_routes(desk, door, admin);
    tokio::spawn(serve(listener, routes, std::future::pending()));
    url
}

/// `sign-in` with two lines on standard input; exit code and what was said.
fn sign_in(home: &str, url: &str, name: &str, password: &str, code: &str) -> (i32, String) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_doorbuster"))
        .args(["sign-in", "--admin", url, name])
        .env_clear()
        .env("XDG_CONFIG_HOME", home)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = format!("{password}\n{code}\n");
    child
        .stdin
        .take()
        .unwrap()
        .write_all(lines.as_bytes())
        .unwrap();
    let output = child.wait_with_output().unwrap();
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8(said).unwrap().trim_end().to_owned();
    (output.status.code().unwrap(), said)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_operator_made_on_the_server_works_from_elsewhere_by_their_role() {
    let desk = Desk::new().await;
    let key = [("DOORBUSTER_ADMIN_KEY", KEY)];
    let (code, _, error) = desk.run("operator add ada --role seller");
    assert!(
        code == 1 && error.contains("DOORBUSTER_ADMIN_KEY"),
        "{error}"
    );
    let name = format!("ada-{}", &origin::random_id()[..12]);
    let (code, made, error) = desk.run_with(&key, &format!("operator add {name} --role seller"));
    assert_eq!(code, 0, "{error}");
    let (password, secret) = (after(&made, "password"), after(&made, "secret"));
    assert!(
        after(&made, "for an app").starts_with("otpauth://totp/Doorbuster:"),
        "{made}"
    );
    let phone = CodeSecret::read(&name, secret).unwrap();
    let item = desk.says("item add --title Console --list-price 59900 --currency USD");
    let sale = desk.says(&crate::create(&item, 10));

    let url = origin_of(&desk).await;
    let folder = std::env::temp_dir().join(format!("doorbuster-{}", origin::random_id()));
    let home = folder.to_str().unwrap();
    let now = || phone.code_at(origin::now());
    let (code, said) = sign_in(home, &url, &name, "wrong", &now());
    assert!(
        code == 1 && said.contains("Check name, password and code"),
        "{said}"
    );
    let (code, said) = sign_in(home, &url, &name, password, &now());
    assert_eq!((code, said), (0, format!("signed in as {name}, seller")));
    let file = folder.join("doorbuster/session");
    let permissions =
        std::os::unix::fs::PermissionsExt::mode(&file.metadata().unwrap().permissions());
    assert_eq!(permissions & 0o777, 0o600);

    // No setting of a store: all of it goes over HTTP.
    let away = [("XDG_CONFIG_HOME".to_owned(), home.to_owned())];
    let remote = |line: &str| {
        let (code, out, error) = run(line, &away);
        assert_eq!(code, 0, "{line}: {error}");
        out
    };
    assert_eq!(
        remote(&format!("sale publish {sale}")),
        format!("sale {sale} is public")
    );
    assert!(remote(&format!("sale show {sale}")).contains("in Redis   10 available"));
    assert_eq!(
        remote(&format!("sale pause {sale}")),
        format!("sale {sale} is paused")
    );
    let (code, _, error) = run("operator list", &away);
    assert!(
        code == 1 && error.contains("Your role is seller; this takes admin"),
        "{error}"
    );
    let log = remote(&format!("log --subject sale:{sale}"));
    assert!(log.lines().all(|line| line.contains("sale.")), "{log}");
    assert!(
        log.contains(&format!("operator:{name}  sale.phase")),
        "{log}"
    );
    assert!(log.contains("shell:uid-"), "made on the server: {log}");
    assert_eq!(remote("sign-out"), "signed out");
    assert!(!file.exists());
    let (code, _, error) = run("sale list", &away);
    assert!(
        code == 1 && error.contains("DOORBUSTER_MYSQL_URL is missing"),
        "{error}"
    );
    std::fs::remove_dir_all(&folder).unwrap();

    let disabled = desk.says(&format!("operator disable {name}"));
    assert_eq!(
        disabled,
        format!("{name} is disabled and signed out everywhere")
    );
    assert!(desk.says("operator list").contains("seller  disabled"));
}
