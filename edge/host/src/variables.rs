//! Variables of the app: from `SPIN_VARIABLE_<NAME>`, else the manifest's default.
//!
//! A template is plain substitution: `{{ name }}` is replaced, nothing is evaluated. Values may be
//! secrets, so they are never printed.

use std::{collections::BTreeMap, fmt};

use crate::{faults::Faults, manifest::Variable};

/// The values of the app's variables; none where a required one is missing.
pub struct Variables(BTreeMap<String, Option<String>>);

impl fmt::Debug for Variables {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

impl Variables {
    /// Takes each variable from `environment` (asked with its full name), else its default.
    pub fn resolve(
        declared: &BTreeMap<String, Variable>,
        environment: impl Fn(&str) -> Option<String>,
        faults: &mut Faults,
    ) -> Self {
        let mut values = BTreeMap::new();
        for (name, variable) in declared {
            if let Err(reason) = check_name(name) {
                faults.add(format!("`variables.{name}`: {reason}"));
                values.insert(name.clone(), None);
                continue;
            }
            let key = format!("SPIN_VARIABLE_{}", name.to_ascii_uppercase());
            let value = environment(&key).or_else(|| variable.default.clone());
            if value.is_none() {
                faults.add(format!(
                    "the required variable `{name}` is missing: set {key}"
                ));
            }
            values.insert(name.clone(), value);
        }
        Self(values)
    }

    /// Replaces every `{{ name }}` of `template`. The answer is none if a value is missing, which was
    /// a fault already.
    pub fn substitute(&self, template: &str) -> Result<Option<String>, String> {
        let mut text = Some(String::with_capacity(template.len()));
        let mut rest = template;
        while let Some((literal, expression)) = rest.split_once("{{") {
            let Some((name, after)) = expression.split_once("}}") else {
                return Err("`{{` without `}}`".into());
            };
            let name = name.trim();
            let value = self
                .0
                .get(name)
                .ok_or_else(|| format!("unknown variable `{name}`"))?;
            text = text
                .zip(value.as_ref())
                .map(|(text, value)| text + literal + value.as_str());
            rest = after;
        }
        Ok(text.map(|text| text + rest))
    }
}

/// Names are in snake_case: letters first, single underscores between.
pub fn check_name(name: &str) -> Result<(), &'static str> {
    let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    if !name.starts_with(|c: char| c.is_ascii_lowercase()) {
        Err("a variable's name starts with a lower-case letter")
    } else if !name.chars().all(allowed) {
        Err("a variable's name has only lower-case letters, digits and underscores")
    } else if name.contains("__") || name.ends_with('_') {
        Err("underscores in a variable's name stand alone and not at its end")
    } else {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
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

    fn environment(key: &str) -> Option<String> {
        match key {
            "SPIN_VARIABLE_ORIGIN_URL" => Some("http://origin".into()),
            "SPIN_VARIABLE_EMPTY" => Some(String::new()),
            _ => None,
        }
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
            let variables = Variables::resolve(&declared, environment, &mut faults);
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
    fn all_missing_and_misnamed_variables_are_reported() {
        let declared = variables(&[
            ("one", true, None),
            ("two", true, None),
            ("origin_url", true, None),
            ("Bad", false, Some("")),
            ("a__b", false, Some("")),
        ]);
        let mut faults = Faults::default();
        let variables = Variables::resolve(&declared, environment, &mut faults);
        assert_eq!(
            variables.substitute("{{ one }} {{ origin_url }}"),
            Ok(None),
            "one fault is enough"
        );
        assert_eq!(
            faults.into_result().unwrap_err().to_string(),
            "`variables.Bad`: a variable's name starts with a lower-case letter; \
             `variables.a__b`: underscores in a variable's name stand alone and not at its end; \
             the required variable `one` is missing: set SPIN_VARIABLE_ONE; \
             the required variable `two` is missing: set SPIN_VARIABLE_TWO"
        );
    }

    #[test]
    fn values_are_never_printed() {
        let declared = variables(&[("origin_url", true, None)]);
        let variables = Variables::resolve(&declared, environment, &mut Faults::default());
        assert_eq!(format!("{variables:?}"), r#"{"origin_url"}"#);
    }
}
