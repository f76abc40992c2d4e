"""The peer that `bench/run` measures the functions against: what a user would otherwise deploy.

A consolidation function on boto3 and awslambdaric, the official Python runtime client. It makes the same requests: reads
the annotation file, lists what earlier batches left, writes one small object, and answers; between them it only takes a
plain vote. Started as `python -m awslambdaric peer.handler`; `peer.without_listing` leaves the listing out.
"""

import collections
import json
import os
import urllib.parse

import boto3
from botocore.config import Config

S3 = boto3.client("s3", config=Config(s3={"addressing_style": "path"}))
REKOGNITION = boto3.client("rekognition")


def handler(event, _context):
    return consolidate(event, is_listing=True)


def without_listing(event, _context):
    return consolidate(event, is_listing=False)


def consolidate(event, is_listing):
    uri = urllib.parse.urlparse(event["payload"]["s3Uri"], allow_fragments=False)
    bucket, key = uri.netloc, uri.path.lstrip("/")
    objects = json.loads(S3.get_object(Bucket=bucket, Key=key)["Body"].read())
    answer, votes_by_worker = [], collections.Counter()
    for data_object in objects:
        votes = collections.Counter()
        for annotation in data_object["annotations"]:
            votes_by_worker[annotation["workerId"]] += 1
            content = json.loads(annotation["annotationData"]["content"])
            votes[content["crowd-image-classifier"]["label"]] += 1
        label, n_votes = min(votes.items(), key=lambda vote: (-vote[1], vote[0]))
        answer.append({
            "datasetObjectId": data_object["datasetObjectId"],
            "consolidatedAnnotation": {"content": {event["labelAttributeName"]: {
                "label": event["labelCategories"].index(label),
                "metadata": {"class-name": label, "confidence": n_votes / sum(votes.values()),
                             "type": "groundtruth/image-classification"},
            }}},
        })
    folder = os.path.dirname(key) + "/worker-statistics/"
    if is_listing:
        S3.list_objects_v2(Bucket=bucket, Prefix=folder)
    S3.put_object(Bucket=bucket, Key=folder + "peer.json", Body=json.dumps(votes_by_worker))
    return answer
