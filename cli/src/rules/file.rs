//! Reads a file of rules, TOML or JSON by its name.
//!
//! Invariant: what is wrong is told with its place: the line, or the rule and the field.

use anyhow::{Context, bail, ensure};
use kernel::flow::{RULES_BYTES_MAX, RuleSet};
use std::path::Path;

/// A set that can act.
pub(super) fn read(path: &Path) -> anyhow::Result<RuleSet> {
    let name = path.display();
    let size = std::fs::metadata(path).with_context(|| format!("cannot read {name}"))?;
    let most = 2 * RULES_BYTES_MAX as u64;
    ensure!(size.len() <= most, "{name} has more than {most} bytes");
    let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {name}"))?;
    let set = match path.extension().and_then(|kind| kind.to_str()) {
        Some("json") => RuleSet::from_json(&text).map_err(|faults| faults.0),
        Some("toml") => from_toml(&text),
        _ => bail!("{name} is not called .toml or .json"),
    };
    set.map_err(|faults| {
        let lines: Vec<String> = faults
            .iter()
            .map(|fault| format!("{name}: {fault}"))
            .collect();
        anyhow::Error::msg(lines.join("\n"))
    })
}

fn from_toml(text: &str) -> Result<RuleSet, Vec<String>> {
    let set: RuleSet = toml::from_str(text).map_err(|error| {
        let line = error.span().map(|span| {
            let before = text.get(..span.start).unwrap_or_default();
            format!("line {}: ", before.matches('\n').count() + 1)
        });
        let message = error.message().replace('\n', " ");
        vec![format!("{}{message}", line.unwrap_or_default())]
    })?;
    set.check().map_err(|faults| faults.0)?;
    Ok(set)
}
