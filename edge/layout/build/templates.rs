//! The templates, in the order of their names.

use crate::files::{File, listed, read};
use anyhow::Result;
use std::path::Path;

/// All of `static/templates/`.
pub fn templates(root: &Path) -> Result<Vec<File>> {
    let folder = root.join("templates");
    let paths = listed(&folder)?.into_iter();
    paths.map(|path| read(&folder, path, "")).collect()
}
