"""Deploys the built template onto ministack and uses the stack as a team would.

The functions run as deployed, each with the session of its own role, whose policies ministack enforces (AUTH=true);
S3, SQS, EventBridge, IAM and Lambda are ministack's, Custom Labels is the embedded service of `gtcl serve`. What
ministack does unlike AWS is put right below, each thing named there.

usage: see .ci/steps/90-deploy
"""

import argparse
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
from botocore.exceptions import ClientError

STACK = "gt"
PROJECT_NAME = "birds"
ROOT = Path(__file__).resolve().parents[2]
LABELS = ["Duck", "Owl"]
PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010802000000907753de0000000c49444154789c63606060000000040001f61738550000000049454e44ae426082"
)


def admit(rekognition: str, access_key: str) -> str:
    """Address of a forwarder to the embedded Rekognition, which knows one access key, for callers with any key."""

    class Forwarder(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            headers = {name.title(): value for name, value in self.headers.items() if name.lower() != "host"}
            headers["Authorization"] = re.sub("Credential=[^/]*/", f"Credential={access_key}/", headers["Authorization"])
            try:
                answer = urllib.request.urlopen(urllib.request.Request(rekognition, body, headers))
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


class Check:
    def __init__(self, options: argparse.Namespace):
        self.options = options
        aws = {"endpoint_url": options.aws, "region_name": "us-east-1"}
        self.cloudformation, self.s3, self.functions, self.sqs, self.logs = (
            boto3.client(name, **aws) for name in ("cloudformation", "s3", "lambda", "sqs", "logs")
        )
        self.rekognition = boto3.client("rekognition", endpoint_url=options.rekognition, region_name="us-east-1")
        self.rekognition_for_functions = admit(options.rekognition, os.environ["AWS_ACCESS_KEY_ID"])
        self.environment = os.environ | {"AWS_ENDPOINT_URL": options.aws}
        self.n_checks = 0

    def expect(self, holds: bool, what: str, seen: object = "") -> None:
        self.n_checks += 1
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

    # ------------------------------------------------------------- the stack

    def deploy(self, *parameters: str) -> None:
        begin = time.monotonic()
        command = [
            self.options.sam, "deploy", "--template-file", self.options.template, "--stack-name", STACK, "--resolve-s3",
            "--capabilities", "CAPABILITY_IAM", "--no-confirm-changeset", "--no-progressbar", "--parameter-overrides",
            "Architecture=x86_64", f"ProjectArn={self.project_arn}", "CreateDatasets=true", "TestFraction=0.5", *parameters,
        ]
        done = subprocess.run(command, env=self.environment, capture_output=True, text=True, check=False)
        self.expect(done.returncode == 0, f"sam deploy {' '.join(parameters)}", done.stdout[-3000:] + done.stderr[-3000:])
        print(f"    {time.monotonic() - begin:.1f} s")
        answer = self.cloudformation.describe_stacks(StackName=STACK)
        (self.work / "stack.json").write_text(json.dumps(answer, default=str))
        outputs = answer["Stacks"][0]["Outputs"]
        self.outputs = {output["OutputKey"]: output["OutputValue"] for output in outputs}
        self.bucket = self.outputs["Bucket"]

    def put_right(self) -> None:
        # 1. ministack hands a template's numeric parameter over as a string, and its poller compares it with a number.
        function = self.outputs["UpdaterFunctionArn"]
        for mapping in self.functions.list_event_source_mappings(FunctionName=function)["EventSourceMappings"]:
            self.functions.update_event_source_mapping(UUID=mapping["UUID"], ScalingConfig={"MaximumConcurrency": 2})
        # 2. Its functions would call Amazon; they are to call ministack, and for Custom Labels the embedded service.
        for name in ("PreAnnotationFunctionArn", "ConsolidationFunctionArn", "UpdaterFunctionArn"):
            configuration = self.functions.get_function_configuration(FunctionName=self.outputs[name])
            variables = configuration.get("Environment", {}).get("Variables", {})
            variables |= {
                "AWS_ENDPOINT_URL": self.options.aws,
                "AWS_ENDPOINT_URL_S3": self.options.aws,
                "AWS_ENDPOINT_URL_REKOGNITION": self.rekognition_for_functions,
            }
            self.functions.update_function_configuration(FunctionName=self.outputs[name], Environment={"Variables": variables})
        # 3. It speaks HTTP, and takes the bucket's TLS-only policy at its word.
        self.s3.delete_bucket_policy(Bucket=self.bucket)
        # 4. Nobody waits for 20 receives of 90 minutes.
        dead_letters = self.queue_arn("ManifestDeadLetterQueueUrl")
        redrive = {"deadLetterTargetArn": dead_letters, "maxReceiveCount": 3}
        self.sqs.set_queue_attributes(
            QueueUrl=self.outputs["ManifestQueueUrl"],
            Attributes={"VisibilityTimeout": "3", "RedrivePolicy": json.dumps(redrive)},
        )

    def queue_arn(self, output: str) -> str:
        answer = self.sqs.get_queue_attributes(QueueUrl=self.outputs[output], AttributeNames=["QueueArn"])
        return answer["Attributes"]["QueueArn"]

    def look_at_stack(self) -> None:
        rules = self.s3.get_bucket_cors(Bucket=self.bucket)["CORSRules"]
        self.expect(
            any("GET" in rule["AllowedMethods"] and "*" in rule["AllowedOrigins"] for rule in rules),
            "the bucket lets workers' browsers fetch images", rules,
        )
        policy = json.loads(self.s3.get_bucket_policy(Bucket=self.bucket)["Policy"])
        self.expect("aws:SecureTransport" in json.dumps(policy), "the bucket takes TLS only", policy)
        groups = {group["logGroupName"]: group.get("retentionInDays") for group in self.logs.describe_log_groups()["logGroups"]}
        own = {name: days for name, days in groups.items() if STACK in name}
        self.expect(len(own) == 3 and all(own.values()), "three log groups, each with a retention", groups)
        for name in ("PreAnnotationFunctionArn", "ConsolidationFunctionArn", "UpdaterFunctionArn"):
            configuration = self.functions.get_function_configuration(FunctionName=self.outputs[name])
            self.expect("SageMaker" in configuration["FunctionName"], f"{name}: Ground Truth may call it by its name")
            self.expect(configuration["TracingConfig"]["Mode"] == "Active", f"{name}: traced")

    # ------------------------------------------------------------- labeling

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

    def pre_annotation(self) -> None:
        event = json.loads((ROOT / "events/pre-annotation-image.json").read_text())
        answer = self.invoke("PreAnnotationFunctionArn", event)
        task = answer["taskInput"]
        self.expect(task["taskObject"] == event["dataObject"]["source-ref"], "the task shows the image", task)
        self.expect(task["labels"] == LABELS, "the task has the label categories of the stack's file", task)
        self.expect(answer.get("isHumanAnnotationRequired") in (True, None), "the image goes to workers", answer)

    def consolidation(self) -> None:
        event = json.loads((ROOT / "events/annotation-consolidation-stored.json").read_text())
        folder = "labeling-jobs/Birds-20211118T021255/annotations"
        key = f"{folder}/consolidated-annotation/consolidation-request/iteration-1/2021-11-18_02:19:51.json"
        file = (ROOT / "events/annotation-file-single-label.json").read_text()
        event["payload"]["s3Uri"] = self.put(key, file)
        event["outputConfig"] = f"s3://{self.bucket}/{folder}"
        answer = self.invoke("ConsolidationFunctionArn", event)
        ids = [element["datasetObjectId"] for element in answer]
        self.expect(ids == [element["datasetObjectId"] for element in json.loads(file)], "one label a data object", answer)
        content = answer[0]["consolidatedAnnotation"]["content"][event["labelAttributeName"]]
        self.expect(content["metadata"]["class-name"] == "Owl", "two of three workers said Owl", content)
        statistics = self.s3.list_objects_v2(
            Bucket=self.bucket, Prefix=f"{folder}/consolidated-annotation/worker-statistics/"
        )
        self.expect(statistics.get("KeyCount", 0) > 0, "worker statistics lie where the role may write them")

    # ------------------------------------------------------------- the dataset

    def entries(self) -> list[dict]:
        """Of all the project's datasets; none while one is being created or updated."""
        found = []
        project = self.rekognition.describe_projects(ProjectNames=[PROJECT_NAME])["ProjectDescriptions"][0]
        try:
            for dataset in project.get("Datasets", []):
                pages = self.rekognition.get_paginator("list_dataset_entries").paginate(DatasetArn=dataset["DatasetArn"])
                found += [json.loads(entry) for page in pages for entry in page["DatasetEntries"]]
        except (self.rekognition.exceptions.ResourceNotReadyException, self.rekognition.exceptions.ResourceInUseException):
            return []
        return found

    def manifest_line(self, index: int, label: int) -> str:
        return json.dumps({
            "source-ref": f"s3://{self.bucket}/images/{index}.jpg",
            "birds": {
                "label": label,
                "metadata": {
                    "class-name": LABELS[label], "confidence": 0.9, "type": "groundtruth/image-classification",
                },
            },
            "birds-metadata": {
                "type": "groundtruth/custom", "job-name": "labeling-job/birds-1", "human-annotated": "yes",
                "creation-date": "2026-03-02T09:30:05.000000",
            },
        })

    def report(self, job: str) -> dict | None:
        try:
            key = f"labeling-jobs/{job}/dataset-updater/report.json"
            return json.loads(self.s3.get_object(Bucket=self.bucket, Key=key)["Body"].read())
        except ClientError:
            return None

    def dataset(self) -> None:
        n_lines, n_bad = 12, 2
        lines = [self.manifest_line(index, index % 2) for index in range(n_lines)]
        lines += ["not json", json.dumps({"source-ref": "https://example.com/1.jpg", "birds": 0})]
        self.put("elsewhere/birds-0/manifests/output/output.manifest", "\n".join(lines))
        begin = time.monotonic()
        self.put("labeling-jobs/birds-1/manifests/output/output.manifest", "\n".join(lines) + "\n")
        entries = self.wait(
            f"output.manifest written → {n_lines} entries in the datasets",
            lambda: (found := self.entries()) and len(found) == n_lines and found,
        )
        print(f"    {time.monotonic() - begin:.1f} s")
        sources = sorted(entry["source-ref"] for entry in entries)
        self.expect(sources == sorted(json.loads(line)["source-ref"] for line in lines[:n_lines]), "each image once", sources)
        datasets = self.rekognition.describe_projects(ProjectNames=[PROJECT_NAME])["ProjectDescriptions"][0]["Datasets"]
        self.expect(len(datasets) == 2, "the project's missing datasets were created", datasets)
        report = self.wait("the report is written", lambda: self.report("birds-1"))
        self.expect(report["entries"] == n_lines, "the report counts the entries", report)
        self.expect(report["rejected"] == n_bad, "and the rejected lines", report)
        self.expect(self.report("birds-0") is None, "a manifest outside JobsPrefix does nothing")

    def dead_letters(self) -> None:
        self.sqs.send_message(QueueUrl=self.outputs["ManifestQueueUrl"], MessageBody="poison")
        lost = {
            "version": "0", "detail-type": "Object Created", "source": "aws.s3",
            "detail": {"bucket": {"name": self.bucket}, "object": {"key": "labeling-jobs/lost/manifests/output/output.manifest"}},
        }
        self.sqs.send_message(QueueUrl=self.outputs["ManifestQueueUrl"], MessageBody=json.dumps(lost))
        bodies: set[str] = set()

        def received() -> bool:
            answer = self.sqs.receive_message(QueueUrl=self.outputs["ManifestDeadLetterQueueUrl"], MaxNumberOfMessages=10)
            bodies.update(message["Body"] for message in answer.get("Messages", []))
            return len(bodies) == 2

        self.wait("an unreadable message and one about a lost manifest end in the dead-letter queue", received)
        self.expect("poison" in bodies, "as they were", bodies)
        attributes = self.sqs.get_queue_attributes(QueueUrl=self.outputs["ManifestQueueUrl"], AttributeNames=["All"])["Attributes"]
        self.expect(attributes["ApproximateNumberOfMessages"] == "0", "nothing is left in the queue", attributes)
        group = "/aws/lambda/" + self.outputs["UpdaterFunctionArn"].rsplit(":", 1)[1]
        messages = [event["message"] for event in self.logs.filter_log_events(logGroupName=group)["events"]]
        errors = [message for message in messages if '"level":"ERROR"' in message.replace(": ", ":")]
        self.expect(len(errors) >= 2, "the log says why", messages[-5:])
        metrics = [message for message in messages if "GroundTruthCustomLabels" in message]
        self.expect(bool(metrics), "metrics were written", messages[-5:])

    # ------------------------------------------------------------- wiring

    def gtcl(self, *arguments: str) -> subprocess.CompletedProcess:
        return subprocess.run([self.options.gtcl, *arguments], env=self.environment, capture_output=True, text=True, check=False)

    def wiring(self) -> None:
        for index in range(3):
            self.put(f"images/{index}.jpg", PNG)
        lines = [json.dumps({"source-ref": f"s3://{self.bucket}/images/{index}.jpg"}) for index in range(3)]
        manifest = self.put("birds.manifest", "\n".join(lines))
        template = self.put("templates/single-label.liquid.html", "<crowd-form>{{ task.input.taskObject | grant_read_access }}</crowd-form>")
        arguments = [
            "job-request", "--stack-outputs", str(self.work / "stack.json"), "--task-type", "single-label",
            "--job-name", "birds-2", "--manifest", manifest, "--categories", self.categories, "--template", template,
            "--workteam", "arn:aws:sagemaker:us-east-1:111122223333:workteam/private-crowd/birders",
        ]
        answer = self.gtcl(*arguments)
        self.expect(answer.returncode == 0, "gtcl job-request reads the stack's outputs", answer.stderr)
        request = self.work / "request.json"
        request.write_text(answer.stdout)
        preflight = self.gtcl("preflight", str(request), "--task-type", "single-label")
        self.expect(preflight.returncode == 0, "gtcl preflight finds nothing in the way", preflight.stdout + preflight.stderr)
        print(preflight.stdout)
        self.s3.delete_bucket_cors(Bucket=self.bucket)
        self.s3.delete_object(Bucket=self.bucket, Key="images/1.jpg")
        self.put("birds.manifest", "\n".join([*lines, "{}"]))
        preflight = self.gtcl("preflight", str(request), "--task-type", "single-label")
        self.expect(preflight.returncode == 1, "gtcl preflight finds what was broken", preflight.stdout + preflight.stderr)
        for part in ("CORS", "images/1.jpg can't be read", "line 4 has no source-ref"):
            self.expect(part in preflight.stdout, f"… {part}", preflight.stdout)

    # ------------------------------------------------------------- the end

    def delete(self) -> None:
        self.cloudformation.delete_stack(StackName=STACK)

        def is_gone() -> bool:
            try:
                return self.cloudformation.describe_stacks(StackName=STACK)["Stacks"][0]["StackStatus"] == "DELETE_COMPLETE"
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

    def run(self) -> None:
        self.work = Path(self.options.work)
        self.project_arn = self.rekognition.create_project(ProjectName=PROJECT_NAME)["ProjectArn"]
        self.deploy()
        self.look_at_stack()
        self.put_right()
        labels = [{"label": label} for label in LABELS]
        self.categories = self.put("categories.json", json.dumps({"document-version": "2018-11-28", "labels": labels}))
        self.deploy(f"LabelCategoriesS3Uri={self.categories}")
        self.put_right()
        self.pre_annotation()
        self.consolidation()
        self.dataset()
        self.dead_letters()
        self.wiring()
        self.delete()
        print(f"{self.n_checks} checks hold")


def main() -> None:
    parser = argparse.ArgumentParser()
    for name in ("aws", "rekognition", "sam", "template", "gtcl", "work"):
        parser.add_argument(f"--{name}", required=True)
    Check(parser.parse_args()).run()


if __name__ == "__main__":
    main()
