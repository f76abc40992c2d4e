"""Drives the embedded S3 of a running `gtcl serve` with boto3 and the AWS CLI: what they write is what they read, and what
they are refused has S3's codes. Their answers are parsed by botocore's own model of S3.
"""

import base64
import functools
import hashlib
import io
import os
import sys
import tempfile
import time
import uuid

import boto3
from boto3.s3.transfer import TransferConfig
from botocore.config import Config
from botocore.exceptions import ClientError

import conformance
from conformance import CLIS, check, cli

MIB = 1024 * 1024
# Nothing is tried twice: a stall or a failure shall be seen.
s3 = boto3.client("s3", config=Config(s3={"addressing_style": "path"}, retries={"total_max_attempts": 1}, read_timeout=30))


def code(function, **arguments):
    try:
        function(**arguments)
    except ClientError as error:
        return error.response["Error"]["Code"]
    return "none"


def body(bucket, key, **arguments):
    return s3.get_object(Bucket=bucket, Key=key, **arguments)["Body"].read()


def empty_objects(bucket):
    """An empty object keeps nobody waiting, nor does the next request on its connection."""
    started = time.monotonic()
    for number in range(12):
        content = b"" if number % 2 else b"x"
        s3.put_object(Bucket=bucket, Key=f"empty/{number}", Body=content)
        check("an empty object is one", body(bucket, f"empty/{number}") == content, number)
    check("empty objects keep nobody waiting", time.monotonic() - started < 25, time.monotonic() - started)


def odd_keys(bucket):
    keys = sorted(["a", "a/", "a/b", "a//b", "/a", "a-b", "a0", "a b+c", "é/ü", "a/b/c", "x" * 255], key=str.encode)
    for key in keys:
        s3.put_object(Bucket=bucket, Key=f"odd/{key}", Body=key.encode())
    for key in keys:
        check("each key is an object of its own", body(bucket, f"odd/{key}") == key.encode(), key)
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix="odd/", PaginationConfig={"PageSize": 3})
    listed = [found["Key"] for page in pages for found in page.get("Contents", [])]
    check("keys are listed in the order of their bytes", listed == [f"odd/{key}" for key in keys], listed)
    marked = s3.get_paginator("list_objects").paginate(Bucket=bucket, Prefix="odd/", PaginationConfig={"PageSize": 4})
    check("so are they by marker", [found["Key"] for page in marked for found in page["Contents"]] == listed, "")
    for key in ("../other", "a/../../other/x", "./a"):
        check("a key out of its bucket is refused", code(s3.put_object, Bucket=bucket, Key=key) == "InvalidArgument", key)
    deleted = s3.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": key} for key in listed] + [{"Key": "../x"}]})
    check("many objects are deleted at once", len(deleted["Deleted"]) == len(keys), deleted)
    check("what can't be deleted is told", [e["Code"] for e in deleted["Errors"]] == ["InvalidArgument"], deleted)


def contents(bucket):
    for algorithm in ("CRC32", "CRC32C", "CRC64NVME", "SHA1", "SHA256"):
        try:
            s3.put_object(Bucket=bucket, Key="sum", Body=b"123456789", ChecksumAlgorithm=algorithm)
        except Exception as error:  # botocore wants an extra package for some
            if "MissingDependency" in type(error).__name__ or "awscrt" in str(error):
                continue
            raise
        head = s3.head_object(Bucket=bucket, Key="sum", ChecksumMode="ENABLED")
        check(f"{algorithm} is kept", f"Checksum{algorithm}" in head, head)
        check(f"{algorithm} holds", body(bucket, "sum", ChecksumMode="ENABLED") == b"123456789", "")
    md5 = base64.b64encode(hashlib.md5(b"other").digest()).decode()
    check("Content-MD5 is looked at", code(s3.put_object, Bucket=bucket, Key="sum", Body=b"x", ContentMD5=md5) == "BadDigest", "")
    etag = s3.put_object(Bucket=bucket, Key="k", Body=b"first", IfNoneMatch="*", Metadata={"a": "b"}, ContentType="text/x")["ETag"]
    check("the ETag is the MD5", etag.strip('"') == hashlib.md5(b"first").hexdigest(), etag)
    check("If-None-Match holds", code(s3.put_object, Bucket=bucket, Key="k", IfNoneMatch="*") == "PreconditionFailed", "")
    check("If-Match holds", code(s3.put_object, Bucket=bucket, Key="k", IfMatch='"x"') == "PreconditionFailed", "")
    check("a range is read", body(bucket, "k", Range="bytes=1-2") == b"ir", "")
    check("a range behind the end is refused", code(s3.get_object, Bucket=bucket, Key="k", Range="bytes=9-") == "InvalidRange", "")
    check("304 is told", code(s3.get_object, Bucket=bucket, Key="k", IfNoneMatch=etag) == "304", "")
    s3.copy_object(Bucket=bucket, Key="copy", CopySource={"Bucket": bucket, "Key": "k"})
    head = s3.head_object(Bucket=bucket, Key="copy")
    check("a copy has the attributes", (head["Metadata"], head["ContentType"]) == ({"a": "b"}, "text/x"), head)
    check("no bucket", code(s3.get_object, Bucket="nowhere-at-all", Key="k") == "NoSuchBucket", "")
    check("no key", code(s3.get_object, Bucket=bucket, Key="nothing") == "NoSuchKey", "")


