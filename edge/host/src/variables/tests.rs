//! How variables get their values, and how templates are filled in.

use super::*;

fn variables(entries: &[(&str, bool, Option<&str>)]) -> BTreeMap<String, Variable> {
    let entry = |(name, required, default): &(&str, bool, Option<&str>)| {
        let variable = Variable {
            required: *required,
            default: default.map(String::from),
        };
        ((*name).to_owned(), variable)
    };
    entries.iter().map(entry).collect()
}

fn providers(configured: Vec<Provider>) -> Providers {
    Providers::with_environment(configured, |key| match key {
        "SPIN_VARIABLE_ORIGIN_URL" => Some("http://origin".into()),
        "OTHER_ORIGIN_URL" => Some("http://other".into()),
        "SPIN_VARIABLE_EMPTY" => Some(String::new()),
        _ => None,
    })
}

fn given(values: &[(&str, &str)]) -> Provider {
    let pairs = values.iter();
    Provider::Static(
        pairs
            .map(|(name, value)| ((*name).into(), (*value).into()))
            .collect(),
    )
}

fn environment(prefix: &str, dotenv: Option<&str>) -> Provider {
    Provider::Environment {
        prefix: Some(prefix.into()),
        dotenv: dotenv.map(Into::into),
    }
}

#[test]
fn the_first_provider_that_has_a_value_decides() {
    fn check(configured: Vec<Provider>, expected: &str) {
        let declared = variables(&[("origin_url", false, Some("default"))]);
        let order = format!("{configured:?}");
        let mut faults = Faults::default();
        let variables = Variables::resolve(&declared, &providers(configured), &mut faults);
        faults.into_result().unwrap();
        let value = variables.substitute("{{ origin_url }}").unwrap();
        assert_eq!(value.as_deref(), Some(expected), "{order}");
    }
    let fixed = || given(&[("origin_url", "http://fixed")]);
    check(vec![], "http://origin");
    check(vec![fixed()], "http://fixed");
    check(vec![given(&[])], "http://origin");
    check(vec![environment("OTHER", None)], "http://other");
    check(vec![environment("NONE", None)], "http://origin");
    check(vec![environment("OTHER", None), fixed()], "http://other");
    check(vec![fixed(), environment("OTHER", None)], "http://fixed");
}

#[test]
fn a_dotenv_file_stands_behind_the_environment() {
    let file = std::env::temp_dir().join(format!("edge-host-dotenv-{}", std::process::id()));
    let text = "# comment\nOTHER_ORIGIN_URL=unused\nexport OTHER_SECRET='a b$c' # tail\n";
    std::fs::write(&file, text).unwrap();
    let path = file.to_str().unwrap();
    let declared = variables(&[("origin_url", true, None), ("secret", true, None)]);
    let mut faults = Faults::default();
    let configured = vec![environment("OTHER", Some(path))];
    let filled = Variables::resolve(&declared, &providers(configured), &mut faults);
    faults.into_result().unwrap();
    let value = filled.substitute("{{ origin_url }} {{ secret }}").unwrap();
    assert_eq!(value.unwrap(), "http://other a b$c");

    std::fs::write(&file, "OTHER_SECRET=ok\nthe secret itself\n").unwrap();
    for (path, expected) in [
        (path, "entry 2 of "),
        ("/no/such/.env", "/no/such/.env is not there"),
    ] {
        let mut faults = Faults::default();
        let configured = vec![environment("OTHER", Some(path))];
        Variables::resolve(&declared, &providers(configured), &mut faults);
        let fault = faults.into_result().unwrap_err().to_string();
        assert!(
            fault.starts_with("the variables provider `env`: "),
            "{fault}"
        );
        assert!(fault.contains(expected), "{fault}");
        assert!(!fault.contains("secret itself"), "{fault}");
        assert!(!fault.contains("is missing"), "nobody knows that: {fault}");
    }
    std::fs::remove_file(&file).unwrap();
}

#[test]
fn templates_are_plainly_substituted() {
    fn check(template: &str, expected: Result<&str, &str>) {
        let declared = variables(&[
            ("origin_url", true, None),
            ("empty", false, Some("default")),
            ("pop", false, Some("{{ origin_url }}")),
        ]);
        let mut faults = Faults::default();
        let variables = Variables::resolve(&declared, &providers(vec![]), &mut faults);
        faults.into_result().unwrap();
        let expected = expected.map(|text| Some(text.into())).map_err(String::from);
        assert_eq!(variables.substitute(template), expected, "{template}");
    }
    check("", Ok(""));
    check("plain", Ok("plain"));
    check("{{ origin_url }}/x", Ok("http://origin/x"));
    check("{{origin_url}}{{ empty }}!", Ok("http://origin!"));
    check("{{ pop }}", Ok("{{ origin_url }}"));
    check("a } b { c", Ok("a } b { c"));
    check("{{ missing }}", Err("unknown variable `missing`"));
    check("{{ origin_url", Err("`{{` without `}}`"));
}

#[test]
fn all_missing_variables_are_reported() {
    let declared = variables(&[
        ("one", true, None),
        ("two", true, None),
        ("origin_url", true, None),
    ]);
    let mut faults = Faults::default();
    let variables = Variables::resolve(&declared, &providers(vec![]), &mut faults);
    assert_eq!(
        variables.substitute("{{ one }} {{ origin_url }}"),
        Ok(None),
        "one fault is enough"
    );
    assert_eq!(
        faults.into_result().unwrap_err().to_string(),
        "the required variable `one` is missing: set SPIN_VARIABLE_ONE; \
         the required variable `two` is missing: set SPIN_VARIABLE_TWO"
    );
}

#[test]
fn names_that_a_component_may_ask_for_are_in_snake_case() {
    for (name, expected) in [
        ("a", true),
        ("a_b2", true),
        ("a_2", true),
        ("", false),
        ("Bad", false),
        ("bAd", false),
        ("2a", false),
        ("a__b", false),
        ("a_", false),
        ("a-b", false),
    ] {
        assert_eq!(check_name(name).is_ok(), expected, "{name}");
    }
}

#[test]
fn values_are_never_printed() {
    let declared = variables(&[("origin_url", true, None)]);
    let configured = vec![given(&[("origin_url", "hidden")])];
    assert_eq!(format!("{configured:?}"), "[static]");
    let variables = Variables::resolve(&declared, &providers(configured), &mut Faults::default());
    assert_eq!(format!("{variables:?}"), r#"{"origin_url"}"#);
}
