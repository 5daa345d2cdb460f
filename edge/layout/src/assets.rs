//! The names of the files that pages load, with one hash of them all.

include!(concat!(env!("OUT_DIR"), "/named.rs"));

/// The address of a file of the set.
pub fn address(path: &str) -> String {
    format!("/assets/{SET}/{path}")
}

/// The addresses of the modules that the script at `path` imports, directly or through others.
pub fn modules(path: &str) -> Vec<String> {
    let mut entries = MODULES.iter();
    let entry = entries.find(|(name, _)| *name == path);
    let needed = entry.map_or(&[][..], |(_, needed)| needed);
    needed.iter().map(|path| address(path)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_names_all_modules_of_its_script() {
        let needed = modules("js/sale.js");
        for module in ["js/purchase.js", "js/pow.js", "js/sha256-block.js"] {
            assert!(needed.contains(&address(module)), "{module} of {needed:?}");
        }
        assert!(!needed.contains(&address("js/sale.js")));
        assert_eq!(modules("js/unheard-of.js"), Vec::<String>::new());
    }
}
