//! A file of `NAME=value` lines, read as Spin reads it: by the same crate.

use std::{collections::BTreeMap, io, path::Path};

/// What the file says; none if it is not there. A fault names the file and never what it says.
pub fn read(file: &Path) -> Result<Option<BTreeMap<String, String>>, String> {
    let name = file.display();
    let entries = match dotenvy::from_path_iter(file) {
        Ok(entries) => entries,
        Err(dotenvy::Error::Io(error)) if error.kind() == io::ErrorKind::NotFound => {
            return Ok(None);
        }
        Err(_) => return Err(format!("cannot read {name}")),
    };
    let mut values = BTreeMap::new();
    for (number, entry) in (1..).zip(entries) {
        let Ok((key, value)) = entry else {
            return Err(format!("entry {number} of {name} is not NAME=value"));
        };
        values.insert(key, value);
    }
    Ok(Some(values))
}
