//! The names of countries, as the template has them.

use crate::assets::TEMPLATES;

/// The name of the country with this code (ISO 3166-1, two letters), in HTML.
pub fn name(code: &str) -> Option<&'static str> {
    let is_code = code.len() == 2 && code.bytes().all(|byte| byte.is_ascii_uppercase());
    let (_, options) = TEMPLATES
        .iter()
        .find(|(name, _)| *name == "countries.html")?;
    let (_, rest) = options.split_once(&format!("value=\"{code}\">"))?;
    let (name, _) = rest.split_once('<')?;
    is_code.then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_has_a_name_or_is_none() {
        let check = |code, expected| assert_eq!(name(code), expected, "{code}");
        check("DE", Some("Germany"));
        check("ZW", Some("Zimbabwe"));
        check("XX", None);
        check("", None);
        check("de", None);
    }
}
