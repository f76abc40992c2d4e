//! The storage behind the embedded S3: `s3s-fs`, and short names for keys that it has no file names for.
//!
//! `s3s-fs` keeps an object's attributes in one file whose name is bucket and key in base64: too long a name from some
//! 120 bytes on, while S3 has keys of 1,024. An object of a longer key goes by a short key, `../.long/<hash>`, which is
//! a link to the file at the object's own path: listings, and people who look into the folder, see all objects alike.

use std::fs;
use std::future::Future;
use std::io;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::pin::Pin;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use s3s::dto::*;
use s3s::{S3, S3Request, S3Response, S3Result};
use s3s_fs::FileSystem;
use sha2::{Digest as _, Sha256};
use tokio::sync::RwLock;

/// Longest file name of common file systems in bytes, inclusive.
pub(super) const FILE_NAME_BYTES_MAX: usize = 255;

/// Folder of the links, beside the buckets.
const LINKS: &str = ".long";

pub(super) struct Storage {
    files: FileSystem,
    root: PathBuf,
    /// While an object of a long key is written, its link may be the object itself.
    long: RwLock<()>,
}

impl Storage {
    pub(super) fn new(root: &Path) -> io::Result<Self> {
        fs::create_dir_all(root.join(LINKS))?;
        let files =
            FileSystem::new(root).map_err(|error| io::Error::other(format!("{error:?}")))?;
        Ok(Self {
            files,
            root: root.canonicalize()?,
            long: RwLock::default(),
        })
    }

    /// The link that stands for a key; `None` for a key that needs none.
    fn link(&self, bucket: &str, key: &str) -> Option<Link> {
        let encoded = |text: &str| (text.len() * 4).div_ceil(3);
        let name_len = ".bucket-.object-.upload-.metadata.json".len()
            + "00000000-0000-0000-0000-000000000000".len()
            + encoded(bucket)
            + encoded(key);
        (name_len > FILE_NAME_BYTES_MAX).then(|| {
            let digest = Sha256::digest(format!("{bucket}/{key}"));
            let name: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
            Link {
                path: self.root.join(LINKS).join(&name),
                object: self.root.join(bucket).join(key),
                key: format!("../{LINKS}/{name}"),
            }
        })
    }

    /// After a multipart upload `s3s-fs` keeps the checksums of the object that was there before, and clients that hold
    /// what they read to them would refuse it.
    fn forget_checksums(&self, operation: &str, bucket: &str, key: &str) {
        if operation != "complete_multipart_upload" {
            return;
        }
        let encode = |text: &str| URL_SAFE_NO_PAD.encode(text);
        let name = format!(
            ".bucket-{}.object-{}.internal.json",
            encode(bucket),
            encode(key)
        );
        let path = self.root.join(name);
        let Some(mut info) = fs::read(&path).ok().and_then(|bytes| {
            serde_json::from_slice::<serde_json::Map<String, serde_json::Value>>(&bytes).ok()
        }) else {
            return;
        };
        info.retain(|name, _| !name.starts_with("checksum"));
        if let Err(error) = fs::write(&path, serde_json::Value::from(info).to_string()) {
            tracing::warn!(%error, ?path, "an object's attributes could not be written");
        }
    }

    /// The key to read by: an object that was put into the folder by hand has no link.
    fn key_to_read(&self, bucket: &str, key: &str) -> Option<String> {
        let link = self.link(bucket, key)?;
        link.path.exists().then_some(link.key)
    }
}

struct Link {
    path: PathBuf,
    object: PathBuf,
    /// What `s3s-fs` is given as the key.
    key: String,
}

