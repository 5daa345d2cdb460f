//! What the types of a manifest cannot say.

use crate::faults::Faults;

use super::{Component, Handler, HttpTrigger, Manifest, Route, Source, Variable};

/// What to do about a component that is not a file here.
const NOT_A_FILE: &str =
    "this host fetches no code; download it, check its digest and name the file";

/// Notes every fault.
pub fn check(manifest: &Manifest, faults: &mut Faults) {
    if manifest.spin_manifest_version != 2 {
        faults.add("`spin_manifest_version` must be 2");
    }
    for (name, variable) in &manifest.variables {
        check_variable(name, variable, faults);
    }
    for (id, component) in &manifest.component {
        check_component(id, component, faults);
    }
    if manifest.trigger.http.is_empty() {
        faults.add("`trigger.http` is missing: no path leads to the app");
    }
    for trigger in &manifest.trigger.http {
        check_trigger(manifest, trigger, faults);
    }
}

fn check_variable(name: &str, variable: &Variable, faults: &mut Faults) {
    if variable.required == variable.default.is_some() {
        faults.add(format!(
            "`variables.{name}` must have either `required = true` or a `default`"
        ));
    }
    if let Err(reason) = lower_words(name, '_') {
        faults.add(format!("`variables.{name}`: {reason}"));
    }
}

fn check_component(id: &str, component: &Component, faults: &mut Faults) {
    if let Err(reason) = kebab_case(id) {
        faults.add(format!("`component.{id}`: {reason}"));
    }
    for name in component.variables.keys() {
        if let Err(reason) = lower_words(name, '_') {
            faults.add(format!("`component.{id}.variables.{name}`: {reason}"));
        }
    }
    for label in &component.key_value_stores {
        if words(label, '-').is_err() && words(label, '_').is_err() {
            faults.add(format!(
                "`component.{id}.key_value_stores`: the label `{label}` is neither kebab-case nor snake_case"
            ));
        }
    }
    match &component.source {
        Source::File(file) if !file.contains("://") => {}
        Source::File(_) | Source::Elsewhere(_) => faults.add(format!(
            "`component.{id}.source` is not a file: {NOT_A_FILE}"
        )),
    }
}

fn check_trigger(manifest: &Manifest, trigger: &HttpTrigger, faults: &mut Faults) {
    let id = &trigger.id;
    match (&trigger.component, &trigger.static_response) {
        (None, None) => faults.add(format!(
            "`trigger.http` `{id}` has neither `component` nor `static_response`"
        )),
        (Some(_), Some(_)) => faults.add(format!(
            "`trigger.http` `{id}` has both `component` and `static_response`"
        )),
        (Some(Handler::Id(component)), None) if !manifest.component.contains_key(component) => {
            faults.add(format!(
                "`trigger.http` names the unknown component `{component}`"
            ));
        }
        _ => {}
    }
    if matches!(trigger.route, Route::Private { private: false }) {
        faults.add("`trigger.http.route` must be a pattern or `{ private = true }`");
    }
}

/// An id such as `a-b2`.
pub fn kebab_case(id: &str) -> Result<(), String> {
    words(id, '-').map_err(|reason| format!("an id is in kebab-case: {reason}"))
}

fn lower_words(name: &str, between: char) -> Result<(), String> {
    if name.chars().any(|c| c.is_ascii_uppercase()) {
        return Err("a variable's name has lower-case letters only".into());
    }
    words(name, between).map_err(|reason| format!("a variable's name is in snake_case: {reason}"))
}

/// Spin's rule for ids: words of ASCII letters and digits, each beginning with a letter and of one case.
fn words(text: &str, between: char) -> Result<(), String> {
    for word in text.split(between) {
        let letters = || word.chars().filter(char::is_ascii_alphabetic);
        if !word.starts_with(|c: char| c.is_ascii_alphabetic()) {
            return Err(format!(
                "each word between `{between}` begins with a letter"
            ));
        }
        if !word.chars().all(|c| c.is_ascii_alphanumeric()) {
            return Err("letters and digits only".into());
        }
        if letters().any(|c| c.is_ascii_uppercase()) && letters().any(|c| c.is_ascii_lowercase()) {
            return Err(format!("`{word}` mixes upper and lower case"));
        }
    }
    Ok(())
}
