//! The files of a component: copied into the data folder when the app is loaded and mounted read-only at `/`.
//!
//! No path leads out of the manifest's folder or out of the target. A link is followed, as in Spin: who
//! makes it is who runs the host.

use std::{
    fs,
    path::{Component, Path, PathBuf},
};

use anyhow::{Context, Result, bail};

use crate::manifest::Files;

/// A folder of staged files, which goes with its last user.
pub struct Staged(PathBuf);

impl Staged {
    /// Of this folder, which need not be there yet.
    pub fn new(folder: PathBuf) -> Self {
        Self(folder)
    }

    /// Where it is.
    pub fn folder(&self) -> &Path {
        &self.0
    }
}

impl Drop for Staged {
    fn drop(&mut self) {
        if self.0.exists()
            && let Err(error) = fs::remove_dir_all(&self.0)
        {
            tracing::warn!("cannot remove {}: {error}", self.0.display());
        }
        // The folder around those of all components of the app: the last one takes it away.
        if let Some(around) = self.0.parent() {
            drop(fs::remove_dir(around));
        }
    }
}

/// Copies what `files` name below `root` to `target`, except what matches `exclude`. `target` starts
/// empty; the answer is whether there is anything to mount.
pub fn stage(root: &Path, files: &[Files], exclude: &[String], target: &Path) -> Result<bool> {
    if target.exists() {
        fs::remove_dir_all(target).with_context(|| format!("cannot empty {}", target.display()))?;
    }
    if files.is_empty() {
        return Ok(false);
    }
    let exclude = exclude
        .iter()
        .map(|pattern| {
            glob::Pattern::new(pattern).with_context(|| format!("exclude_files `{pattern}`"))
        })
        .collect::<Result<Vec<_>>>()?;
    let staging = Staging {
        root,
        exclude,
        target,
    };
    create(target)?;
    for entry in files {
        match entry {
            Files::Pattern(pattern) => staging.pattern(pattern, root, target)?,
            Files::Placement {
                source,
                destination,
            } => staging.place(source, destination)?,
        }
    }
    Ok(true)
}

struct Staging<'a> {
    root: &'a Path,
    exclude: Vec<glob::Pattern>,
    target: &'a Path,
}

impl Staging<'_> {
    fn place(&self, source: &str, destination: &str) -> Result<()> {
        let Some(destination) = destination.strip_prefix('/') else {
            bail!("files: the destination `{destination}` is not absolute");
        };
        let to = self.target.join(inside(destination)?);
        let from = self.root.join(inside(source)?);
        if from.is_dir() {
            self.pattern(
                &format!("{}/**/*", glob::Pattern::escape(source)),
                &from,
                &to,
            )
        } else if from.is_file() {
            copy(&from, &to)
        } else {
            bail!("files: `{source}` does not exist");
        }
    }

    /// Copies the files that match; their paths below `from` stay the same below `to`.
    fn pattern(&self, pattern: &str, from: &Path, to: &Path) -> Result<()> {
        inside(pattern)?;
        let named = self.root.join(pattern);
        if named.is_dir() {
            bail!(
                "files: `{pattern}` is a folder: write `{pattern}/**/*`, or its source and destination"
            );
        }
        // As in Spin, what is named outright is not excluded.
        if named.is_file() {
            return copy(&named, &to.join(pattern));
        }
        if !pattern.contains(['*', '?', '[']) {
            bail!("files: `{pattern}` does not exist");
        }
        let root = glob::Pattern::escape(&self.root.to_string_lossy());
        let matches = glob::glob(&format!("{root}/{pattern}"))
            .with_context(|| format!("files: the pattern `{pattern}`"))?;
        for file in matches {
            let file = file.with_context(|| format!("files: the pattern `{pattern}`"))?;
            let name = file.strip_prefix(self.root)?;
            if file.is_file()
                && !self
                    .exclude
                    .iter()
                    .any(|exclude| exclude.matches_path(name))
            {
                copy(&file, &to.join(file.strip_prefix(from)?))?;
            }
        }
        Ok(())
    }
}

/// A relative path that stays inside.
fn inside(path: &str) -> Result<&Path> {
    let relative = Path::new(path);
    let stays = |part| matches!(part, Component::Normal(_) | Component::CurDir);
    if !relative.components().all(stays) {
        bail!("files: `{path}` leads out of its folder");
    }
    Ok(relative)
}

fn copy(from: &Path, to: &PathBuf) -> Result<()> {
    create(to.parent().context("a file has a folder")?)?;
    fs::copy(from, to)
        .with_context(|| format!("cannot copy {} for a component", from.display()))?;
    Ok(())
}

fn create(folder: &Path) -> Result<()> {
    fs::create_dir_all(folder).with_context(|| format!("cannot create {}", folder.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn placement(source: &str, destination: &str) -> Files {
        Files::Placement {
            source: source.into(),
            destination: destination.into(),
        }
    }

    #[test]
    fn files_are_staged_by_pattern_and_placement() {
        let folder = std::env::temp_dir().join(format!("edge-host-files-{}", std::process::id()));
        let (root, target) = (folder.join("app"), folder.join("target"));
        for file in [
            "static/a.css",
            "static/deep/b.css",
            "static/secret.css",
            "static/secret.txt",
            "note.txt",
        ] {
            create(root.join(file).parent().unwrap()).unwrap();
            fs::write(root.join(file), file).unwrap();
        }
        let files = [
            Files::Pattern("static/**/*.css".into()),
            Files::Pattern("static/secret.txt".into()),
            placement("static/deep", "/placed"),
            placement("note.txt", "/renamed.txt"),
        ];
        assert!(stage(&root, &files, &["static/secret*".into()], &target).unwrap());

        for (file, expected) in [
            ("static/a.css", Some("static/a.css")),
            ("static/deep/b.css", Some("static/deep/b.css")),
            ("placed/b.css", Some("static/deep/b.css")),
            ("renamed.txt", Some("note.txt")),
            ("static/secret.css", None),
            ("static/secret.txt", Some("static/secret.txt")),
            ("note.txt", None),
        ] {
            assert_eq!(
                fs::read_to_string(target.join(file)).ok().as_deref(),
                expected,
                "{file}"
            );
        }

        assert!(!stage(&root, &[], &[], &target).unwrap());
        assert!(!target.exists());
        fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn nothing_leads_out_of_the_folders() {
        fn check(files: &Files) {
            let root = std::env::temp_dir();
            let target = root.join(format!("edge-host-outside-{}", std::process::id()));
            assert!(
                stage(&root, std::slice::from_ref(files), &[], &target).is_err(),
                "{files:?}"
            );
            fs::remove_dir_all(&target).unwrap();
        }
        check(&Files::Pattern("../*".into()));
        check(&Files::Pattern("/etc/passwd".into()));
        check(&placement("../x", "/x"));
        check(&placement(".", "/../x"));
        check(&placement(".", "relative"));
        check(&placement("no-such-file", "/x"));
        check(&Files::Pattern("no-such-file".into()));
        check(&Files::Pattern(".".into()));
        check(&Files::Pattern("[".into()));
    }
}
