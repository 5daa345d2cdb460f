//! The source files of the workspace, read once for all checks.

use std::fs;
use std::path::Path;

const KINDS: [&str; 4] = ["rs", "lua", "js", "css"];
/// Not ours, or made from ours.
const SKIPPED: [&str; 2] = ["target", "node_modules"];

/// One file.
pub struct Source {
    /// From the top of the repository, with `/`.
    pub path: String,
    pub text: String,
}

impl Source {
    /// What follows the last dot.
    pub fn kind(&self) -> &str {
        self.path.rsplit('.').next().unwrap_or_default()
    }

    /// The part without the unit tests at the end.
    pub fn code(&self) -> &str {
        self.text
            .split("\n#[cfg(test)]\nmod ")
            .next()
            .unwrap_or_default()
    }
}

/// All source files below `top`, in the order of their paths.
pub fn read(top: &Path) -> anyhow::Result<Vec<Source>> {
    let mut sources = Vec::new();
    collect(top, "", &mut sources)?;
    sources.sort_by(|one, other| one.path.cmp(&other.path));
    Ok(sources)
}

fn collect(folder: &Path, path: &str, sources: &mut Vec<Source>) -> anyhow::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let path = if path.is_empty() {
            name.clone()
        } else {
            format!("{path}/{name}")
        };
        let kind = entry.file_type()?;
        if kind.is_dir() && !name.starts_with('.') && !SKIPPED.contains(&name.as_str()) {
            collect(&entry.path(), &path, sources)?;
        } else if kind.is_file() && KINDS.iter().any(|kind| name.ends_with(&format!(".{kind}"))) {
            sources.push(Source {
                path,
                text: fs::read_to_string(entry.path())?,
            });
        }
    }
    Ok(())
}