impl Link {
    /// Before a write: the link is there if the object is, so that conditions hold.
    fn prepare(&self) -> io::Result<()> {
        if !self.path.exists() {
            match fs::remove_file(&self.path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
            if self.object.exists() {
                symlink(&self.object, &self.path)?;
            }
        }
        Ok(())
    }

    /// After a write: what was written in the link's place goes to the object's path.
    fn settle(&self) -> io::Result<()> {
        match fs::symlink_metadata(&self.path) {
            Ok(found) if found.is_file() => {
                if let Some(folder) = self.object.parent() {
                    fs::create_dir_all(folder)?;
                }
                fs::rename(&self.path, &self.object)?;
                symlink(&self.object, &self.path)
            }
            _ => Ok(()),
        }
    }
}

type Answer<'a, O> = Pin<Box<dyn Future<Output = S3Result<S3Response<O>>> + Send + 'a>>;

/// The operations that `s3s-fs` has: those that need no short key, those that read and those that write.
macro_rules! operations {
    (plain: [$($plain:ident $plain_in:ident $plain_out:ident,)*]
     reads: [$($read:ident $read_in:ident $read_out:ident,)*]
     writes: [$($write:ident $write_in:ident $write_out:ident $with_own_key:ident,)*]) => {
        impl S3 for Storage {
            $(fn $plain<'s: 'f, 'f>(&'s self, request: S3Request<$plain_in>) -> Answer<'f, $plain_out> {
                self.files.$plain(request)
            })*
            $(fn $read<'s: 'f, 'f>(&'s self, mut request: S3Request<$read_in>) -> Answer<'f, $read_out> {
                Box::pin(async move {
                    let _settled = self.long.read().await;
                    let input = &mut request.input;
                    if let Some(key) = self.key_to_read(&input.bucket, &input.key) {
                        input.key = key;
                    }
                    self.files.$read(request).await
                })
            })*
            $(fn $write<'s: 'f, 'f>(&'s self, mut request: S3Request<$write_in>) -> Answer<'f, $write_out> {
                Box::pin(async move {
                    let input = &mut request.input;
                    read_source_by_link(self, input);
                    let bucket = input.bucket.clone();
                    let Some(link) = self.link(&bucket, &input.key) else {
                        let key = input.key.clone();
                        let answer = self.files.$write(request).await?;
                        self.forget_checksums(stringify!($write), &bucket, &key);
                        return Ok(answer);
                    };
                    let _alone = self.long.write().await;
                    let own_key = std::mem::replace(&mut input.key, link.key.clone());
                    link.prepare().map_err(s3s::S3Error::internal_error)?;
                    let answer = self.files.$write(request).await;
                    link.settle().map_err(s3s::S3Error::internal_error)?;
                    if answer.is_ok() {
                        self.forget_checksums(stringify!($write), &bucket, &link.key);
                    }
                    answer.map(|answer| answer.map_output(|output| $with_own_key(output, own_key)))
                })
            })*
        }
    };
}

operations! {
    plain: [
        create_bucket CreateBucketInput CreateBucketOutput,
        delete_bucket DeleteBucketInput DeleteBucketOutput,
        delete_object DeleteObjectInput DeleteObjectOutput,
        delete_objects DeleteObjectsInput DeleteObjectsOutput,
        get_bucket_location GetBucketLocationInput GetBucketLocationOutput,
        head_bucket HeadBucketInput HeadBucketOutput,
        list_buckets ListBucketsInput ListBucketsOutput,
        list_objects ListObjectsInput ListObjectsOutput,
        list_objects_v2 ListObjectsV2Input ListObjectsV2Output,
        upload_part UploadPartInput UploadPartOutput,
        upload_part_copy UploadPartCopyInput UploadPartCopyOutput,
    ]
    reads: [
        get_object GetObjectInput GetObjectOutput,
        head_object HeadObjectInput HeadObjectOutput,
    ]
    writes: [
        put_object PutObjectInput PutObjectOutput same,
        copy_object CopyObjectInput CopyObjectOutput same,
        abort_multipart_upload AbortMultipartUploadInput AbortMultipartUploadOutput same,
        create_multipart_upload CreateMultipartUploadInput CreateMultipartUploadOutput created,
        list_parts ListPartsInput ListPartsOutput listed,
        complete_multipart_upload CompleteMultipartUploadInput CompleteMultipartUploadOutput completed,
    ]
}

/// Reads a copy's source by its link; other operations have no source.
fn read_source_by_link(storage: &Storage, input: &mut dyn std::any::Any) {
    let Some(input) = input.downcast_mut::<CopyObjectInput>() else {
        return;
    };
    if let CopySource::Bucket { bucket, key, .. } = &mut input.copy_source
        && let Some(link) = storage.key_to_read(bucket, key)
    {
        *key = link.into();
    }
}

fn same<O>(output: O, _own_key: String) -> O {
    output
}

fn created(mut output: CreateMultipartUploadOutput, key: String) -> CreateMultipartUploadOutput {
    output.key = Some(key);
    output
}

fn listed(mut output: ListPartsOutput, key: String) -> ListPartsOutput {
    output.key = Some(key);
    output
}

fn completed(
    mut output: CompleteMultipartUploadOutput,
    key: String,
) -> CompleteMultipartUploadOutput {
    if let Some(end) = output.future.take() {
        output.future = Some(Box::pin(async move {
            let mut output = end.await?;
            output.key = Some(key);
            Ok(output)
        }));
    }
    output
}
