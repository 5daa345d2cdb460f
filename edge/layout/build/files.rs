//! What lies in `static/`, in the order of the names.

use anyhow::{Context, Result};
use std::fs;
use std::path::{Path, PathBuf};

/// One file.
pub struct File {
    /// Below `static/` (below `static/templates/` for a template), with slashes.
    pub name: String,
    /// Where it lies.
    pub path: PathBuf,
    /// Empty for a template.
    pub media_type: &'static str,
    /// What it holds.
    pub content: Vec<u8>,
}

/// Everything that browsers load by its name.
pub fn assets(root: &Path) -> Result<Vec<File>> {
    let mut files = Vec::new();
    for folder in ["css", "images", "js"] {
        for path in listed(&root.join(folder))? {
            files.extend(asset(root, path)?);
        }
    }
    files.extend(asset(root, root.join("site.webmanifest"))?);
    Ok(files)
}

/// `None` for a file that is there for tools only.
fn asset(root: &Path, path: PathBuf) -> Result<Option<File>> {
    let media_type = match path.extension().and_then(|ending| ending.to_str()) {
        Some("css") => "text/css; charset=utf-8",
        Some("ico") => "image/x-icon",
        Some("js") => "text/javascript; charset=utf-8",
        Some("png") => "image/png",
        Some("svg") => "image/svg+xml",
        Some("webmanifest") => "application/manifest+json",
        _ => return Ok(None),
    };
    read(root, path, media_type).map(Some)
}

/// The file at `path` below `root`.
pub fn read(root: &Path, path: PathBuf, media_type: &'static str) -> Result<File> {
    let content = fs::read(&path).with_context(|| path.display().to_string())?;
    let below = path.strip_prefix(root)?;
    let name = below.to_str().context("a name that is no UTF-8")?;
    Ok(File {
        name: name.replace('\\', "/"),
        path,
        media_type,
        content,
    })
}

/// The files in a folder, in the order of their names.
pub fn listed(folder: &Path) -> Result<Vec<PathBuf>> {
    let entries = fs::read_dir(folder).with_context(|| folder.display().to_string())?;
    let mut paths = entries
        .map(|entry| Ok(entry?.path()))
        .collect::<Result<Vec<_>>>()?;
    paths.retain(|path| path.is_file());
    paths.sort();
    Ok(paths)
}
