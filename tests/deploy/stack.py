"""A stack deployed onto ministack, and what a test does with it.

The functions run as deployed, each with the session of its own role, whose policies ministack enforces (AUTH=true);
S3, SQS, EventBridge, IAM, KMS, CloudWatch and Lambda are ministack's, Custom Labels is the embedded service of
`gtcl serve`. What ministack does unlike AWS is put right in `Stack.put_right`, each thing named there.
"""

import argparse
import contextlib
import json
import os
import re
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import boto3
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.exceptions import ClientError

LABELS = ["Duck", "Owl"]
PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010802000000907753de0000000c49444154789c63606060000000040001f61738550000000049454e44ae426082"
)
FUNCTIONS = ("PreAnnotationFunctionArn", "ConsolidationFunctionArn", "UpdaterFunctionArn")


def admit(rekognition: str, keys: Credentials) -> str:
    """Address of a forwarder to the embedded Rekognition, which knows one pair of keys, for callers with any."""

    class Forwarder(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            kept = {name: self.headers[name] for name in ("Content-Type", "X-Amz-Target") if name in self.headers}
            request = AWSRequest("POST", f"{rekognition}/", headers=kept, data=body)
            SigV4Auth(keys, "rekognition", "us-east-1").add_auth(request)
            try:
                answer = urllib.request.urlopen(urllib.request.Request(f"{rekognition}/", body, dict(request.headers)))
            except urllib.error.HTTPError as error:
                answer = error
            content = answer.read()
            self.send_response(answer.status)
            for name in ("Content-Type", "x-amzn-RequestId", "x-amzn-ErrorType"):
                if answer.headers.get(name):
                    self.send_header(name, answer.headers[name])
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Forwarder)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return f"http://127.0.0.1:{server.server_port}"


