//! What a manifest may say, and what is refused by name.

mod refused;

use super::*;

/// One of each key that is honoured, or read and of no effect.
const VALID: &str = r#"
spin_manifest_version = 2

[application]
name = "shop"
version = "1.0.0"
description = "A shop"
authors = ["Someone"]
targets = ["spin-up:4.0"]

[application.tool.some]
key = 1

[application.trigger.http]

[variables]
origin = { default = "http://127.0.0.1:3000" }
secret = { required = true, secret = true, description = "A secret" }

[[trigger.http]]
id = "the-gate"
route = "/gate/..."
component = "gate"
executor = { type = "http" }

[[trigger.http]]
route = { private = true }
component = "gate"

[[trigger.http]]
route = "/robots.txt"
static_response = { status_code = 200, headers = { a = "b" }, body = "x" }

[[trigger.http]]
route = "/inline"
component = { source = "inline.wasm", environment = { A = "a" } }

[component.gate]
source = "gate.wasm"
description = "The gate"
files = ["static/*.css", { source = "content", destination = "/" }]
exclude_files = ["static/secret.css"]
key_value_stores = ["default", "a-b", "a_b"]
allowed_outbound_hosts = ["{{ origin }}"]
targets = ["spin-up:4.0"]

[component.gate.environment]
MODE = "test"

[component.gate.variables]
origin = "{{ origin }}/internal"

[component.gate.build]
command = "cargo build"
workdir = "gate"
watch = ["src/**/*.rs"]

[component.gate.profile.debug]
source = "debug.wasm"
environment = { MODE = "debug" }
build.command = "cargo build"

[component.gate.tool.some]
key = 1
"#;

fn read(text: &str) -> Result<Manifest, String> {
    let mut faults = Faults::default();
    let manifest = parse(text, &mut faults);
    faults.into_result().map_err(|faults| faults.to_string())?;
    manifest.ok_or_else(|| "nothing was read".into())
}

#[test]
fn a_manifest_of_everything_supported_is_read() {
    let manifest = read(VALID).unwrap();
    assert_eq!(manifest.application.name, "shop");
    assert_eq!(manifest.application.version, "1.0.0");
    let gate = &manifest.component["gate"];
    assert_eq!(gate.files.len(), 2);
    assert!(matches!(&gate.source, Source::File(file) if file == "gate.wasm"));
    assert_eq!(gate.environment["MODE"], "test", "no profile is taken");
    let triggers = &manifest.trigger.http;
    assert!(matches!(
        triggers[1].route,
        Route::Private { private: true }
    ));
    assert_eq!(triggers[2].static_response.as_ref().unwrap().body, "x");
    assert!(manifest.variables["secret"].required);
}

#[test]
fn inline_components_get_the_ids_that_spin_gives_them() {
    fn check(triggers: &str, expected: &[(&str, &str)]) {
        let text = format!(
            "spin_manifest_version = 2\n[application]\nname = \"a\"\n{triggers}\n\
             [component.x-component]\nsource = \"x.wasm\"\n"
        );
        let manifest = read(&text).unwrap();
        let found: Vec<_> = manifest
            .trigger
            .http
            .iter()
            .map(|trigger| match &trigger.component {
                Some(Handler::Id(id)) => (trigger.id.as_str(), id.as_str()),
                other => panic!("{other:?}"),
            })
            .collect();
        assert_eq!(found, expected, "{triggers}");
        assert!(
            expected
                .iter()
                .all(|(_, id)| manifest.component.contains_key(*id))
        );
    }
    let inline = |id: &str| {
        format!("[[trigger.http]]\n{id}\nroute = \"/\"\ncomponent = {{ source = \"a.wasm\" }}\n")
    };
    check(&inline(""), &[("http-trigger1", "http-trigger1-component")]);
    check(&inline("id = \"a\""), &[("a", "a-component")]);
    check(&inline("id = \"x\""), &[("x", "inline-component1")]);
    check(
        "[[trigger.http]]\nroute = \"/\"\ncomponent = \"x-component\"",
        &[("x-component-http-trigger", "x-component")],
    );
}

