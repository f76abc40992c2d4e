//! Where a manifest is read from and written to: a local file, or an S3 object.

use std::fmt;
use std::fs;
use std::io;
use std::path::PathBuf;

use aws::s3::{ObjectStream, ObjectUri, PutOptions, S3Error, Upload};
use clap::builder::{PathBufValueParser, TypedValueParser};
use manifest::dataset::MANIFEST_BYTES_MAX;
use tokio::fs::File;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, BufWriter};

use crate::error::CommandError;

/// Bytes that are read of a device or a pipe, inclusive: four times the largest manifest that Custom Labels takes.
const ENDLESS_BYTES_MAX: u64 = 4 * MANIFEST_BYTES_MAX;

/// Bytes of one read.
const BLOCK_BYTES: usize = 256 * 1024;

/// A local path or an `s3://` URI.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// A file.
    Local(PathBuf),
    /// An object.
    S3(ObjectUri),
}

impl std::str::FromStr for Place {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.starts_with("s3://") {
            return ObjectUri::parse(text)
                .map(Self::S3)
                .map_err(|error| error.to_string());
        }
        match text.split_once("://") {
            Some(("file", path)) => Err(format!("leave file:// out: {path}")),
            Some((scheme, _)) if is_scheme(scheme) => Err(format!(
                "{scheme}:// is not supported: name a path on this machine, or s3://BUCKET/KEY"
            )),
            _ if text.is_empty() => Err(
                "the path is empty: name a path on this machine, or s3://BUCKET/KEY".to_owned(),
            ),
            _ if text == "-" => Err(
                "- is not supported: name a path such as /dev/stdin or /dev/stdout, or s3://BUCKET/KEY"
                    .to_owned(),
            ),
            _ => Ok(Self::Local(PathBuf::from(text))),
        }
    }
}

/// The media type of an object that a browser shall show instead of saving it.
fn media_type(key: &str) -> Option<String> {
    let is_page = key.ends_with(".html");
    is_page.then(|| "text/html; charset=utf-8".to_owned())
}

/// Reads an argument that can't be in S3, for commands that look through whole folders.
pub(crate) fn local_path() -> impl TypedValueParser<Value = PathBuf> {
    PathBufValueParser::new().try_map(|path| {
        let text = path.to_string_lossy();
        match text.split_once("://") {
            Some(("s3", _)) => Err(format!(
                "only a path on this machine can be read here: copy it first, an object with aws s3 cp {text} ., a folder with aws s3 sync {text} FOLDER"
            )),
            Some((scheme, _)) if is_scheme(scheme) => Err(format!(
                "{scheme}:// is not supported: name a path on this machine"
            )),
            _ => Ok(path),
        }
    })
}

/// A URI's scheme, not a part of a path.
fn is_scheme(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_alphabetic())
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.'))
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Local(path) => write!(f, "{}", path.display()),
            Self::S3(uri) => write!(f, "s3://{}/{}", uri.bucket, uri.key),
        }
    }
}

impl Place {
    /// The path or the object key: what a labeling job's folder is recognised in.
    #[must_use]
    pub fn key(&self) -> String {
        match self {
            Self::Local(path) => path.to_string_lossy().into_owned(),
            Self::S3(uri) => uri.key.clone(),
        }
    }

    /// The same place with `word` before the extension: `a/b.manifest` → `a/b.train.manifest`.
    #[must_use]
    pub fn with_word(&self, word: &str) -> Self {
        let add = |name: &str| match name.rsplit_once('.') {
            Some((stem, extension)) if !stem.is_empty() && !extension.contains('/') => {
                format!("{stem}.{word}.{extension}")
            }
            _ => format!("{name}.{word}"),
        };
        match self {
            Self::Local(path) => Self::Local(PathBuf::from(add(&path.to_string_lossy()))),
            Self::S3(uri) => Self::S3(ObjectUri::new(uri.bucket.clone(), add(&uri.key))),
        }
    }

