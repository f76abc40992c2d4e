//! The operations of S3 over [`Files`]: what the protocol says, in the words of the files.

mod buckets;
mod multipart;
mod objects;

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use s3s::dto::*;
use s3s::{S3, S3Request, S3Response, S3Result};

use super::files::Files;

/// S3 over a folder.
#[derive(Clone, Debug)]
pub(super) struct Storage {
    files: Arc<Files>,
}

impl Storage {
    pub(super) fn new(files: Arc<Files>) -> Self {
        Self { files }
    }
}

type Answer<'a, O> = Pin<Box<dyn Future<Output = S3Result<S3Response<O>>> + Send + 'a>>;

/// The operations that there are, and what answers them. All others are answered with `NotImplemented`.
macro_rules! operations {
    ($($operation:ident $input:ident $output:ident $answer:path,)*) => {
        impl S3 for Storage {
            $(fn $operation<'s: 'f, 'f>(&'s self, request: S3Request<$input>) -> Answer<'f, $output> {
                let files = Arc::clone(&self.files);
                Box::pin(async move { Ok(S3Response::new($answer(files, request).await?)) })
            })*
        }
    };
}

operations! {
    create_bucket CreateBucketInput CreateBucketOutput buckets::create,
    delete_bucket DeleteBucketInput DeleteBucketOutput buckets::delete,
    head_bucket HeadBucketInput HeadBucketOutput buckets::head,
    get_bucket_location GetBucketLocationInput GetBucketLocationOutput buckets::location,
    list_buckets ListBucketsInput ListBucketsOutput buckets::list,
    put_bucket_cors PutBucketCorsInput PutBucketCorsOutput buckets::put_cors,
    get_bucket_cors GetBucketCorsInput GetBucketCorsOutput buckets::get_cors,
    delete_bucket_cors DeleteBucketCorsInput DeleteBucketCorsOutput buckets::delete_cors,
    list_objects ListObjectsInput ListObjectsOutput buckets::list_objects,
    list_objects_v2 ListObjectsV2Input ListObjectsV2Output buckets::list_objects_v2,

    put_object PutObjectInput PutObjectOutput objects::put,
    get_object GetObjectInput GetObjectOutput objects::get,
    head_object HeadObjectInput HeadObjectOutput objects::head,
    copy_object CopyObjectInput CopyObjectOutput objects::copy,
    delete_object DeleteObjectInput DeleteObjectOutput objects::delete,
    delete_objects DeleteObjectsInput DeleteObjectsOutput objects::delete_many,

    create_multipart_upload CreateMultipartUploadInput CreateMultipartUploadOutput multipart::begin,
    upload_part UploadPartInput UploadPartOutput multipart::put_part,
    upload_part_copy UploadPartCopyInput UploadPartCopyOutput multipart::copy_part,
    list_parts ListPartsInput ListPartsOutput multipart::list_parts,
    list_multipart_uploads ListMultipartUploadsInput ListMultipartUploadsOutput multipart::list,
    complete_multipart_upload CompleteMultipartUploadInput CompleteMultipartUploadOutput multipart::complete,
    abort_multipart_upload AbortMultipartUploadInput AbortMultipartUploadOutput multipart::abort,
}
