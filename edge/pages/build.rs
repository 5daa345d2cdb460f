//! Embeds the assets of `static/` with their compressed variants. Their names, their one hash and
//! the templates are `edge/layout`'s.

#[path = "build/compress.rs"]
mod compress;
#[path = "../layout/build/files.rs"]
mod files;

use anyhow::{Context, Result};
use files::File;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs};

fn main() -> Result<()> {
    let manifest = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").context("no manifest")?);
    let out = PathBuf::from(env::var_os("OUT_DIR").context("no output folder")?);
    let root = manifest.join("../../static").canonicalize()?;

    let mut assets = files::assets(&root)?;
    // Last, as in the list of names.
    let kernel = PathBuf::from(env::var_os("DEP_LAYOUT_KERNEL").context("no module")?);
    assets.push(File {
        name: "js/kernel.wasm".to_owned(),
        media_type: "application/wasm",
        content: fs::read(&kernel)?,
        path: kernel.clone(),
    });
    fs::write(out.join("embedded.rs"), asset_table(&assets, &out)?)?;

    let mut stdout = std::io::stdout();
    for path in [
        root.as_path(),
        &kernel,
        &manifest.join("build"),
        &manifest.join("../layout/build"),
        &manifest.join("build.rs"),
    ] {
        let line = format!("cargo::rerun-if-changed={}\n", path.display());
        std::io::Write::write_all(&mut stdout, line.as_bytes())?;
    }
    Ok(())
}

fn asset_table(assets: &[File], out: &Path) -> Result<String> {
    let mut code = String::from("pub static ASSETS: &[Asset] = &[\n");
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