    /// The same file or object, as far as can be told before it is written.
    fn is_same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Local(one), Self::Local(other)) => {
                one == other
                    || matches!((one.canonicalize(), other.canonicalize()), (Ok(one), Ok(other)) if one == other)
            }
            _ => self == other,
        }
    }

    fn failed(&self, verb: &str, error: &dyn fmt::Display) -> CommandError {
        CommandError::new(format!("{self} could not be {verb}: {error}"))
    }

    fn failed_locally(&self, verb: &str, error: &io::Error) -> CommandError {
        let failed = self.failed(verb, error);
        match (error.kind(), verb) {
            (io::ErrorKind::NotFound, "read") => {
                failed.with_help("look at the path; an object in S3 is s3://BUCKET/KEY")
            }
            (io::ErrorKind::NotFound, _) => failed.with_help("make its folder first"),
            (io::ErrorKind::IsADirectory, _) => failed.with_help("name a file in the folder"),
            (io::ErrorKind::PermissionDenied, _) => {
                failed.with_help(format!("allow your user that it is {verb}"))
            }
            _ => failed,
        }
    }

    fn failed_in_s3(&self, verb: &str, error: &S3Error) -> CommandError {
        let failed = self.failed(verb, error);
        match s3_remedy(error) {
            Some(remedy) => failed.with_help(remedy),
            None => failed,
        }
    }

    /// Opens the place for reading.
    ///
    /// # Errors
    ///
    /// Fails when there is nothing to read.
    pub async fn open(&self) -> Result<Source, CommandError> {
        let mut n_bytes_left = u64::MAX;
        let input = match self {
            Self::Local(path) => {
                let opened = async {
                    let file = File::open(path).await?;
                    let metadata = file.metadata().await?;
                    if metadata.is_dir() {
                        return Err(io::ErrorKind::IsADirectory.into());
                    }
                    Ok((file, metadata))
                };
                let opened = opened.await;
                let (file, metadata) =
                    opened.map_err(|error| self.failed_locally("read", &error))?;
                if !metadata.is_file() {
                    n_bytes_left = ENDLESS_BYTES_MAX;
                }
                Input::Local(file)
            }
            Self::S3(uri) => {
                let s3 = aws::Clients::s3_from_profile().await;
                let stream = s3.stream_object(&uri.bucket, &uri.key, None).await;
                Input::S3(Box::new(
                    stream.map_err(|error| self.failed_in_s3("read", &error))?,
                ))
            }
        };
        Ok(Source {
            place: self.clone(),
            input,
            n_bytes_left,
            block: Vec::new(),
        })
    }

    /// Refuses what its first bytes tell to be no manifest.
    ///
    /// # Errors
    ///
    /// Says what it is instead, and how a manifest is made of it.
    pub fn refuse_other_than_manifest(&self, start: &[u8]) -> Result<(), CommandError> {
        match manifest::not_a_manifest(start) {
            None => Ok(()),
            Some(error) => {
                Err(CommandError::new(format!("{self}: {error}")).with_help(error.remedy))
            }
        }
    }

    /// Reads everything, at most `bytes_max` bytes.
    ///
    /// # Errors
    ///
    /// Fails when it can't be read or is larger.
    pub async fn read_all(&self, bytes_max: usize) -> Result<Vec<u8>, CommandError> {
        let mut source = self.open().await?;
        let mut all = Vec::new();
        while let Some(block) = source.next_block().await? {
            all.extend_from_slice(block);
            if all.len() > bytes_max {
                return Err(self.failed("read", &format!("it has more than {bytes_max} bytes")));
            }
        }
        Ok(all)
    }

    /// Starts writing the place anew. What a file has stays until [`Sink::finish`]: work that fails costs nothing that
    /// was there.
    ///
    /// # Errors
    ///
    /// Fails when a file can't be created.
    pub async fn create(&self) -> Result<Sink, CommandError> {
        let output = match self {
            Self::Local(path) => {
                let failed = |error: io::Error| self.failed_locally("written", &error);
                // Links stay links, and what is no file (a pipe, a terminal) is written as it is.
                let path = fs::canonicalize(path).unwrap_or_else(|_| path.clone());
                let aside = match fs::metadata(&path) {
                    Ok(found) if !found.is_file() => None,
                    // A file that may not be written isn't replaced, either.
                    Ok(_) => {
                        let mut existing = fs::OpenOptions::new();
                        existing.append(true).open(&path).map_err(failed)?;
                        Some(Aside::of(path.clone()))
                    }
                    Err(_) => Some(Aside::of(path.clone())),
                };
                let written = aside.as_ref().map_or(&path, |aside| &aside.written);
                let file = File::create(written).await.map_err(failed)?;
                Output::Local(BufWriter::new(file), aside)
            }
            Self::S3(uri) => {
                let s3 = aws::Clients::s3_from_profile().await;
                let options = PutOptions {
                    content_type: media_type(&uri.key),
                    ..PutOptions::default()
                };
                Output::S3(Box::new(s3.upload(&uri.bucket, &uri.key, &options)))
            }
        };
        Ok(Sink {
            place: self.clone(),
            output,
        })
    }
}

