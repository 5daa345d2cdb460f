//! Variables of the app: from the providers, else the manifest's default.
//!
//! All are asked when the app is loaded, once; a reload asks again. A template is plain substitution:
//! `{{ name }}` is replaced, nothing is evaluated. Values may be secrets, so they are never printed.

mod dotenv;
mod providers;
mod vault;

use std::{collections::BTreeMap, fmt};

use crate::{faults::Faults, manifest::Variable};

pub use providers::{Provider, Providers};
pub use vault::Vault;

/// The values of the app's variables; none where a required one is missing.
pub struct Variables(BTreeMap<String, Option<String>>);

impl fmt::Debug for Variables {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

impl Variables {
    /// Takes each variable from the first provider that has it, else its default.
    pub fn resolve(
        declared: &BTreeMap<String, Variable>,
        providers: &Providers,
        faults: &mut Faults,
    ) -> Self {
        let names: Vec<String> = declared.keys().cloned().collect();
        let mut provided = providers.values(&names, faults);
        let mut values = BTreeMap::new();
        for (name, variable) in declared {
            let found = provided.as_mut().and_then(|values| values.remove(name));
            let value = found.or_else(|| variable.default.clone());
            // Without an answer of a provider nobody knows what is missing.
            if value.is_none() && variable.required && provided.is_some() {
                faults.add(format!(
                    "the required variable `{name}` is missing: set SPIN_VARIABLE_{}",
                    name.to_ascii_uppercase()
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
mod tests;
