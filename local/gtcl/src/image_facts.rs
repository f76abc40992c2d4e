//! What an image file is, from its size and its first bytes.

use std::path::{Component, Path, PathBuf};

use aws::s3::{S3, S3Error};
use manifest::rules::ImageFacts;
use manifest::{IMAGE_HEADER_BYTES_MAX, ImageHeader, SourceRef};
use tokio::io::AsyncReadExt as _;

use crate::output::text::look;
use crate::place::s3_remedy;

/// Where images are looked up.
#[derive(Debug, Clone)]
pub enum Images {
    /// In S3, by source reference.
    S3(S3),
    /// In a folder with a folder a bucket.
    Folder(PathBuf),
}

/// Why an image isn't known.
#[derive(Debug, PartialEq, Eq)]
pub enum LookError {
    /// It can't be read, or isn't whole.
    Image(String),
    /// It may not be read: nothing is known of it.
    Denied(String),
    /// No image can be looked at where this one is: no network, region or credentials, or not the folder that was meant.
    All {
        /// What is the matter.
        reason: String,
        /// What to do.
        remedy: String,
    },
}

impl Images {
    /// What the image is.
    ///
    /// # Errors
    ///
    /// Says why it can't be read.
    pub async fn look(&self, source_ref: &str) -> Result<ImageFacts, LookError> {
        let uri =
            SourceRef::parse(source_ref).map_err(|error| LookError::Image(error.to_string()))?;
        match self {
            Self::S3(s3) => look_in_s3(s3, &uri).await,
            Self::Folder(folder) => look_in_folder(folder, &uri).await,
        }
    }

    /// The whole image file, of at most `bytes_max` bytes.
    ///
    /// # Errors
    ///
    /// Says why it can't be read.
    pub(crate) async fn read(
        &self,
        source_ref: &str,
        bytes_max: u64,
    ) -> Result<Vec<u8>, LookError> {
        let uri =
            SourceRef::parse(source_ref).map_err(|error| LookError::Image(error.to_string()))?;
        match self {
            Self::S3(s3) => {
                let read = s3.read_object(uri.bucket, uri.key, bytes_max).await;
                read.map_err(look_error)
            }
            Self::Folder(folder) => {
                let (file, of_image) = open_in_folder(folder, &uri).await?;
                let mut bytes = Vec::new();
                let read = file.take(bytes_max + 1).read_to_end(&mut bytes).await;
                read.map_err(of_image)?;
                if bytes.len() as u64 > bytes_max {
                    let reason = format!("{source_ref} has more than {bytes_max} bytes");
                    return Err(LookError::Image(reason));
                }
                Ok(bytes)
            }
        }
    }
}

async fn look_in_s3(s3: &S3, uri: &SourceRef<'_>) -> Result<ImageFacts, LookError> {
    let start = s3.read_image_header(uri.bucket, uri.key).await;
    let start = start.map_err(look_error)?;
    facts(start.header, start.n_read, start.n_bytes).map_err(LookError::Image)
}

fn look_error(error: S3Error) -> LookError {
    let reason = error.to_string();
    match error {
        S3Error::AccessDenied { .. } => LookError::Denied(reason),
        error if error.is_about_the_caller() => LookError::All {
            reason,
            remedy: format!(
                "{}; or give the images with --images-from",
                s3_remedy(&error).unwrap_or_else(|| "look at the credentials in use".to_owned())
            ),
        },
        _ => LookError::Image(reason),
    }
}

async fn look_in_folder(folder: &Path, uri: &SourceRef<'_>) -> Result<ImageFacts, LookError> {
    let (file, of_image) = open_in_folder(folder, uri).await?;
    facts_of_file(file, of_image).await
}

