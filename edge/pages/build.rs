//! Embeds `static/` and what pages run of the kernel: assets with their compressed variants under one hash of them all, which
//! modules a script needs, and the templates.
//!
//! Invariant: a byte changed in any asset changes the address of all, so an address once given
//! out always means the same bytes, and modules find each other by their relative names.

#[path = "build/compress.rs"]
mod compress;
#[path = "build/files.rs"]
mod files;
#[path = "build/kernel.rs"]
mod kernel;
#[path = "build/modules.rs"]
mod modules;

use anyhow::{Context, Result};
use files::File;
use sha2::{Digest, Sha256};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs};

fn main() -> Result<()> {
    let manifest = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").context("no manifest")?);
    let out = PathBuf::from(env::var_os("OUT_DIR").context("no output folder")?);
    let top = manifest.join("../..").canonicalize()?;
    let root = top.join("static");

    let mut assets = files::assets(&root)?;
    assets.push(kernel::asset(&top, &out)?);
    let templates = files::templates(&root)?;
    let code = format!(
        "{}{}{}",
        asset_table(&assets, &out)?,
        module_table(&assets)?,
        template_table(&templates)?,
    );
    fs::write(out.join("embedded.rs"), code)?;

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
    Ok(())
}

fn asset_table(assets: &[File], out: &Path) -> Result<String> {
    let mut code = format!("pub const SET: &str = {:?};\n", set_hash(assets));
    code.push_str("pub static ASSETS: &[Asset] = &[\n");
    for (number, file) in assets.iter().enumerate() {
        let include = |path: &Path| format!("include_bytes!({:?})", path.display().to_string());
        let variant = |name: &str, packed: Vec<u8>| -> Result<String> {
            if packed.len() >= file.content.len() {
                return Ok("None".to_owned());
            }
            let path = out.join(format!("{number}.{name}"));
            fs::write(&path, packed)?;
            Ok(format!("Some({})", include(&path)))
        };
        writeln!(
            code,
            "    Asset {{ path: {:?}, media_type: {:?}, plain: {}, brotli: {}, gzip: {} }},",
            file.name,
            file.media_type,
            include(&file.path),
            variant("br", compress::brotli(&file.content)?)?,
            variant("gz", compress::gzip(&file.content)?)?,
        )?;
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
    let mut code = String::from("pub static MODULES: &[(&str, &[&str])] = &[\n");
    for (name, needed) in modules::closures(assets)? {
        writeln!(code, "    ({name:?}, &{needed:?}),")?;
    }
    code.push_str("];\n");
    Ok(code)
}

fn template_table(templates: &[File]) -> Result<String> {
    let mut code = String::from("pub static TEMPLATES: &[(&str, &str)] = &[\n");
    for file in templates {
        let path = file.path.display().to_string();
        writeln!(code, "    ({:?}, include_str!({path:?})),", file.name)?;
    }
    code.push_str("];\n");
    Ok(code)
}
