//! HTML from templates and views.

use crate::assets;
use minijinja::Environment;
use serde::Serialize;
use std::collections::BTreeSet;
use std::sync::OnceLock;

pub use minijinja::value::Value;
pub use minijinja::{Error, ErrorKind, context};

/// The page that the template `name` makes of `view`. `scripts` are those of this page, besides
/// what every page starts.
pub fn render(name: &str, scripts: &[&str], view: Value) -> Result<String, Error> {
    static ENVIRONMENT: OnceLock<Environment<'static>> = OnceLock::new();
    let environment = ENVIRONMENT.get_or_init(|| made().unwrap_or_default());
    let scripts = [&["js/frame.js"], scripts].concat();
    let view = context! { scripts, ..view };
    environment.get_template(name)?.render(view)
}

/// Every name ends in `.html`, which switches escaping on.
fn made() -> Result<Environment<'static>, Error> {
    let mut environment = Environment::new();
    environment.set_trim_blocks(true);
    environment.set_lstrip_blocks(true);
    environment.add_function("asset", asset);
    environment.add_function("modules", modules);
    for (name, source) in assets::TEMPLATES {
        environment.add_template(name, source)?;
    }
    Ok(environment)
}

fn asset(path: &str) -> Result<Value, Error> {
    if assets::NAMES.contains(&path) {
        return Ok(Value::from_safe_string(assets::address(path)));
    }
    let kind = ErrorKind::InvalidOperation;
    Err(Error::new(kind, format!("there is no asset {path}")))
}

/// The addresses of all modules that these scripts import, each once.
#[expect(
    clippy::needless_pass_by_value,
    reason = "a template hands its arguments over"
)]
fn modules(scripts: Vec<String>) -> Value {
    let needed = scripts.iter().flat_map(|path| assets::modules(path));
    let needed: BTreeSet<_> = needed.collect();
    needed.into_iter().map(Value::from_safe_string).collect()
}

/// JSON that may stand in a `<script type="application/ld+json">`: nothing in it ends the element or
/// begins a comment. Characters are escaped as JSON has it, so a reader sees the same values.
pub fn json(value: &impl Serialize) -> Result<Value, Error> {
    let failed = |error| Error::new(ErrorKind::BadSerialization, "no JSON").with_source(error);
    let text = serde_json::to_string(value).map_err(failed)?;
    let mut safe = String::with_capacity(text.len() + text.len() / 8);
    for letter in text.chars() {
        match letter {
            '<' => safe.push_str("\\u003c"),
            '>' => safe.push_str("\\u003e"),
            '&' => safe.push_str("\\u0026"),
            '\u{2028}' => safe.push_str("\\u2028"),
            '\u{2029}' => safe.push_str("\\u2029"),
            _ => safe.push(letter),
        }
    }
    Ok(Value::from_safe_string(safe))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_template_can_be_read() {
        made().unwrap();
    }

    #[test]
    fn nothing_that_a_shop_writes_ends_the_script() {
        let text = "</script><script>alert(1)</script><!-- & \u{2028} \" \\ ü";
        let safe = json(&[text]).unwrap().to_string();
        assert!(!safe.contains(['<', '>', '&', '\u{2028}']), "{safe}");
        let read: Vec<String> = serde_json::from_str(&safe).unwrap();
        assert_eq!(read, [text]);
    }

    #[test]
    fn an_asset_that_is_not_there_is_an_error() {
        assert!(asset("css/base.css").is_ok());
        assert!(asset("css/baseless.css").is_err());
    }
}
