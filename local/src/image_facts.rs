//! What an image file is, from its size and its first bytes.

use std::path::{Component, Path, PathBuf};

use aws::s3::S3;
use manifest::rules::ImageFacts;
use manifest::{IMAGE_HEADER_BYTES_MAX, ImageHeader, SourceRef};
use tokio::io::AsyncReadExt as _;

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
    /// S3 can't be asked for any image: no network, region or credentials.
    S3(String),
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
            Self::Folder(folder) => {
                let facts = look_in_folder(folder, &uri).await;
                facts.map_err(LookError::Image)
            }
        }
    }
}

async fn look_in_s3(s3: &S3, uri: &SourceRef<'_>) -> Result<ImageFacts, LookError> {
    let start = s3.read_image_header(uri.bucket, uri.key).await;
    let start = start.map_err(|error| {
        if error.is_about_the_caller() {
            LookError::S3(error.to_string())
        } else {
            LookError::Image(error.to_string())
        }
    })?;
    facts(start.header, start.n_read, start.n_bytes).map_err(LookError::Image)
}

async fn look_in_folder(folder: &Path, uri: &SourceRef<'_>) -> Result<ImageFacts, String> {
    let path = Path::new(uri.bucket).join(uri.key);
    let is_plain = path
        .components()
        .all(|component| matches!(component, Component::Normal(_)));
    if !is_plain || Path::new(uri.key).is_absolute() {
        return Err(format!(
            "object key {:?} can't be a file below a folder",
            uri.key
        ));
    }
    let file = tokio::fs::File::open(folder.join(path)).await;
    let file = file.map_err(|error| error.to_string())?;
    let n_bytes = file.metadata().await.map_or(0, |metadata| metadata.len());
    let mut header = Vec::new();
    let read = file
        .take(IMAGE_HEADER_BYTES_MAX as u64)
        .read_to_end(&mut header)
        .await;
    read.map_err(|error| error.to_string())?;
    facts(ImageHeader::read(&header), header.len() as u64, n_bytes)
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
            assert!(images.look(missing).await.is_err(), "{missing}");
        }
    }
}
