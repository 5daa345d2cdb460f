//! Which modules each script imports, directly or through others: a page names them all at once,
//! so that a browser need not find them one after the other.

use crate::files::File;
use anyhow::{Result, ensure};
use std::collections::{BTreeMap, BTreeSet};

/// For every script the modules it needs besides itself.
pub fn closures(assets: &[File]) -> Result<BTreeMap<String, Vec<String>>> {
    let mut imports = BTreeMap::new();
    let is_script = |file: &&File| file.media_type.starts_with("text/javascript");
    for file in assets.iter().filter(is_script) {
        let source = std::str::from_utf8(&file.content)?;
        imports.insert(file.name.as_str(), imported(source));
    }
    for (name, needed) in &imports {
        for module in needed {
            let known = imports.contains_key(module.as_str());
            ensure!(known, "{name} imports {module}, which is not there");
        }
    }
    let closure = |name: &&str| (String::from(*name), closure(&imports, name));
    Ok(imports.keys().map(closure).collect())
}

fn closure(imports: &BTreeMap<&str, Vec<String>>, start: &str) -> Vec<String> {
    let mut found = BTreeSet::new();
    let mut open = vec![start];
    while let Some(name) = open.pop() {
        for module in imports.get(name).into_iter().flatten() {
            if module != start && found.insert(module.clone()) {
                open.push(module);
            }
        }
    }
    found.into_iter().collect()
}

/// The house writes `import … from './name.js';` or `import './name.js';`, a statement a line or
/// its last line.
fn imported(source: &str) -> Vec<String> {
    let specifier = |line: &str| {
        let statement = line.starts_with("import ") || line.starts_with("} from ");
        let (_, rest) = line.split_once("'./").filter(|_| statement)?;
        let (name, _) = rest.split_once("';")?;
        Some(format!("js/{name}"))
    };
    source.lines().filter_map(specifier).collect()
}
