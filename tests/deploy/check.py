"""Deploys the built template onto ministack and uses the stack as a team would: once as it comes, with a bucket of its
own, once with nearly every parameter (variants.py), and once nested in another stack (nested.py).

usage: see .ci/steps/90-deploy
"""

import argparse
import json
import os
import re
import socket
import subprocess
import time
from pathlib import Path

from nested import Nested
from stack import FUNCTIONS, LABELS, PNG, Stack
from variants import Variants

PROJECT_NAME = "birds"
ROOT = Path(__file__).resolve().parents[2]


def is_open(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


class AsItComes(Stack):
    # ------------------------------------------------------------- the stack

    def look_at_stack(self) -> None:
        rules = self.s3.get_bucket_cors(Bucket=self.bucket)["CORSRules"]
        self.expect(
            any("GET" in rule["AllowedMethods"] and "*" in rule["AllowedOrigins"] for rule in rules),
            "the bucket lets workers' browsers fetch images", rules,
        )
        self.expect("aws:SecureTransport" in self.bucket_policy, "the bucket takes TLS only", self.bucket_policy)
        # ministack leaves a bucket's lifecycle out when it makes a stack's resources.
        lifecycle = self.transformed["Resources"]["JobsBucket"]["Properties"]["LifecycleConfiguration"]["Rules"]
        tags = [tag for rule in lifecycle for tag in rule.get("TagFilters", [])]
        self.expect(tags == [{"Key": "dataset-updater", "Value": "work-in-progress"}], "work that was given up expires", lifecycle)
        self.expect(any("NoncurrentVersionExpiration" in rule for rule in lifecycle), "earlier versions expire", lifecycle)
        groups = {group["logGroupName"]: group.get("retentionInDays") for group in self.logs.describe_log_groups()["logGroups"]}
        own = {name: days for name, days in groups.items() if self.name in name}
        self.expect(len(own) == 4 and all(own.values()), "a log group a function, and the earlier name's, each with a retention", groups)
        for name in FUNCTIONS:
            configuration = self.functions.get_function_configuration(FunctionName=self.outputs[name])
            may_be_called = "SageMaker" in configuration["FunctionName"]
            self.expect(may_be_called == (name != "UpdaterFunctionArn"), f"{name}: called by Ground Truth or not, by its name", configuration["FunctionName"])
            self.expect(configuration["TracingConfig"]["Mode"] == "Active", f"{name}: traced")

    def move(self, parameters: list[str]) -> None:
        """A stack whose dataset-updater has its earlier name is brought up to date while a manifest waits in its queue."""
        self.deploy(*parameters, template=self.earlier_template())
        self.put_right()
        before, queue = self.outputs["UpdaterFunctionArn"], self.outputs["ManifestQueueUrl"]
        self.expect(before.endswith("gt-SageMaker-dataset-updater"), "the updater has its earlier name", before)
        for mapping in self.functions.list_event_source_mappings(FunctionName=before)["EventSourceMappings"]:
            self.functions.update_event_source_mapping(UUID=mapping["UUID"], Enabled=False)
        lines = [self.manifest_line(index, index % 2, "birds-0") for index in range(3)]
        self.put("labeling-jobs/birds-0/manifests/output/output.manifest", "\n".join(lines))
        self.wait("a manifest waits", lambda: self.n_messages("ManifestQueueUrl") == 1)
        self.deploy(*parameters)
        self.expect(self.outputs["ManifestQueueUrl"] == queue, "the queue stays")
        self.expect(self.outputs["UpdaterFunctionArn"].endswith(":gt-dataset-updater"), "the updater has its new name")
        try:
            self.functions.get_function_configuration(FunctionName=before)
            self.expect(False, "the function with the earlier name is gone")
        except self.functions.exceptions.ResourceNotFoundException:
            self.expect(True, "the function with the earlier name is gone")
        mappings = self.functions.list_event_source_mappings(FunctionName=self.outputs["UpdaterFunctionArn"])["EventSourceMappings"]
        self.expect(len(mappings) == 1, "the queue calls the new function", mappings)
        self.put_right()
        report = self.wait("the waiting manifest is taken in by the new function", lambda: self.report("labeling-jobs/birds-0"))
        self.expect(report["landed"] == 3, "all of it", report)

    def earlier_template(self) -> str:
        """The built template, but for the names of the updater and of its log group."""
        earlier = Path(self.options.template).read_text()
        for name, begin in (("FunctionName", ""), ("LogGroupName", "/aws/lambda/")):
            # A property ends where the next one, or the next resource, begins.
            named = rf"(\n      {name}:)(?:(?!\n {{2,6}}\w).)*?-dataset-updater(?:(?!\n {{2,6}}\w).)*"
            by_stack = rf"\1\n        Fn::Sub: {begin}${{AWS::StackName}}-SageMaker-dataset-updater"
            earlier, n_changed = re.subn(named, by_stack, earlier, flags=re.DOTALL)
            self.expect(n_changed == 1, f"the updater's {name} stands once in the template", n_changed)
        path = Path(self.options.template).with_name("earlier.yaml")
        path.write_text(earlier)
        return str(path)

    # ------------------------------------------------------------- labeling

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

    def generated(self) -> None:
        """Events that SAM generates, as people try functions with them."""
        source_ref = f"s3://{self.bucket}/images/0.jpg"
        event = self.generate("sagemaker", "ground-truth-pre-human", "--source-ref", source_ref)
        task = self.invoke("PreAnnotationFunctionArn", event)["taskInput"]
        self.expect(task["taskObject"] == source_ref, "sam's pre-annotation event", task)
        event = self.generate("sagemaker", "ground-truth-annotation-consolidation", "--s3-output-path", f"s3://{self.bucket}/labeling-jobs")
        key = event["payload"]["s3Uri"].removeprefix(f"s3://{self.bucket}/")
        self.put(key, (ROOT / "events/annotation-file-single-label.json").read_text())
        answer = self.invoke("ConsolidationFunctionArn", event)
        self.expect(len(answer) == 1, "sam's consolidation event", answer)
        key = "labeling-jobs/generated/manifests/output/output.manifest"
        self.put(key.replace("/output.manifest", "/other.manifest"), "")
        event = self.generate("s3", "put", "--bucket", self.bucket, "--key", key.replace("/output.manifest", "/other.manifest"))
        answer = self.invoke("UpdaterFunctionArn", event)
        self.expect(self.report("labeling-jobs/generated") is None, "sam's S3 event of another file does nothing", answer)

    def generate(self, *command: str) -> dict:
        done = subprocess.run([self.options.sam, "local", "generate-event", *command], capture_output=True, text=True, check=True)
        return json.loads(done.stdout)

    def cargo_lambda(self) -> None:
        """README's commands for those without SAM, on the binary that `sam build` left where cargo-lambda looks for it."""
        name = "my-SageMaker-consolidation"
        role = self.functions.get_function_configuration(FunctionName=self.outputs["ConsolidationFunctionArn"])["Role"]
        (self.work / "consolidation.env").write_text("LABEL_CATEGORIES=Duck,Owl\nWORKER_STATISTICS=false\n")
        self.cargo(
            "lambda", "deploy", "--binary-name", "annotation-consolidation", "--memory", "256", "--timeout", "60",
            "--iam-role", role, "--env-file", str(self.work / "consolidation.env"), name,
        )
        configuration = self.functions.get_function_configuration(FunctionName=name)
        seen = {key: configuration[key] for key in ("MemorySize", "Timeout", "Role")} | configuration["Environment"]["Variables"]
        expected = {"MemorySize": 256, "Timeout": 60, "Role": role, "LABEL_CATEGORIES": "Duck,Owl", "WORKER_STATISTICS": "false"}
        self.expect(seen == expected, "cargo lambda deploy: the function is as README's command says", seen)
        answer = self.cargo("lambda", "invoke", "--remote", name, "--data-file", "events/annotation-consolidation-inline.json")
        label = json.loads(answer)[0]["consolidatedAnnotation"]["content"]["Birds"]
        self.expect(label["metadata"]["class-name"] == "Owl", "cargo lambda invoke --remote: it answers an event of events/", label)
        self.functions.delete_function(FunctionName=name)

    def cargo_lambda_watch(self) -> None:
        """README's way to answer `cargo lambda invoke` on one machine: its Runtime API, and the function inside gtcl."""
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = str(free.getsockname()[1])
        started = [subprocess.Popen(["cargo", "lambda", "watch", "--only-lambda-apis", "--invoke-port", port], stderr=subprocess.DEVNULL)]
        variables = {
            "AWS_LAMBDA_RUNTIME_API": f"http://127.0.0.1:{port}/.rt", "AWS_LAMBDA_FUNCTION_NAME": "_",
            "AWS_LAMBDA_FUNCTION_VERSION": "1", "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "4096",
        }
        try:
            self.wait("cargo lambda watch listens", lambda: is_open(int(port)))
            started.append(subprocess.Popen([self.options.gtcl, "function", "pre-annotation"], env=os.environ | variables, stdout=subprocess.DEVNULL))
            answer = self.cargo("lambda", "invoke", "--invoke-port", port, "--data-file", "events/pre-annotation-adjustment.json")
            boxes = json.loads(answer)["taskInput"]["initialValue"]
            self.expect(len(boxes) == 2, "cargo lambda invoke: the function inside gtcl answers", answer)
        finally:
            for process in started:
                process.kill()
                process.wait()

    def cargo(self, *arguments: str) -> str:
        done = subprocess.run(["cargo", *arguments], env=self.environment, cwd=ROOT, capture_output=True, text=True, check=False)
        self.expect(done.returncode == 0, f"cargo {' '.join(arguments[:2])}", done.stdout + done.stderr)
        return done.stdout

    # ------------------------------------------------------------- the dataset

    def dataset(self) -> None:
        n_lines, n_bad = 12, 2
        lines = [self.manifest_line(index, index % 2) for index in range(n_lines)]
        lines += ["not json", json.dumps({"source-ref": "https://example.com/1.jpg", "birds": 0})]
        self.put("elsewhere/birds-0/manifests/output/output.manifest", "\n".join(lines))
        begin = time.monotonic()
        self.put("labeling-jobs/birds-1/manifests/output/output.manifest", "\n".join(lines) + "\n")
        entries = self.wait(
            f"output.manifest written → {n_lines} entries in the datasets",
            lambda: (found := self.entries(PROJECT_NAME)) and len(found) == n_lines and found,
        )
        print(f"    {time.monotonic() - begin:.1f} s")
        sources = sorted(entry["source-ref"] for entry in entries)
        self.expect(sources == sorted(json.loads(line)["source-ref"] for line in lines[:n_lines]), "each image once", sources)
        datasets = self.rekognition.describe_projects(ProjectNames=[PROJECT_NAME])["ProjectDescriptions"][0]["Datasets"]
        self.expect(len(datasets) == 2, "the project's missing datasets were created", datasets)
        report = self.wait("the report is written", lambda: self.report("labeling-jobs/birds-1"))
        self.expect(report["entries"] == n_lines, "the report counts the entries", report)
        self.expect(report["rejected"] == n_bad, "and the rejected lines", report)
        self.expect(self.report("elsewhere/birds-0") is None, "a manifest outside JobsPrefix does nothing")

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

    def wiring(self) -> None:
        for index in range(3):
            self.put(f"images/{index}.jpg", PNG)
        lines = [json.dumps({"source-ref": f"s3://{self.bucket}/images/{index}.jpg"}) for index in range(3)]
        manifest = self.put("birds.manifest", "\n".join(lines))
        template = self.put("templates/single-label.liquid.html", "<crowd-form>{{ task.input.taskObject | grant_read_access }}</crowd-form>")
        arguments = [
            "job-request", "--stack-outputs", str(self.work / f"{self.name}.json"), "--task-type", "single-label",
            "--job-name", "birds-2", "--manifest", manifest, "--categories", self.categories, "--template", template,
            "--workteam", "arn:aws:sagemaker:us-east-1:111122223333:workteam/private-crowd/birders",
        ]
        answer = self.gtcl(*arguments)
        self.expect(answer.returncode == 0, "gtcl job-request reads the stack's outputs", answer.stderr)
        request = self.work / "request.json"
        request.write_text(answer.stdout)
        preflight = self.preflight(request)
        self.expect(preflight.returncode == 0, "gtcl preflight finds nothing in the way", preflight.stdout + preflight.stderr)
        print(preflight.stdout)
        self.seen_account(preflight.stdout)
        self.printed_commands(self.preflight(request, "--no-aws-cli").stdout)
        self.broken_account(json.loads(answer.stdout))
        self.s3.delete_bucket_cors(Bucket=self.bucket)
        self.s3.delete_object(Bucket=self.bucket, Key="images/1.jpg")
        self.put("birds.manifest", "\n".join([*lines, "{}"]))
        preflight = self.preflight(request)
        self.expect(preflight.returncode == 1, "gtcl preflight finds what was broken", preflight.stdout + preflight.stderr)
        for part in ("CORS", "images/1.jpg can't be read", "line 4 has no source-ref"):
            self.expect(part in preflight.stdout, f"… {part}", preflight.stdout)

    def preflight(self, request: Path, *options: str) -> subprocess.CompletedProcess:
        """With the AWS CLI on the path, through which role, functions and job name are looked up."""
        environment = self.environment | {"PATH": f"{self.options.awscli}:{self.environment['PATH']}"}
        command = [self.options.gtcl, "preflight", str(request), "--task-type", "single-label", *options]
        return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)

    def seen_account(self, findings: str) -> None:
        pre_annotation, consolidation = (self.outputs[name] for name in FUNCTIONS[:2])
        manifest = f"{self.bucket}/birds.manifest"
        for line in (
            r"role +ok .* trusts sagemaker.amazonaws.com",
            rf"role, lambda:InvokeFunction +ok +allowed on {pre_annotation}",
            rf"role, s3:GetObject +ok +allowed on arn:aws:s3:::{manifest}",
            r"role, s3:PutObject +ok +allowed on .*/birds-2/manifests/output/output.manifest",
            rf"function +ok +{pre_annotation.rsplit(':', 1)[1]} is there and active",
            rf"function +ok +{consolidation.rsplit(':', 1)[1]} is there and active",
            r"labels offered +ok ",
            # ministack simulates the first resource of a call only, and has no SageMaker.
            rf"role, lambda:InvokeFunction +not checked: {consolidation}: the answer has no decision",
            r"job name +not checked: whether birds-2 is free: 400",
        ):
            self.expect(re.search(rf"^{line}", findings, flags=re.MULTILINE) is not None, f"preflight: {line}", findings)

    def broken_account(self, request: dict) -> None:
        """What a request names wrong is found in the account."""
        of_function = self.functions.get_function_configuration(FunctionName=self.outputs["UpdaterFunctionArn"])["Role"]
        missing = self.outputs["PreAnnotationFunctionArn"] + "-of-old"
        task = request["HumanTaskConfig"]
        elsewhere = task["WorkteamArn"].replace(":us-east-1:", ":eu-west-1:")
        for changed, parts in (
            ({"RoleArn": of_function}, ("can't be assumed by sagemaker", "implicitDeny; no policy of the role allows lambda:InvokeFunction")),
            ({"RoleArn": f"{request['RoleArn']}-of-old"}, ("there is no role",)),
            ({"HumanTaskConfig": task | {"PreHumanTaskLambdaArn": missing}}, ("there is no function", "implicitDeny")),
            ({"HumanTaskConfig": task | {"WorkteamArn": elsewhere}}, ("there is no function", "share one region")),
        ):
            file = self.work / "broken.json"
            file.write_text(json.dumps(request | changed))
            preflight = self.preflight(file)
            self.expect(preflight.returncode == 1, f"preflight refuses another {', '.join(changed)}", preflight.stdout + preflight.stderr)
            for part in parts:
                self.expect(part in preflight.stdout, f"… {part}", preflight.stdout)

    def printed_commands(self, findings: str) -> None:
        """Runs the AWS CLI commands that preflight prints instead; SageMaker isn't here to be asked."""
        environment = self.environment | {"PATH": f"{self.options.awscli}:{self.environment['PATH']}"}
        commands = re.findall(r"^(.*?) +not checked: (aws (?!sagemaker).*)", findings, flags=re.MULTILINE)
        self.expect(len(commands) == 6, "preflight prints six commands", findings)
        for what, command in commands:
            done = subprocess.run(command, shell=True, env=environment, capture_output=True, text=True, check=False)
            self.expect(done.returncode == 0 and json.loads(done.stdout), f"preflight's command for {what} works", command + done.stderr)

    def run(self) -> None:
        project_arn = self.rekognition.create_project(ProjectName=PROJECT_NAME)["ProjectArn"]
        parameters = [f"ProjectArn={project_arn}", "CreateDatasets=true", "TestFraction=0.5"]
        self.move(parameters)
        self.look_at_stack()
        self.put_right()
        labels = [{"label": label} for label in LABELS]
        self.categories = self.put("categories.json", json.dumps({"document-version": "2018-11-28", "labels": labels}))
        self.deploy(*parameters, f"LabelCategoriesS3Uri={self.categories}")
        self.put_right()
        self.pre_annotation()
        self.consolidation()
        self.generated()
        self.cargo_lambda()
        self.cargo_lambda_watch()
        self.dataset()
        self.dead_letters()
        self.wiring()
        self.delete()


def main() -> None:
    parser = argparse.ArgumentParser()
    for name in ("aws", "rekognition", "sam", "template", "gtcl", "awscli", "work"):
        parser.add_argument(f"--{name}", required=True)
    options = parser.parse_args()
    AsItComes(options, "gt").run()
    variants = Variants(options, "own")
    variants.run()
    Nested(options, "a-stack-with-all-that-the-bird-watchers-have", variants.transformed).run()
    print(f"{Stack.n_checks} checks hold")


if __name__ == "__main__":
    main()
