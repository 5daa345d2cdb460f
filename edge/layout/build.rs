//! Reads `static/` and builds what pages run of the kernel: the names of the assets with one hash
//! of them all, which modules a script needs, and the templates. The assets themselves are embedded
//! by `edge/pages` alone.
//!
//! Invariant: a byte changed in any asset changes the address of all, so an address once given
//! out always means the same bytes, and modules find each other by their relative names.

#[path = "build/files.rs"]
mod files;
#[path = "build/kernel.rs"]
mod kernel;
#[path = "build/modules.rs"]
mod modules;
#[path = "build/templates.rs"]
mod templates;

use anyhow::{Context, Result};
use files::File;
use sha2::{Digest, Sha256};
use std::fmt::Write as _;
use std::path::PathBuf;
use std::{env, fs};

fn main() -> Result<()> {
    let manifest = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").context("no manifest")?);
    let out = PathBuf::from(env::var_os("OUT_DIR").context("no output folder")?);
    let top = manifest.join("../..").canonicalize()?;
    let root = top.join("static");

    let mut assets = files::assets(&root)?;
    let kernel = kernel::asset(&top, &out)?;
    let kernel_path = kernel.path.clone();
    assets.push(kernel);
    let code = format!(
        "{}{}{}",
        names(&assets)?,
        module_table(&assets)?,
        template_table(&templates::templates(&root)?)?,
    );
    fs::write(out.join("named.rs"), code)?;

    let mut stdout = std::io::stdout();
    let ours = [
        root.clone(),
        manifest.join("build"),
        manifest.join("build.rs"),
    ];
    for path in ours.into_iter().chain(kernel::sources(&top)) {
        let line = format!("cargo::rerun-if-changed={}\n", path.display());
        std::io::Write::write_all(&mut stdout, line.as_bytes())?;
    }
    let line = format!("cargo::metadata=KERNEL={}\n", kernel_path.display());
    std::io::Write::write_all(&mut stdout, line.as_bytes())?;
    Ok(())
}

fn names(assets: &[File]) -> Result<String> {
    let mut code = format!(
        "/// The hash of all assets, as it stands in their addresses.\npub const SET: &str = {:?};\n",
        set_hash(assets)
    );
    code.push_str("/// The names of all assets.\npub static NAMES: &[&str] = &[\n");
    for file in assets {
        writeln!(code, "    {:?},", file.name)?;
    }
    code.push_str("];\n");
    Ok(code)
}

fn set_hash(assets: &[File]) -> String {
    let mut hash = Sha256::new();
    for file in assets {
        // Lengths go in as well, so that bytes cannot move from one file to the next.
        hash.update((file.name.len() as u64).to_be_bytes());
        hash.update(&file.name);
        hash.update((file.content.len() as u64).to_be_bytes());
        hash.update(&file.content);
    }
    hex::encode(&hash.finalize()[..6])
}

fn module_table(assets: &[File]) -> Result<String> {
    let mut code = String::from("static MODULES: &[(&str, &[&str])] = &[\n");
    for (name, needed) in modules::closures(assets)? {
        writeln!(code, "    ({name:?}, &{needed:?}),")?;
    }
    code.push_str("];\n");
    Ok(code)
}

fn template_table(templates: &[File]) -> Result<String> {
    let mut code = String::from("pub(crate) static TEMPLATES: &[(&str, &str)] = &[\n");
    for file in templates {
        let path = file.path.display().to_string();
        writeln!(code, "    ({:?}, include_str!({path:?})),", file.name)?;
    }
    code.push_str("];\n");
    Ok(code)
}
