//! Objects in memory: what is measured is who asks S3, so S3 itself shall take as little time as it can.

use std::collections::BTreeMap;
use std::fs;
use std::future::Future;
use std::io;
use std::path::Path;
use std::pin::Pin;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{SystemTime, UNIX_EPOCH};

use hyper::body::Bytes;
use s3s::dto::*;
use s3s::{Body, S3, S3Request, S3Response, S3Result, s3_error};

/// Largest object that is taken, inclusive.
const OBJECT_BYTES_MAX: usize = 64 * 1024 * 1024;

#[derive(Clone)]
struct Stored {
    bytes: Bytes,
    e_tag: String,
    written: SystemTime,
}

impl Stored {
    fn new(bytes: Bytes) -> Self {
        let written = SystemTime::now();
        let since_1970 = written.duration_since(UNIX_EPOCH).unwrap_or_default();
        Self {
            bytes,
            e_tag: format!("{:032x}", since_1970.as_nanos()),
            written,
        }
    }

    fn e_tag(&self) -> ETag {
        ETag::Strong(self.e_tag.clone())
    }

    fn n_bytes(&self) -> Option<i64> {
        i64::try_from(self.bytes.len()).ok()
    }
}

/// Objects by `bucket/key`. Knows what the functions and their peer ask for: GetObject, ListObjectsV2, PutObject.
#[derive(Clone)]
pub(crate) struct Storage {
    objects: Arc<RwLock<BTreeMap<String, Stored>>>,
}

type Answer<'a, O> = Pin<Box<dyn Future<Output = S3Result<S3Response<O>>> + Send + 'a>>;

impl Storage {
    /// Holds the files in `folder`: a bucket is a folder in it.
    pub(crate) fn of_folder(folder: &Path) -> io::Result<Self> {
        let mut objects = BTreeMap::new();
        let mut folders = vec![folder.to_owned()];
        while let Some(next) = folders.pop() {
            for entry in fs::read_dir(next)? {
                let path = entry?.path();
                if path.is_dir() {
                    folders.push(path);
                } else if let Some(name) = path.strip_prefix(folder).ok().and_then(Path::to_str) {
                    let object = Stored::new(fs::read(&path)?.into());
                    objects.insert(name.to_owned(), object);
                }
            }
        }
        Ok(Self {
            objects: Arc::new(RwLock::new(objects)),
        })
    }

    fn get(&self, input: &GetObjectInput) -> S3Result<S3Response<GetObjectOutput>> {
        let objects = self.objects.read().unwrap_or_else(PoisonError::into_inner);
        let name = format!("{}/{}", input.bucket, input.key);
        let found = objects.get(&name).ok_or_else(|| s3_error!(NoSuchKey))?;
        Ok(S3Response::new(GetObjectOutput {
            body: Some(Body::from(found.bytes.clone()).into()),
            content_length: found.n_bytes(),
            e_tag: Some(found.e_tag()),
            last_modified: Some(found.written.into()),
            ..GetObjectOutput::default()
        }))
    }

    fn list(&self, input: ListObjectsV2Input) -> S3Response<ListObjectsV2Output> {
        let objects = self.objects.read().unwrap_or_else(PoisonError::into_inner);
        let in_bucket = format!("{}/", input.bucket);
        let prefix = format!("{in_bucket}{}", input.prefix.as_deref().unwrap_or_default());
        let contents: Vec<Object> = objects
            .range(prefix.clone()..)
            .take_while(|(name, _)| name.starts_with(&prefix))
            .map(|(name, stored)| Object {
                key: name.strip_prefix(&in_bucket).map(str::to_owned),
                size: stored.n_bytes(),
                e_tag: Some(stored.e_tag()),
                last_modified: Some(stored.written.into()),
                ..Object::default()
            })
            .collect();
        S3Response::new(ListObjectsV2Output {
            name: Some(input.bucket),
            prefix: input.prefix,
            key_count: i32::try_from(contents.len()).ok(),
            is_truncated: Some(false),
            contents: Some(contents),
            ..ListObjectsV2Output::default()
        })
    }

    async fn put(&self, input: PutObjectInput) -> S3Result<S3Response<PutObjectOutput>> {
        let body = input.body.ok_or_else(|| s3_error!(IncompleteBody))?;
        let bytes = Body::from(body).store_all_limited(OBJECT_BYTES_MAX).await;
        let bytes = bytes.map_err(|error| s3_error!(IncompleteBody, "{error}"))?;
        let name = format!("{}/{}", input.bucket, input.key);
        let stored = Stored::new(bytes);
        let e_tag = Some(stored.e_tag());
        let mut objects = self.objects.write().unwrap_or_else(PoisonError::into_inner);
        objects.insert(name, stored);
        Ok(S3Response::new(PutObjectOutput {
            e_tag,
            ..PutObjectOutput::default()
        }))
    }
}

impl S3 for Storage {
    fn get_object<'s: 'f, 'f>(
        &'s self,
        request: S3Request<GetObjectInput>,
    ) -> Answer<'f, GetObjectOutput> {
        Box::pin(async move { self.get(&request.input) })
    }

    fn list_objects_v2<'s: 'f, 'f>(
        &'s self,
        request: S3Request<ListObjectsV2Input>,
    ) -> Answer<'f, ListObjectsV2Output> {
        Box::pin(async move { Ok(self.list(request.input)) })
    }

    fn put_object<'s: 'f, 'f>(
        &'s self,
        request: S3Request<PutObjectInput>,
    ) -> Answer<'f, PutObjectOutput> {
        Box::pin(self.put(request.input))
    }
}
