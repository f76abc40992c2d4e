//! Contents on their way: files that nobody sees until they are renamed to where they belong.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use futures_util::StreamExt;
use s3s::dto::StreamingBlob;
use s3s::{S3Error, S3Result, TrailingHeaders, s3_error};

use super::digest::{Claims, Digesting, Digests};
use super::error::of_file;

/// Bytes that are held until they are written.
const HELD_BYTES_MAX: usize = 1024 * 1024;

/// Folder of the files that are not where they belong yet.
#[derive(Debug)]
pub(super) struct Workbench {
    folder: PathBuf,
    n_files: AtomicU64,
}

impl Workbench {
    /// Starts with an empty folder: what a killed process left there goes.
    pub(super) fn start(folder: PathBuf) -> io::Result<Self> {
        match fs::remove_dir_all(&folder) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        fs::create_dir_all(&folder)?;
        Ok(Self {
            folder,
            n_files: AtomicU64::new(0),
        })
    }

    /// A path that nothing is at, and that nobody else is given.
    pub(super) fn path(&self) -> PathBuf {
        let number = self.n_files.fetch_add(1, Ordering::Relaxed);
        self.folder.join(number.to_string())
    }

    pub(super) fn create(&self) -> S3Result<(Unfinished, File)> {
        let path = self.path();
        let file = File::create(&path).map_err(|error| of_file(&error, &path))?;
        Ok((Unfinished { path: Some(path) }, file))
    }
}

/// A file on its way; gone when dropped, unless it was put where it belongs.
#[derive(Debug)]
pub(super) struct Unfinished {
    path: Option<PathBuf>,
}

impl Unfinished {
    pub(super) fn path(&self) -> &Path {
        self.path.as_deref().unwrap_or(Path::new(""))
    }

    /// Puts it to `target`, in place of what is there.
    pub(super) fn put(mut self, target: &Path) -> io::Result<()> {
        fs::rename(self.path(), target)?;
        self.path = None;
        Ok(())
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        if let Some(path) = &self.path {
            // What is left here goes at the next start.
            let _ = fs::remove_file(path);
        }
    }
}

/// A content that was received, and what it is.
#[derive(Debug)]
pub(super) struct Received {
    pub(super) content: Unfinished,
    pub(super) digests: Digests,
}

/// Some of a content's bytes at a time.
struct Receiving {
    content: Unfinished,
    file: File,
    digesting: Digesting,
}

impl Receiving {
    fn write(mut self, pieces: Vec<Bytes>) -> S3Result<Self> {
        for piece in pieces {
            self.digesting.update(&piece);
            let written = self.file.write_all(&piece);
            written.map_err(|error| of_file(&error, self.content.path()))?;
        }
        Ok(self)
    }
}

/// Receives a request's body and holds it to what the request says of it.
pub(super) async fn receive(
    bench: &Workbench,
    body: Option<StreamingBlob>,
    claims: &Claims,
    trailers: Option<TrailingHeaders>,
) -> S3Result<Received> {
    let (content, file) = bench.create()?;
    let mut receiving = Receiving {
        content,
        file,
        digesting: Digesting::new(claims.algorithm()),
    };
    let mut body = body.map(StreamExt::fuse);
    loop {
        let (mut pieces, mut n_held) = (Vec::new(), 0);
        while let Some(body) = &mut body
            && n_held < HELD_BYTES_MAX
            && let Some(piece) = body.next().await
        {
            let piece = piece.map_err(|error| s3_error!(IncompleteBody, "{error}"))?;
            n_held += piece.len();
            pieces.push(piece);
        }
        if pieces.is_empty() {
            break;
        }
        receiving = blocking(move || receiving.write(pieces)).await?;
    }
    let digests = receiving.digesting.finish();
    let trailers = trailers.and_then(|trailers| trailers.take());
    claims.hold(&digests, trailers.as_ref())?;
    let content = receiving.content;
    Ok(Received { content, digests })
}

/// Does what waits for the disk where it keeps nobody else waiting.
pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> S3Result<T> + Send + 'static,
) -> S3Result<T> {
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or_else(|error| Err(S3Error::internal_error(error)))
}
