//! The service's state in a folder: `catalog.json`, and a file of lines for each dataset.
//!
//! Lines are added to a dataset's file first; then the catalog, which says how much of each file counts, is
//! written beside the old one and takes its place. Whatever a crash leaves half done doesn't count.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufReader, Read, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::entries::{Changes, ChangesReader};
use super::model::{Catalog, Change, Model};

const READ_BYTES: usize = 1 << 20;
/// Written to each catalog; another number is refused.
const FORMAT: u32 = 1;

#[derive(Debug, Serialize, Deserialize)]
struct Stored {
    format: u32,
    files: BTreeMap<u64, EntriesFile>,
    catalog: Catalog,
}

/// Which file holds a dataset's lines, and how many of its bytes count.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct EntriesFile {
    generation: u64,
    n_bytes: u64,
}

#[derive(Debug)]
pub(crate) struct Folder {
    path: PathBuf,
    files: BTreeMap<u64, EntriesFile>,
}

impl Folder {
    /// Opens the folder, made if absent, and reads what it holds into the model.
    pub(crate) fn open(path: &Path, model: &mut Model) -> io::Result<Self> {
        fs::create_dir_all(path)?;
        let mut folder = Self {
            path: path.to_path_buf(),
            files: BTreeMap::new(),
        };
        let text = match fs::read(folder.catalog_path()) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(folder),
            Err(error) => return Err(error),
        };
        let stored: Stored = serde_json::from_slice(&text).map_err(|error| {
            io::Error::other(format!(
                "{} can't be read: {error}; move it away to begin anew",
                folder.catalog_path().display()
            ))
        })?;
        if stored.format != FORMAT {
            return Err(io::Error::other(format!(
                "{} has format {}, this gtcl reads {FORMAT}; move it away to begin anew",
                folder.catalog_path().display(),
                stored.format
            )));
        }
        folder.files = stored.files;
        model.restore(stored.catalog, |dataset_id| folder.read(dataset_id))?;
        Ok(folder)
    }

    fn catalog_path(&self) -> PathBuf {
        self.path.join("catalog.json")
    }

    fn entries_path(&self, dataset_id: u64, file: &EntriesFile) -> PathBuf {
        self.path
            .join(format!("entries-{dataset_id}-{}.jsonl", file.generation))
    }

    fn read(&self, dataset_id: u64) -> io::Result<Changes> {
        let mut reader = ChangesReader::later_wins();
        if let Some(file) = self.files.get(&dataset_id) {
            let path = self.entries_path(dataset_id, file);
            let stored = OpenOptions::new().read(true).write(true).open(&path)?;
            // What a crash left behind the last whole change.
            stored.set_len(file.n_bytes)?;
            let mut stored = BufReader::new(stored);
            let mut buffer = vec![0; READ_BYTES];
            loop {
                let n_read = stored.read(&mut buffer)?;
                if n_read == 0 {
                    break;
                }
                reader.feed(buffer.get(..n_read).unwrap_or_default());
            }
        }
        Ok(reader.finish())
    }

    /// Stores what an operation changed.
    pub(crate) fn store(&mut self, changes: Vec<Change>, model: &Model) -> io::Result<()> {
        if changes.is_empty() {
            return Ok(());
        }
        let mut obsolete = Vec::new();
        for change in changes {
            match change {
                Change::Append { dataset_id, lines } => {
                    let file = self.files.get(&dataset_id).cloned().unwrap_or_default();
                    self.append(dataset_id, file, &lines)?;
                }
                Change::Rewrite { dataset_id, lines } => {
                    let old = self.files.get(&dataset_id).cloned();
                    let generation = old.as_ref().map_or(0, |old| old.generation + 1);
                    obsolete.extend(old.map(|old| self.entries_path(dataset_id, &old)));
                    let file = EntriesFile {
                        generation,
                        n_bytes: 0,
                    };
                    self.append(dataset_id, file, &lines)?;
                }
                Change::Remove { dataset_id } => {
                    let old = self.files.remove(&dataset_id);
                    obsolete.extend(old.map(|old| self.entries_path(dataset_id, &old)));
                }
                Change::Catalog => {}
            }
        }
        let stored = Stored {
            format: FORMAT,
            files: self.files.clone(),
            catalog: model.catalog(),
        };
        let beside = self.path.join("catalog.json.new");
        let mut file = File::create(&beside)?;
        serde_json::to_writer(&mut file, &stored)?;
        file.sync_data()?;
        fs::rename(beside, self.catalog_path())?;
        for path in obsolete {
            fs::remove_file(path)?;
        }
        Ok(())
    }

    fn append(&mut self, dataset_id: u64, mut file: EntriesFile, lines: &str) -> io::Result<()> {
        let path = self.entries_path(dataset_id, &file);
        let mut stored = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(path)?;
        stored.set_len(file.n_bytes)?;
        io::Seek::seek(&mut stored, io::SeekFrom::End(0))?;
        stored.write_all(lines.as_bytes())?;
        stored.sync_data()?;
        file.n_bytes += lines.len() as u64;
        self.files.insert(dataset_id, file);
        Ok(())
    }
}