/// What whoever runs a command can do about an error of S3; `None` where the error says it itself.
#[must_use]
pub fn s3_remedy(error: &S3Error) -> Option<String> {
    const CREDENTIALS: &str = "give credentials: AWS_PROFILE=NAME, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY (and AWS_SESSION_TOKEN), or `aws configure`";
    const REGION: &str =
        "name the bucket's region: AWS_REGION=NAME, or a profile that has one: AWS_PROFILE=NAME";
    let remedy = match error {
        S3Error::NotFound { uri } => match uri.strip_prefix("bucket ") {
            Some(bucket) => format!(
                "look at the bucket's name, and the account and region in use; `aws s3 mb s3://{bucket}` makes it"
            ),
            None => "look at bucket and key: `aws s3 ls` lists them".to_owned(),
        },
        S3Error::Unavailable { message, .. } | S3Error::Other { message, .. }
            if message.contains("region must be set") =>
        {
            REGION.to_owned()
        }
        S3Error::Unavailable { message, .. } | S3Error::Other { message, .. }
            if message.contains("credential") =>
        {
            CREDENTIALS.to_owned()
        }
        S3Error::Unavailable { .. } => {
            "look at the network, AWS_REGION, and AWS_ENDPOINT_URL_S3 if it is set".to_owned()
        }
        S3Error::AccessDenied { .. } | S3Error::PreconditionFailed { .. } => return None,
        S3Error::TooLarge { .. } | S3Error::Other { .. } => {
            "look at AWS_REGION and the credentials in use: AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY".to_owned()
        }
    };
    Some(remedy)
}

/// Refuses two uses of one place: what is written would overwrite what is read, or the other thing written.
///
/// # Errors
///
/// Names the place and both uses.
pub fn all_different(places: &[(&str, &Place)]) -> Result<(), CommandError> {
    for (idx, (usage, place)) in places.iter().enumerate() {
        let earlier = places.iter().take(idx);
        if let Some((earlier, _)) = earlier.into_iter().find(|(_, other)| place.is_same(other)) {
            return Err(
                CommandError::new(format!("{place} is both {earlier} and {usage}"))
                    .with_help("give each its own path"),
            );
        }
    }
    Ok(())
}

#[derive(Debug)]
enum Input {
    Local(File),
    S3(Box<ObjectStream>),
}

/// An open place, read block by block.
#[derive(Debug)]
pub struct Source {
    place: Place,
    input: Input,
    n_bytes_left: u64,
    block: Vec<u8>,
}