#[test]
fn faults_are_named() {
    fn check(find: &str, replace: &str, expected: &str) {
        let text = VALID.replacen(find, replace, 1);
        assert_ne!(text, VALID, "{find} is not in the manifest");
        assert_eq!(read(&text).unwrap_err(), expected, "{replace}");
    }
    check(
        "source = \"gate.wasm\"",
        "source = \"gate.wasm\"\nfoo = 1",
        "unknown key `component.gate.foo`",
    );
    check(
        "[variables]",
        "[nonsense]\n[variables]",
        "unknown key `nonsense`",
    );
    check("authors =", "author =", "unknown key `application.author`");
    check(
        "secret = true,",
        "hidden = true,",
        "unknown key `variables.secret.hidden`",
    );
    check(
        "workdir = ",
        "folder = ",
        "unknown key `component.gate.build.folder`",
    );
    check(
        "build.command = ",
        "files = ",
        "unknown key `component.gate.profile.debug.files`",
    );
    check(
        "source = \"inline.wasm\"",
        "source = \"inline.wasm\", foo = 1",
        "unknown key `trigger.http.component.foo`",
    );
    check(
        "body = \"x\"",
        "text = \"x\"",
        "unknown key `trigger.http.static_response.text`",
    );
    check(
        "{ private = true }",
        "{ private = true, foo = 1 }",
        "unknown key `trigger.http.route.foo`",
    );
    check(
        "destination = \"/\"",
        "destination = \"/\", foo = 1",
        "unknown key `component.gate.files.foo`",
    );
    check(
        "component = \"gate\"",
        "component = \"door\"",
        "`trigger.http` names the unknown component `door`",
    );
    check(
        "component = \"gate\"\nexecutor",
        "executor",
        "`trigger.http` `the-gate` has neither `component` nor `static_response`",
    );
    check(
        "component = \"gate\"",
        "component = \"gate\"\nstatic_response = {}",
        "`trigger.http` `the-gate` has both `component` and `static_response`",
    );
    check(
        "spin_manifest_version = 2",
        "spin_manifest_version = 1",
        "`spin_manifest_version` must be 2",
    );
    check(
        "private = true",
        "private = false",
        "`trigger.http.route` must be a pattern or `{ private = true }`",
    );
    check(
        "required = true, secret = true",
        "secret = true",
        "`variables.secret` must have either `required = true` or a `default`",
    );
    check(
        "secret = { required = true",
        "secret = { default = \"\", required = true",
        "`variables.secret` must have either `required = true` or a `default`",
    );
    check(
        "name = \"shop\"",
        "name = 1",
        "line 5: invalid type: integer `1`, expected a string",
    );
}

#[test]
fn names_are_as_spin_has_them() {
    fn check(find: &str, replace: &str, expected: &str) {
        let text = VALID.replace(find, replace);
        let answer = read(&text).map(drop);
        match expected {
            "" => assert_eq!(answer, Ok(()), "{replace}"),
            _ => assert!(
                answer.as_ref().unwrap_err().contains(expected),
                "{replace}: {answer:?}"
            ),
        }
    }
    for (id, expected) in [
        ("gate-2a", "each word between `-` begins with a letter"),
        ("gate_a", "letters and digits only"),
        ("gate--a", "each word"),
        ("gAte", "mixes upper and lower case"),
        ("GATE-a", ""),
        ("gate2-a3", ""),
    ] {
        let text = VALID
            .replace("component.gate", &format!("component.{id}"))
            .replace("component = \"gate\"", &format!("component = \"{id}\""));
        let answer = read(&text).map(drop);
        match expected {
            "" => assert_eq!(answer, Ok(()), "{id}"),
            _ => assert!(answer.unwrap_err().contains(expected), "{id}"),
        }
    }
    check("[variables]", "[variables]\na_b2 = { default = \"\" }", "");
    check(
        "[variables]",
        "[variables]\na_2 = { default = \"\" }",
        "`variables.a_2`: a variable's name is in snake_case",
    );
    check(
        "[variables]",
        "[variables]\na-b = { default = \"\" }",
        "`variables.a-b`: ",
    );
    check(
        "[variables]",
        "[variables]\nBad = { default = \"\" }",
        "`variables.Bad`: a variable's name has lower-case letters only",
    );
    check(
        "[component.gate.variables]",
        "[component.gate.variables]\na__b = \"\"",
        "`component.gate.variables.a__b`: ",
    );
    check(
        "\"default\", \"a-b\"",
        "\"default\", \"a.b\"",
        "the label `a.b` is neither kebab-case nor snake_case",
    );
}

#[test]
fn all_faults_are_reported_together() {
    let text = VALID
        .replace(
            "source = \"gate.wasm\"",
            "source = \"gate.wasm\"\nfoo = 1\nbar = 2",
        )
        .replace(
            "route = \"/gate/...\"\ncomponent = \"gate\"",
            "route = \"/gate/...\"\ncomponent = \"x\"",
        );
    assert_eq!(
        read(&text).unwrap_err(),
        "unknown key `component.gate.bar`; unknown key `component.gate.foo`; \
         `trigger.http` names the unknown component `x`"
    );
    let text = "spin_manifest_version = 2\n[application]\nname = \"a\"\n[trigger]\n";
    assert_eq!(
        read(text).unwrap_err(),
        "`trigger.http` is missing: no path leads to the app"
    );
}

#[test]
fn broken_toml_is_reported_with_its_line() {
    let fault = read("spin_manifest_version = 2\n[application\n").unwrap_err();
    assert!(fault.starts_with("line 2: "), "{fault}");
}
