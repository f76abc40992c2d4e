//! The rules that a bucket has for pages of other origins.

use std::fs;
use std::io;
use std::path::PathBuf;

use s3s::S3Result;
use s3s::dto::CORSConfiguration;

use super::error::of_file;
use super::files::{Files, remove_file};

impl Files {
    fn cors_path(&self, bucket: &str) -> PathBuf {
        self.own_folder("cors").join(format!("{bucket}.json"))
    }

    /// A bucket's rules; `None` if it has none.
    pub(super) fn cors(&self, bucket: &str) -> S3Result<Option<CORSConfiguration>> {
        self.bucket_folder(bucket)?;
        let path = self.cors_path(bucket);
        match fs::read(&path) {
            Ok(text) => Ok(serde_json::from_slice(&text).ok()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(of_file(&error, &path)),
        }
    }

    /// Gives a bucket rules in place of those that it has.
    pub(super) fn put_cors(&self, bucket: &str, rules: &CORSConfiguration) -> S3Result<()> {
        self.bucket_folder(bucket)?;
        let path = self.cors_path(bucket);
        let unfinished = self.bench.path();
        let text = serde_json::to_vec(rules).map_err(io::Error::other);
        text.and_then(|text| fs::write(&unfinished, text))
            .and_then(|()| fs::create_dir_all(self.own_folder("cors")))
            .and_then(|()| fs::rename(&unfinished, &path))
            .map_err(|error| of_file(&error, &path))
    }

    /// Takes a bucket's rules away, if it has some.
    pub(super) fn delete_cors(&self, bucket: &str) -> S3Result<()> {
        remove_file(&self.cors_path(bucket))
    }
}