impl Source {
    /// The next bytes, `None` at the end.
    ///
    /// # Errors
    ///
    /// Fails when reading does.
    pub async fn next_block(&mut self) -> Result<Option<&[u8]>, CommandError> {
        match &mut self.input {
            Input::Local(file) => {
                self.block.clear();
                self.block.reserve(BLOCK_BYTES);
                let n = file
                    .read_buf(&mut self.block)
                    .await
                    .map_err(|error| self.place.failed_locally("read", &error))?;
                let left = self.n_bytes_left.checked_sub(n as u64);
                self.n_bytes_left = left.ok_or_else(|| {
                    let error = format!("it has no end within {ENDLESS_BYTES_MAX} bytes");
                    self.place.failed("read", &error).with_help("name a file")
                })?;
                Ok((n > 0).then_some(self.block.as_slice()))
            }
            Input::S3(stream) => {
                let piece = stream.next_piece().await;
                match piece.map_err(|error| self.place.failed_in_s3("read", &error))? {
                    Some(piece) => {
                        self.block.clear();
                        self.block.extend_from_slice(&piece);
                        Ok(Some(self.block.as_slice()))
                    }
                    None => Ok(None),
                }
            }
        }
    }
}

/// A file that is written beside the one whose place it takes.
#[derive(Debug)]
struct Aside {
    written: PathBuf,
    wanted: PathBuf,
}

impl Aside {
    fn of(wanted: PathBuf) -> Self {
        let mut written = wanted.clone().into_os_string();
        written.push(format!(".unfinished-{}", std::process::id()));
        Self {
            written: written.into(),
            wanted,
        }
    }
}

impl Drop for Aside {
    fn drop(&mut self) {
        // It isn't there any more when all went well.
        let _ = fs::remove_file(&self.written);
    }
}

#[derive(Debug)]
enum Output {
    Local(BufWriter<File>, Option<Aside>),
    S3(Box<Upload>),
}

/// A place being written.
#[derive(Debug)]
pub struct Sink {
    place: Place,
    output: Output,
}

impl Sink {
    /// Adds a line and its line feed.
    ///
    /// # Errors
    ///
    /// Fails when writing does.
    pub async fn line(&mut self, line: &str) -> Result<(), CommandError> {
        for bytes in [line.as_bytes(), b"\n"] {
            match &mut self.output {
                Output::Local(file, _) => file
                    .write_all(bytes)
                    .await
                    .map_err(|error| self.place.failed_locally("written", &error))?,
                Output::S3(upload) => upload
                    .write(bytes)
                    .await
                    .map_err(|error| self.place.failed_in_s3("written", &error))?,
            }
        }
        Ok(())
    }

    /// Completes the file or object; until then it is not there, or as it was.
    ///
    /// # Errors
    ///
    /// Fails when writing does.
    pub async fn finish(self) -> Result<(), CommandError> {
        match self.output {
            Output::Local(mut file, aside) => {
                let failed = |error: io::Error| self.place.failed_locally("written", &error);
                file.flush().await.map_err(failed)?;
                match aside {
                    Some(aside) => fs::rename(&aside.written, &aside.wanted).map_err(failed),
                    None => Ok(()),
                }
            }
            Output::S3(upload) => upload
                .finish()
                .await
                .map_err(|error| self.place.failed_in_s3("written", &error)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_that_are_not_supported() {
        for (text, fault) in [
            ("", "is empty"),
            ("-", "/dev/stdin"),
            ("file:///tmp/m", "leave file:// out: /tmp/m"),
            (
                "https://birds.s3.amazonaws.com/m",
                "https:// is not supported",
            ),
            ("S3://birds/m", "S3:// is not supported"),
            ("s3://birds", "no object key"),
        ] {
            let error = text.parse::<Place>().unwrap_err();
            assert!(error.contains(fault), "{text}: {error}");
        }
        for path in ["m", "-m", "./-", "a b://c", "C:/m", "://"] {
            assert_eq!(path.parse(), Ok(Place::Local(path.into())), "{path}");
        }
    }

    #[test]
    fn words_go_before_the_extension() {
        let check = |place: &str, expected: &str| {
            let place: Place = place.parse().unwrap();
            assert_eq!(place.with_word("test").to_string(), expected);
        };
        check("entries.manifest", "entries.test.manifest");
        check("a.b/entries", "a.b/entries.test");
        check("s3://bucket/a/b.manifest", "s3://bucket/a/b.test.manifest");
    }
}