def uploads(bucket):
    content = os.urandom(13 * MIB)
    s3.upload_fileobj(io.BytesIO(content), bucket, "large", Config=TransferConfig(multipart_chunksize=5 * MIB, multipart_threshold=5 * MIB))
    head = s3.head_object(Bucket=bucket, Key="large")
    check("an upload in parts is told by its ETag", head["ETag"].endswith('-3"'), head)
    read = io.BytesIO()
    s3.download_fileobj(bucket, "large", read)
    check("an upload in parts is what was sent", read.getvalue() == content, "")
    upload = s3.create_multipart_upload(Bucket=bucket, Key="parts")["UploadId"]
    part = s3.upload_part(Bucket=bucket, Key="parts", UploadId=upload, PartNumber=1, Body=b"1")["ETag"]
    named = {"Bucket": bucket, "Key": "parts", "UploadId": upload}
    wrong = {"Parts": [{"PartNumber": 1, "ETag": '"%032x"' % 0}]}
    check("a part's ETag is looked at", code(s3.complete_multipart_upload, MultipartUpload=wrong, **named) == "InvalidPart", "")
    check("parts are listed", [p["ETag"] for p in s3.list_parts(**named)["Parts"]] == [part], "")
    check("uploads are listed", [u["UploadId"] for u in s3.list_multipart_uploads(Bucket=bucket)["Uploads"]] == [upload], "")
    s3.abort_multipart_upload(**named)
    check("an aborted upload is gone", code(s3.list_parts, **named) == "NoSuchUpload", "")


def through_the_cli(bucket, version):
    aws = functools.partial(cli, version=version)
    with tempfile.TemporaryDirectory() as folder:
        files = {"a": b"", "b": b"", "c": b"", "d/e": b"text", "large": os.urandom(9 * MIB)}
        for name, content in files.items():
            path = os.path.join(folder, "from", name)
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "wb") as file:
                file.write(content)
        started = time.monotonic()
        aws("s3", "sync", os.path.join(folder, "from"), f"s3://{bucket}/cli/", "--only-show-errors")
        check("the CLI is not kept waiting by empty files", time.monotonic() - started < 50, time.monotonic() - started)
        aws("s3", "sync", f"s3://{bucket}/cli/", os.path.join(folder, "to"), "--only-show-errors")
        for name, content in files.items():
            with open(os.path.join(folder, "to", name), "rb") as file:
                check("the CLI reads what it wrote", file.read() == content, name)
    listed = aws("s3api", "list-objects-v2", "--bucket", bucket, "--prefix", "cli/", "--delimiter", "/")
    check("the CLI lists folders", [p["Prefix"] for p in listed["CommonPrefixes"]] == ["cli/d/"], listed)
    aws("s3", "rm", "--recursive", f"s3://{bucket}", "--only-show-errors")


def main():
    bucket = f"conformance-{uuid.uuid4().hex[:8]}"
    s3.create_bucket(Bucket=bucket)
    check("the bucket is listed", bucket in [b["Name"] for b in s3.list_buckets()["Buckets"]], "")
    check("a full bucket stays", (s3.put_object(Bucket=bucket, Key="k0"), code(s3.delete_bucket, Bucket=bucket))[1] == "BucketNotEmpty", "")
    empty_objects(bucket)
    odd_keys(bucket)
    contents(bucket)
    uploads(bucket)
    for version in CLIS:
        through_the_cli(bucket, version)
    cli("s3api", "delete-bucket", "--bucket", bucket, version=2)
    check("the bucket is gone", code(s3.head_bucket, Bucket=bucket) == "404", "")
    print(f"S3: {conformance.N_PASSED} passed, {len(conformance.FAILURES)} failed")
    return 1 if conformance.FAILURES else 0


if __name__ == "__main__":
    sys.exit(main())