/// An image's file below a folder, and how an error of reading it reads.
async fn open_in_folder(
    folder: &Path,
    uri: &SourceRef<'_>,
) -> Result<(tokio::fs::File, impl Fn(std::io::Error) -> LookError), LookError> {
    let below = Path::new(uri.bucket).join(uri.key);
    let is_plain = below
        .components()
        .all(|component| matches!(component, Component::Normal(_)));
    if !is_plain || Path::new(uri.key).is_absolute() {
        return Err(LookError::Image(format!(
            "object key {:?} can't be a file below a folder",
            uri.key
        )));
    }
    let path = folder.join(below);
    let shown = path.display().to_string();
    let of_image = move |error: std::io::Error| LookError::Image(format!("{shown}: {error}"));
    let file = match tokio::fs::File::open(&path).await {
        Ok(file) => file,
        Err(_) if !folder.join(uri.bucket).is_dir() => {
            return Err(LookError::All {
                reason: format!("{} has no folder {}", folder.display(), uri.bucket),
                remedy: format!(
                    "images are looked for as BUCKET/KEY below it: {}",
                    path.display()
                ),
            });
        }
        Err(error) => {
            let alike = match file_that_looks_like(&path) {
                Some(name) => format!("; there is {name:?}, which looks the same and isn't"),
                None => String::new(),
            };
            return Err(LookError::Image(format!(
                "{}: {error}{alike}",
                path.display()
            )));
        }
    };
    Ok((file, of_image))
}

/// What an image file is, wherever it is.
///
/// # Errors
///
/// Says why it can't be read.
pub(crate) async fn look_at_file(path: &Path) -> Result<ImageFacts, LookError> {
    let of_image = |error: std::io::Error| LookError::Image(format!("{}: {error}", path.display()));
    let file = tokio::fs::File::open(path).await.map_err(of_image)?;
    facts_of_file(file, of_image).await
}

/// A file in the same folder whose name looks like the path's.
fn file_that_looks_like(path: &Path) -> Option<String> {
    let wanted = path.file_name()?.to_str()?;
    let files = std::fs::read_dir(path.parent()?).ok()?;
    let mut names = files.filter_map(|file| file.ok()?.file_name().into_string().ok());
    names.find(|name| look(name) == look(wanted))
}

async fn facts_of_file(
    file: tokio::fs::File,
    of_image: impl Fn(std::io::Error) -> LookError,
) -> Result<ImageFacts, LookError> {
    let metadata = file.metadata().await.map_err(&of_image)?;
    if metadata.is_dir() {
        return Err(of_image(std::io::ErrorKind::IsADirectory.into()));
    }
    let mut header = Vec::new();
    let read = file
        .take(IMAGE_HEADER_BYTES_MAX as u64)
        .read_to_end(&mut header)
        .await;
    read.map_err(of_image)?;
    let n_read = header.len() as u64;
    facts(ImageHeader::read(&header), n_read, metadata.len()).map_err(LookError::Image)
}

/// What is known once no more of the file is to be read.
fn facts(header: ImageHeader, n_read: u64, n_bytes: u64) -> Result<ImageFacts, String> {
    let size = match header {
        _ if n_bytes == 0 => return Err("file is empty".to_owned()),
        ImageHeader::Other => None,
        ImageHeader::Unfinished if n_read < n_bytes => {
            return Err(format!(
                "its first {IMAGE_HEADER_BYTES_MAX} bytes don't say its width and height"
            ));
        }
        ImageHeader::Unfinished => {
            return Err("file ends before it says its width and height".to_owned());
        }
        ImageHeader::Size {
            width_px,
            height_px,
        } => Some((width_px, height_px)),
    };
    Ok(ImageFacts { n_bytes, size })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn files() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("bucket")).unwrap();
        let mut png = b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR".to_vec();
        png.extend([0, 0, 2, 128, 0, 0, 1, 224, 8, 2, 0, 0, 0]);
        std::fs::write(folder.path().join("bucket/1.png"), &png).unwrap();
        std::fs::write(folder.path().join("bucket/2.gif"), "GIF89a\x01\0\x01\0").unwrap();
        let images = Images::Folder(folder.path().to_owned());
        let facts = images.look("s3://bucket/1.png").await.unwrap();
        assert_eq!(facts.size, Some((640, 480)));
        assert_eq!(images.look("s3://bucket/2.gif").await.unwrap().size, None);
        for missing in [
            "s3://bucket/3.png",
            "s3://bucket/../1.png",
            "s3://bucket//etc/passwd",
        ] {
            let look = images.look(missing).await;
            assert!(matches!(look, Err(LookError::Image(_))), "{missing}");
        }
        let look = images.look("s3://elsewhere/1.png").await;
        assert!(matches!(look, Err(LookError::All { .. })), "{look:?}");
    }
}
