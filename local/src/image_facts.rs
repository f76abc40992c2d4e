//! What an image file is, from its size and its first bytes.

use std::path::{Component, Path, PathBuf};

use aws::s3::S3;
use imagesize::ImageType;
use manifest::SourceRef;
use manifest::rules::ImageFacts;
use tokio::io::AsyncReadExt as _;

/// Bytes within which a header must be found; JPEG files may have some 100 KB of camera data before it.
const HEADER_BYTES_MAX: usize = 1024 * 1024;

/// Where images are looked up.
#[derive(Debug, Clone)]
pub enum Images {
    /// In S3, by source reference.
    S3(S3),
    /// In a folder with a folder a bucket.
    Folder(PathBuf),
}

impl Images {
    /// What the image is.
    ///
    /// # Errors
    ///
    /// Says why it can't be read.
    pub async fn look(&self, source_ref: &str) -> Result<ImageFacts, String> {
        let uri = SourceRef::parse(source_ref).map_err(|error| error.to_string())?;
        match self {
            Self::S3(s3) => look_in_s3(s3, &uri).await,
            Self::Folder(folder) => look_in_folder(folder, &uri).await,
        }
    }
}

async fn look_in_s3(s3: &S3, uri: &SourceRef<'_>) -> Result<ImageFacts, String> {
    let opened = s3.stream_object(uri.bucket, uri.key, None).await;
    let mut stream = opened.map_err(|error| error.to_string())?;
    let n_bytes = stream.head().n_bytes;
    let mut header = Vec::new();
    loop {
        let size = size(&header);
        if size.is_some() || header.len() > HEADER_BYTES_MAX {
            return Ok(ImageFacts { n_bytes, size });
        }
        match stream
            .next_piece()
            .await
            .map_err(|error| error.to_string())?
        {
            Some(piece) => header.extend_from_slice(&piece),
            None => {
                return Ok(ImageFacts {
                    n_bytes,
                    size: None,
                });
            }
        }
    }
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
        .take(HEADER_BYTES_MAX as u64)
        .read_to_end(&mut header)
        .await;
    read.map_err(|error| error.to_string())?;
    Ok(ImageFacts {
        n_bytes,
        size: size(&header),
    })
}

/// Width and height when the bytes start a PNG or JPEG file and reach far enough.
fn size(header: &[u8]) -> Option<(u32, u32)> {
    match imagesize::image_type(header) {
        Ok(ImageType::Png | ImageType::Jpeg) => {}
        _ => return None,
    }
    let size = imagesize::blob_size(header).ok()?;
    Some((
        u32::try_from(size.width).ok()?,
        u32::try_from(size.height).ok()?,
    ))
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