class Stack:
    """One stack: its name, the folder for files of the test, and clients of the services."""

    n_checks = 0

    def __init__(self, options: argparse.Namespace, name: str):
        self.options, self.name, self.work = options, name, Path(options.work)
        aws = {"endpoint_url": options.aws, "region_name": "us-east-1"}
        self.cloudformation, self.s3, self.functions, self.sqs, self.logs, self.iam = (
            boto3.client(name, **aws) for name in ("cloudformation", "s3", "lambda", "sqs", "logs", "iam")
        )
        self.rekognition = boto3.client("rekognition", endpoint_url=options.rekognition, region_name="us-east-1")
        self.rekognition_for_functions = admit(
            options.rekognition, Credentials(os.environ["AWS_ACCESS_KEY_ID"], os.environ["AWS_SECRET_ACCESS_KEY"])
        )
        self.environment = os.environ | {"AWS_ENDPOINT_URL": options.aws}

    def expect(self, holds: bool, what: str, seen: object = "") -> None:
        Stack.n_checks += 1
        if not holds:
            raise SystemExit(f"FAILED: {what}: {seen}")
        print(f"ok: {what}")

    def wait(self, what: str, look, seconds: float = 60):
        """What `look` answers, once it is true."""
        deadline = time.monotonic() + seconds
        while True:
            found = look()
            if found:
                self.expect(True, what)
                return found
            if time.monotonic() > deadline:
                self.show_logs()
                raise SystemExit(f"FAILED: {what}: not within {seconds:.0f} s")
            time.sleep(0.5)

    def show_logs(self) -> None:
        for group in self.logs.describe_log_groups()["logGroups"]:
            for event in self.logs.filter_log_events(logGroupName=group["logGroupName"])["events"][-20:]:
                print(group["logGroupName"], event["message"].rstrip()[:2000], file=sys.stderr)

    def deploy(self, *parameters: str, template: str = "", options: tuple[str, ...] = ()) -> None:
        begin = time.monotonic()
        command = [
            self.options.sam, "deploy", "--template-file", template or self.options.template, "--stack-name", self.name,
            "--resolve-s3", "--capabilities", "CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND", "--no-confirm-changeset",
            "--no-progressbar", *options, "--parameter-overrides", "Architecture=x86_64", *parameters,
        ]
        done = subprocess.run(command, env=self.environment, capture_output=True, text=True, check=False)
        self.expect(done.returncode == 0, f"sam deploy {' '.join(parameters)}", done.stdout[-3000:] + done.stderr[-3000:])
        print(f"    {time.monotonic() - begin:.1f} s")
        answer = self.cloudformation.describe_stacks(StackName=self.name)
        (self.work / f"{self.name}.json").write_text(json.dumps(answer, default=str))
        outputs = answer["Stacks"][0]["Outputs"]
        self.outputs = {output["OutputKey"]: output["OutputValue"] for output in outputs}
        self.bucket = self.outputs["Bucket"]
        template = self.cloudformation.get_template(StackName=self.name, TemplateStage="Processed")["TemplateBody"]
        self.transformed = json.loads(json.dumps(template))

    def put_right(self) -> None:
        # 1. ministack hands a template's numeric parameter over as a string, and its poller compares it with a number.
        function = self.outputs["UpdaterFunctionArn"]
        for mapping in self.functions.list_event_source_mappings(FunctionName=function)["EventSourceMappings"]:
            self.functions.update_event_source_mapping(
                UUID=mapping["UUID"], ScalingConfig={"MaximumConcurrency": 2}, Enabled=True
            )
        # 2. Its functions would call Amazon; they are to call ministack, and for Custom Labels the embedded service.
        for name in FUNCTIONS:
            configuration = self.functions.get_function_configuration(FunctionName=self.outputs[name])
            variables = configuration.get("Environment", {}).get("Variables", {})
            variables |= {
                "AWS_ENDPOINT_URL": self.options.aws,
                "AWS_ENDPOINT_URL_S3": self.options.aws,
                "AWS_ENDPOINT_URL_REKOGNITION": self.rekognition_for_functions,
            }
            self.functions.update_function_configuration(FunctionName=self.outputs[name], Environment={"Variables": variables})
        # 3. It speaks HTTP, and takes the bucket's TLS-only policy at its word.
        with contextlib.suppress(ClientError):
            self.bucket_policy = self.s3.get_bucket_policy(Bucket=self.bucket)["Policy"]
        self.s3.delete_bucket_policy(Bucket=self.bucket)
        # 4. Nobody waits for 100 receives of 16 minutes.
        dead_letters = self.queue_arn("ManifestDeadLetterQueueUrl")
        redrive = {"deadLetterTargetArn": dead_letters, "maxReceiveCount": 3}
        self.sqs.set_queue_attributes(
            QueueUrl=self.outputs["ManifestQueueUrl"],
            Attributes={"VisibilityTimeout": "3", "RedrivePolicy": json.dumps(redrive)},
        )

    def queue_arn(self, output: str) -> str:
        answer = self.sqs.get_queue_attributes(QueueUrl=self.outputs[output], AttributeNames=["QueueArn"])
        return answer["Attributes"]["QueueArn"]

    def n_messages(self, output: str) -> int:
        """Messages that wait in a queue."""
        attributes = self.sqs.get_queue_attributes(QueueUrl=self.outputs[output], AttributeNames=["All"])["Attributes"]
        return int(attributes["ApproximateNumberOfMessages"])

    def put(self, key: str, body: bytes | str) -> str:
        self.s3.put_object(Bucket=self.bucket, Key=key, Body=body.encode() if isinstance(body, str) else body)
        return f"s3://{self.bucket}/{key}"

    def invoke(self, output: str, event: dict) -> dict:
        answer = self.functions.invoke(FunctionName=self.outputs[output], Payload=json.dumps(event).encode())
        payload = answer["Payload"].read()
        if answer.get("FunctionError"):
            self.show_logs()
        self.expect(not answer.get("FunctionError"), f"{output} answers", payload)
        return json.loads(payload)

    def entries(self, project_name: str) -> list[dict]:
        """Of all the project's datasets; none while one is being created or updated."""
        found = []
        project = self.rekognition.describe_projects(ProjectNames=[project_name])["ProjectDescriptions"][0]
        try:
            for dataset in project.get("Datasets", []):
                pages = self.rekognition.get_paginator("list_dataset_entries").paginate(DatasetArn=dataset["DatasetArn"])
                found += [json.loads(entry) for page in pages for entry in page["DatasetEntries"]]
        except (self.rekognition.exceptions.ResourceNotReadyException, self.rekognition.exceptions.ResourceInUseException):
            return []
        return found

    def manifest_line(self, index: int, label: int, job: str = "birds-1") -> str:
        return json.dumps({
            "source-ref": f"s3://{self.bucket}/images/{index}.jpg",
            "birds": {
                "label": label,
                "metadata": {
                    "class-name": LABELS[label], "confidence": 0.9, "type": "groundtruth/image-classification",
                },
            },
            "birds-metadata": {
                "type": "groundtruth/custom", "job-name": f"labeling-job/{job}", "human-annotated": "yes",
                "creation-date": "2026-03-02T09:30:05.000000",
            },
        })

    def report(self, job: str) -> dict | None:
        """What the dataset-updater says of the job whose output lies at this prefix."""
        try:
            key = f"{job}/dataset-updater/report.json"
            return json.loads(self.s3.get_object(Bucket=self.bucket, Key=key)["Body"].read())
        except ClientError:
            return None

    def gtcl(self, *arguments: str) -> subprocess.CompletedProcess:
        return subprocess.run([self.options.gtcl, *arguments], env=self.environment, capture_output=True, text=True, check=False)

    def delete(self) -> None:
        self.cloudformation.delete_stack(StackName=self.name)

        def is_gone() -> bool:
            try:
                return self.cloudformation.describe_stacks(StackName=self.name)["Stacks"][0]["StackStatus"] == "DELETE_COMPLETE"
            except ClientError:
                return True

        self.wait("the stack is deleted", is_gone)
        left = self.s3.list_objects_v2(Bucket=self.bucket)["KeyCount"]
        self.expect(left > 0, f"the bucket and its {left} objects stay")
        try:
            self.functions.get_function_configuration(FunctionName=self.outputs["UpdaterFunctionArn"])
            self.expect(False, "the functions are gone")
        except self.functions.exceptions.ResourceNotFoundException:
            self.expect(True, "the functions are gone")

