//! Tests of the whole pipeline over the wire, and what several of them need.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// Returns the folder of the workspace.
#[must_use]
pub fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// Reads README and the pages below `docs/`: their path from the workspace's folder, and their text, in order of the paths.
///
/// # Errors
///
/// A page that can't be read.
pub fn pages() -> io::Result<Vec<(String, String)>> {
    let mut names = vec!["README.md".to_owned()];
    for folder in ["docs", "docs/functions"] {
        for entry in fs::read_dir(workspace().join(folder))? {
            let name = entry?.file_name().to_string_lossy().into_owned();
            if name.ends_with(".md") {
                names.push(format!("{folder}/{name}"));
            }
        }
    }
    names.sort();
    names
        .into_iter()
        .map(|name| fs::read_to_string(workspace().join(&name)).map(|text| (name, text)))
        .collect()
}
