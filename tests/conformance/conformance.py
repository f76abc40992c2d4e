"""Drives a running `gtcl serve` with boto3 and the AWS CLI through every operation of the embedded Custom Labels
service, and holds every answer against botocore's own model of that service: an authority that we did not write.

Endpoints and credentials come from the environment, as `gtcl serve` prints them. The service must be started with
its calls-a-second limit on: one check provokes it.
"""

import functools
import json
import os
import re
import subprocess
import sys
import time
import uuid

import boto3
import botocore.session
from botocore.config import Config
from botocore.exceptions import ClientError

N_PASSED = 0
FAILURES = []


def check(name, condition, detail=""):
    global N_PASSED
    if condition:
        N_PASSED += 1
    else:
        FAILURES.append(f"{name}: {detail}")
        print(f"FAILED {name}: {detail}", file=sys.stderr)


# A field outside the model's bounds: the service's documentation names the first for MaxResults, its model the second.
VALIDATION = ("ValidationException", "InvalidParameterException")
MODEL = botocore.session.get_session().get_service_model("rekognition")


def shape_faults(value, shape, path):
    """Where `value` departs from the service model's output shape."""
    kind = shape.type_name
    if kind == "structure":
        if not isinstance(value, dict):
            return [f"{path}: not a structure"]
        found = [f"{path}.{name}: required, missing" for name in shape.required_members if name not in value]
        for name, member in value.items():
            if name == "ResponseMetadata":
                continue
            if name not in shape.members:
                found.append(f"{path}.{name}: not in the model")
            else:
                found += shape_faults(member, shape.members[name], f"{path}.{name}")
        return found
    if kind == "list":
        found = bounds_faults(len(value), shape, path, "elements")
        for index, element in enumerate(value):
            found += shape_faults(element, shape.member, f"{path}[{index}]")
        return found
    if kind == "map":
        return [fault for key, element in value.items() for fault in shape_faults(element, shape.value, f"{path}.{key}")]
    if kind == "string":
        if not isinstance(value, str):
            return [f"{path}: {type(value).__name__}, not a string"]
        found = bounds_faults(len(value), shape, path, "characters")
        if shape.enum and value not in shape.enum:
            found.append(f"{path}: {value!r} is not one of {shape.enum}")
        pattern = shape.metadata.get("pattern")
        if pattern and not re.search(pattern, value, re.DOTALL):
            found.append(f"{path}: {value!r} does not match {pattern}")
        return found
    if kind in ("integer", "long"):
        if not isinstance(value, int):
            return [f"{path}: {value!r} is no integer"]
        return bounds_faults(value, shape, path, "")
    if kind == "timestamp":
        return [] if hasattr(value, "tzinfo") else [f"{path}: {value!r} is no timestamp"]
    if kind == "boolean":
        return [] if isinstance(value, bool) else [f"{path}: {value!r} is no boolean"]
    return []


def bounds_faults(number, shape, path, unit):
    low, high = shape.metadata.get("min"), shape.metadata.get("max")
    if low is not None and number < low or high is not None and number > high:
        return [f"{path}: {number} {unit} outside {low}..{high}"]
    return []


def valid(shape, name=""):
    """A value that the model allows; for an ARN or an enumeration, one that the service has no resource for."""
    kind = shape.type_name
    if kind == "structure":
        return {member: valid(shape.members[member], member) for member in shape.required_members}
    if kind == "list":
        return [valid(shape.member) for _ in range(shape.metadata.get("min", 1))]
    if kind == "map":
        return {}
    if kind == "string":
        for arn in ("project/nowhere/1", "project/nowhere/dataset/train/1", "project/nowhere/version/v/1"):
            arn = f"arn:aws:rekognition:us-east-1:123456789012:{arn}"
            if "arn:" in shape.metadata.get("pattern", "") and re.fullmatch(shape.metadata["pattern"], arn):
                return arn
        return shape.enum[0] if shape.enum else "a" * max(shape.metadata.get("min", 1), 3)
    if kind == "blob":
        return b"x"
    return {"boolean": True, "float": 1.0}.get(kind, 1)


def violations(shape):
    """Values just outside what the model allows, each with what it breaks."""
    kind, low, high = shape.type_name, shape.metadata.get("min"), shape.metadata.get("max")
    if kind == "structure":
        for name, member in shape.members.items():
            for value, what in violations(member):
                yield {**valid(shape), name: value}, f"{name}{what}"
        for name in shape.required_members:
            yield {k: v for k, v in valid(shape).items() if k != name}, f"{name} missing"
    elif kind == "list":
        if low:
            yield [valid(shape.member)] * (low - 1), " too short"
        if high:
            yield [valid(shape.member)] * (high + 1), " too long"
        for value, what in violations(shape.member):
            yield [value] + [valid(shape.member)] * ((low or 1) - 1), f"[0]{what}"
    elif kind == "string":
        if low:
            yield "a" * (low - 1), " too short"
        if high:
            yield "a" * (high + 1), " too long"
        if shape.enum:
            yield "NONE_OF_THESE", " not in the enumeration"
        elif shape.metadata.get("pattern") and not re.fullmatch(shape.metadata["pattern"], "\n\n\n" + "\n" * 20, re.DOTALL):
            yield "\n\n\n" + "\n" * 20, " against the pattern"
    elif kind == "blob" and high:
        yield b"x" * (high + 1), " too long"
    elif kind in ("integer", "long", "float"):
        if low is not None:
            yield type(valid(shape))(low - 1), " too small"
        if high is not None:
            yield type(valid(shape))(high + 1), " too large"


OPERATIONS = [
    "CreateProject", "DescribeProjects", "DeleteProject", "CreateDataset", "DescribeDataset", "DeleteDataset",
    "UpdateDatasetEntries", "ListDatasetEntries", "ListDatasetLabels", "DistributeDatasetEntries",
    "CreateProjectVersion", "DescribeProjectVersions", "DeleteProjectVersion", "StartProjectVersion",
    "StopProjectVersion", "DetectCustomLabels",
]
# Fields of features that the embedded service takes and ignores.
IGNORED = ("FeatureConfig", "Tags")


def every_bound():
    """Every bound of every field that the model states, broken once: the service itself has to refuse it."""
    for operation in OPERATIONS:
        method = "".join("_" + c.lower() if c.isupper() else c for c in operation).lstrip("_")
        for request, what in violations(MODEL.operation_model(operation).input_shape):
            if not what.startswith(IGNORED):
                refused(f"{operation}: {what}", VALIDATION, getattr(unchecked, method), **request)


RETRIED = Config(retries={"max_attempts": 10, "mode": "standard"})
client = boto3.client("rekognition", config=RETRIED)
bare = boto3.client("rekognition", config=Config(retries={"total_max_attempts": 1}))
# Sends what the model forbids, so that the service's own validation answers.
unchecked = boto3.client("rekognition", config=RETRIED.merge(Config(parameter_validation=False)))
s3 = boto3.client("s3", config=Config(s3={"addressing_style": "path"}))


def call(operation, **arguments):
    """Calls the operation and holds the answer against the model."""
    method = "".join("_" + c.lower() if c.isupper() else c for c in operation).lstrip("_")
    answer = getattr(client, method)(**arguments)
    faults = shape_faults(answer, MODEL.operation_model(operation).output_shape, operation)
    check(f"{operation} answers in the model's shape", not faults, "; ".join(faults[:5]))
    check(f"{operation} names its request", bool(answer["ResponseMetadata"].get("RequestId")), "no request id")
    return answer


def refused(name, exception, function, **arguments):
    """The call must fail with this modelled exception, or with a code of these."""
    try:
        function(**arguments)
    except ClientError as error:
        code = error.response["Error"]["Code"]
        wanted = exception if isinstance(exception, tuple) else (exception.__name__,)
        check(name, code in wanted, f"{code}, not {wanted}: {error}")
        check(f"{name}: has a message", bool(error.response["Error"].get("Message")), error.response)
        if not isinstance(exception, tuple):
            check(f"{name}: typed", isinstance(error, exception), type(error))
        return
    check(name, False, "succeeded")


def settled(arn):
    for _ in range(600):
        description = call("DescribeDataset", DatasetArn=arn)["DatasetDescription"]
        if not description["Status"].endswith("IN_PROGRESS"):
            return description
        time.sleep(0.1)
    raise SystemExit(f"{arn} did not settle in a minute")


def update(arn, lines):
    call("UpdateDatasetEntries", DatasetArn=arn, Changes={"GroundTruth": "\n".join(lines).encode()})
    # The answer can come before the status changes: wait for this update, not for an earlier one's status.
    time.sleep(0.3)
    return settled(arn)


def listed(arn, **filters):
    entries, token = [], None
    while True:
        page = call("ListDatasetEntries", DatasetArn=arn, **filters, **({"NextToken": token} if token else {}))
        entries += page["DatasetEntries"]
        token = page.get("NextToken")
        if not token:
            return [json.loads(entry) for entry in entries]


def image_line(number, label, kind="groundtruth/image-classification"):
    return json.dumps({
        "source-ref": f"s3://images/birds/{number:04}.png",
        "birds": 1,
        "birds-metadata": {"confidence": 0.9, "class-name": label, "human-annotated": "yes",
                           "creation-date": "2026-01-02T03:04:05.678", "type": kind, "job-name": "labeling-job/birds"},
    })


def box_line(number, boxes, size=(640, 480)):
    return json.dumps({
        "source-ref": f"s3://images/birds/{number:04}.png",
        "boxes": {"image_size": [{"width": size[0], "height": size[1], "depth": 3}],
                  "annotations": [{"class_id": 0, "left": l, "top": t, "width": w, "height": h} for l, t, w, h in boxes]},
        "boxes-metadata": {"objects": [{"confidence": 0.8} for _ in boxes], "class-map": {"0": "Bird"},
                           "human-annotated": "yes", "creation-date": "2026-01-02T03:04:05.678",
                           "type": "groundtruth/object-detection", "job-name": "labeling-job/boxes"},
    })


# The AWS CLI's first version, which PyPI has, and its second one, which Debian has and people use.
CLIS = {1: [os.path.join(os.path.dirname(sys.executable), "aws")],
        2: ["/usr/bin/aws", "--cli-binary-format", "raw-in-base64-out", "--no-cli-pager"]}


def cli(*arguments, version=1, expect=0):
    # Before 2.13 the second version reads no endpoint from the environment.
    service = "S3" if arguments[0].startswith("s3") else arguments[0].upper()
    endpoint = [] if version == 1 else ["--endpoint-url", os.environ[f"AWS_ENDPOINT_URL_{service}"]]
    done = subprocess.run([*CLIS[version], *arguments, *endpoint, "--output", "json"], capture_output=True, text=True, timeout=120)
    check(f"aws {' '.join(arguments[:2])} of version {version} ends with {expect}", done.returncode == expect, done.stderr[-400:])
    return json.loads(done.stdout) if done.returncode == 0 and done.stdout.strip() else done.stderr


def cli_sees(project, name, version=1):
    found = cli("rekognition", "describe-projects", "--project-names", name, version=version)
    return [described["ProjectArn"] for described in found["ProjectDescriptions"]] == [project]


def through_the_cli(name, bucket, version):
    """Every operation once more, as a person types it."""
    aws = functools.partial(cli, version=version)
    name = f"{name}-cli-{version}"
    project = aws("rekognition", "create-project", "--project-name", name)["ProjectArn"]
    check("the CLI's project is there", cli_sees(project, name, version), project)
    train = aws("rekognition", "create-dataset", "--project-arn", project, "--dataset-type", "TRAIN", "--dataset-source",
                json.dumps({"GroundTruthManifest": {"S3Object": {"Bucket": bucket, "Name": "test.manifest"}}}))["DatasetArn"]
    test = aws("rekognition", "create-dataset", "--project-arn", project, "--dataset-type", "TEST")["DatasetArn"]
    settled(train)
    settled(test)
    lines = [image_line(n, "Owl" if n % 2 else "Duck") for n in range(700, 820)]
    aws("rekognition", "update-dataset-entries", "--dataset-arn", train, "--changes",
        json.dumps({"GroundTruth": "\n".join(lines)}))
    time.sleep(0.3)
    settled(train)
    described = aws("rekognition", "describe-dataset", "--dataset-arn", train)["DatasetDescription"]
    check("the CLI's update landed", described["DatasetStats"]["TotalEntries"] == 140, described)

    def listed_by_cli(*filters):
        return aws("rekognition", "list-dataset-entries", "--dataset-arn", train, *filters)["DatasetEntries"]

    check("the CLI pages by itself", len(listed_by_cli()) == 140, "")
    check("the CLI stops where told", len(listed_by_cli("--max-items", "30", "--page-size", "20")) == 30, "")
    check("the CLI filters by label", len(listed_by_cli("--contains-labels", "Duck")) == 60, "")
    check("the CLI filters by source-ref", len(listed_by_cli("--source-ref-contains", "/081")) == 10, "")
    check("the CLI filters by state", listed_by_cli("--no-labeled") == [] and listed_by_cli("--has-errors") == [], "")
    labels = aws("rekognition", "list-dataset-labels", "--dataset-arn", train)["DatasetLabelDescriptions"]
    check("the CLI lists labels", {label["LabelName"] for label in labels} == {"Duck", "Owl"}, labels)
    aws("rekognition", "distribute-dataset-entries", "--datasets", f"Arn={train}", f"Arn={test}")
    time.sleep(0.3)
    check("the CLI distributes", settled(train)["DatasetStats"]["TotalEntries"] + settled(test)["DatasetStats"]["TotalEntries"] == 140, "")
    for arn in (train, test):
        aws("rekognition", "delete-dataset", "--dataset-arn", arn)
    time.sleep(1.5)
    missing = aws("rekognition", "describe-dataset", "--dataset-arn", train, expect={1: 255, 2: 254}[version])
    check("the CLI names the error", "ResourceNotFoundException" in str(missing), missing)
    check("the CLI deletes", aws("rekognition", "delete-project", "--project-arn", project)["Status"] == "DELETING", project)


def main():
    exceptions = client.exceptions
    name = f"conformance-{uuid.uuid4().hex[:8]}"

    # Projects.
    project = call("CreateProject", ProjectName=name)["ProjectArn"]
    refused("the same project twice", exceptions.ResourceInUseException, client.create_project, ProjectName=name)
    refused("a project name outside the pattern", VALIDATION, unchecked.create_project, ProjectName="no spaces here")
    described = call("DescribeProjects", ProjectNames=[name])["ProjectDescriptions"]
    check("DescribeProjects finds it", [p["ProjectArn"] for p in described] == [project], described)
    check("the project is created", described[0]["Status"] == "CREATED", described)
    pages, token = [], None
    for other in range(3):
        call("CreateProject", ProjectName=f"{name}-{other}")
    while True:
        page = call("DescribeProjects", MaxResults=1, **({"NextToken": token} if token else {}))
        pages.append([p["ProjectArn"] for p in page["ProjectDescriptions"]])
        token = page.get("NextToken")
        if not token:
            break
    check("DescribeProjects pages by one", all(len(page) <= 1 for page in pages) and sum(map(len, pages)) >= 4, pages)

    # Datasets.
    refused("a dataset of no project", exceptions.ResourceNotFoundException, client.create_dataset,
            ProjectArn=project.replace(name, "nowhere"), DatasetType="TRAIN")
    train = call("CreateDataset", ProjectArn=project, DatasetType="TRAIN")["DatasetArn"]
    check("the ARN names the kind", "/dataset/train/" in train, train)
    refused("a second train dataset", exceptions.ResourceAlreadyExistsException, client.create_dataset,
            ProjectArn=project, DatasetType="TRAIN")
    description = settled(train)
    check("an empty dataset", description["Status"] == "CREATE_COMPLETE" and description["DatasetStats"]["TotalEntries"] == 0, description)

    # Entries.
    lines = [image_line(n, "Owl" if n % 2 else "Duck") for n in range(250)]
    description = update(train, lines)
    check("the update completes", description["Status"] == "UPDATE_COMPLETE", description)
    check("its code says success", description.get("StatusMessageCode") == "SUCCESS", description)
    stats = description["DatasetStats"]
    check("stats", stats == {"LabeledEntries": 250, "TotalEntries": 250, "TotalLabels": 2, "ErrorEntries": 0}, stats)
    description = update(train, [image_line(0, "Swan"), image_line(250, "Swan")])
    check("the same source-ref replaces, a new one adds", description["DatasetStats"]["TotalEntries"] == 251, description)
    entries = listed(train)
    check("every entry is listed, by default 100 a page", len(entries) == 251, len(entries))
    check("no entry is listed twice", len({e["source-ref"] for e in entries}) == 251, "")
    check("entries say that they are labeled", all(e["cl-metadata"]["is_labeled"] is True for e in entries), entries[0])
    check("a page of 7", len(call("ListDatasetEntries", DatasetArn=train, MaxResults=7)["DatasetEntries"]) == 7, "")
    check("by label", len(listed(train, ContainsLabels=["Swan"])) == 2, "")
    check("by any of two labels", len(listed(train, ContainsLabels=["Swan", "Owl"])) == 127, len(listed(train, ContainsLabels=["Swan", "Owl"])))
    check("by part of the source-ref", len(listed(train, SourceRefContains="/000")) == 10, "")
    check("unlabeled: none", listed(train, Labeled=False) == [], "")
    check("with errors: none", listed(train, HasErrors=True) == [], "")
    refused("a page of 101", VALIDATION, unchecked.list_dataset_entries, DatasetArn=train, MaxResults=101)
    refused("a token of nobody", exceptions.InvalidPaginationTokenException, client.list_dataset_entries, DatasetArn=train, NextToken="nonsense")
    labels = call("ListDatasetLabels", DatasetArn=train)["DatasetLabelDescriptions"]
    check("labels with counts", {l["LabelName"]: l["LabelStats"]["EntryCount"] for l in labels} == {"Duck": 124, "Owl": 125, "Swan": 2}, labels)
    check("labels by one", len(call("ListDatasetLabels", DatasetArn=train, MaxResults=1)["DatasetLabelDescriptions"]) == 1, "")

    # Content errors: five kinds are dropped without a trace, the others are kept and shown.
    before = description["DatasetStats"]["TotalEntries"]
    dropped = [
        '{"no-source-ref": 1}',
        json.dumps({**json.loads(image_line(900, "Owl")), "source-ref": "https://images/900.png"}),
        "{not json",
        json.dumps({**json.loads(image_line(901, "Owl")), "padding": "x" * 100_000}),
    ]
    good = [image_line(n, "Owl") for n in range(300, 340)]
    description = update(train, good + dropped)
    check("terminal content errors are dropped, the update completes", description["Status"] == "UPDATE_COMPLETE", description)
    check("only good lines were added", description["DatasetStats"]["TotalEntries"] == before + 40, description["DatasetStats"])
    check("no error is shown for the dropped ones", description["DatasetStats"]["ErrorEntries"] == 0, description["DatasetStats"])
    description = update(train, [image_line(400, "Owl", "groundtruth/image-classification-multilabel"),
                                 box_line(401, [(0, 0, 700, 10)]), box_line(402, [(1, 1, 20, 20)]), box_line(403, [])])
    check("non-terminal errors are counted", description["DatasetStats"]["ErrorEntries"] == 2, description["DatasetStats"])
    wrong = listed(train, HasErrors=True)
    codes = sorted(code for entry in wrong for code in re.findall(r'"code": "(ERROR_\w+)"', json.dumps(entry)))
    check("their codes are attached", {"ERROR_UNSUPPORTED_USE_CASE_TYPE", "ERROR_INVALID_BOUNDING_BOX"} <= set(codes), codes)
    check("a box is counted for its label", any(l["LabelName"] == "Bird" and l["LabelStats"]["BoundingBoxCount"] >= 1
          for l in call("ListDatasetLabels", DatasetArn=train)["DatasetLabelDescriptions"]), "")
    check("no box: unlabeled", "s3://images/birds/0403.png" in [e["source-ref"] for e in listed(train, Labeled=False)], "")

    # Limits of a call.
    line = image_line(500, "Owl").encode()
    blob = (line + b"\n") * (5_242_880 // (len(line) + 1) + 1)
    refused("one byte over the blob's limit", VALIDATION, unchecked.update_dataset_entries,
            DatasetArn=train, Changes={"GroundTruth": (blob + b" " * 5_242_881)[:5_242_881]})
    refused("an empty blob", VALIDATION, unchecked.update_dataset_entries, DatasetArn=train, Changes={"GroundTruth": b""})
    refused("an ARN outside the pattern", VALIDATION, unchecked.describe_dataset, DatasetArn="arn:aws:rekognition:us-east-1:1:nothing-at-all")
    refused("a dataset that isn't there", exceptions.ResourceNotFoundException, client.describe_dataset,
            DatasetArn=re.sub(r"\d+$", "1", train))
    client.update_dataset_entries(DatasetArn=train, Changes={"GroundTruth": image_line(0, "Swan").encode()})
    refused("an update while one is under way", exceptions.ResourceInUseException, bare.update_dataset_entries,
            DatasetArn=train, Changes={"GroundTruth": image_line(1, "Swan").encode()})
    time.sleep(0.3)
    settled(train)

    # A dataset from a manifest, one from a dataset, distribution.
    bucket = f"{name}-manifests"
    s3.create_bucket(Bucket=bucket)
    s3.put_object(Bucket=bucket, Key="test.manifest", Body="\n".join(image_line(n, "Owl") for n in range(600, 620)).encode())
    source = {"GroundTruthManifest": {"S3Object": {"Bucket": bucket, "Name": "test.manifest"}}}
    test = call("CreateDataset", ProjectArn=project, DatasetType="TEST", DatasetSource=source)["DatasetArn"]
    check("a dataset from a manifest", settled(test)["DatasetStats"]["TotalEntries"] == 20, test)
    call("DeleteDataset", DatasetArn=test)
    for _ in range(100):
        try:
            client.describe_dataset(DatasetArn=test)
            time.sleep(0.1)
        except exceptions.ResourceNotFoundException:
            break
    refused("a deleted dataset", exceptions.ResourceNotFoundException, client.describe_dataset, DatasetArn=test)
    refused("a manifest that isn't there", exceptions.InvalidS3ObjectException, client.create_dataset, ProjectArn=project, DatasetType="TEST",
            DatasetSource={"GroundTruthManifest": {"S3Object": {"Bucket": bucket, "Name": "missing.manifest"}}})
    refused("two sources", exceptions.InvalidParameterException, client.create_dataset, ProjectArn=project, DatasetType="TEST",
            DatasetSource={**source, "DatasetArn": train})
    n_train = settled(train)["DatasetStats"]["TotalEntries"]
    test = call("CreateDataset", ProjectArn=project, DatasetType="TEST")["DatasetArn"]
    settled(test)
    call("DistributeDatasetEntries", Datasets=[{"Arn": train}, {"Arn": test}])
    time.sleep(0.3)
    n_moved, n_left = settled(test)["DatasetStats"]["TotalEntries"], settled(train)["DatasetStats"]["TotalEntries"]
    check("a fifth is moved, none is lost", n_moved + n_left == n_train and 0.1 < n_moved / n_train < 0.3, (n_moved, n_left, n_train))
    refused("a test dataset that isn't empty", exceptions.InvalidParameterException, client.distribute_dataset_entries,
            Datasets=[{"Arn": train}, {"Arn": test}])
    other = call("CreateDataset", ProjectArn=call("DescribeProjects", ProjectNames=[f"{name}-0"])["ProjectDescriptions"][0]["ProjectArn"],
                 DatasetType="TRAIN", DatasetSource={"DatasetArn": train})["DatasetArn"]
    check("a dataset from a dataset", settled(other)["DatasetStats"]["TotalEntries"] == n_left, other)
    described = call("DescribeProjects", ProjectNames=[name])["ProjectDescriptions"][0]
    check("a project names its datasets", {d["DatasetType"] for d in described["Datasets"]} == {"TRAIN", "TEST"}, described)

    # Five calls a second an operation.
    codes = set()
    for _ in range(30):
        try:
            bare.list_dataset_labels(DatasetArn=train)
        except ClientError as error:
            codes.add(error.response["Error"]["Code"])
    check("more than five calls a second are throttled", codes and codes <= {"ThrottlingException", "ProvisionedThroughputExceededException"}, codes)

    check("the CLI sees the project", cli_sees(project, name), name)
    for version in CLIS:
        through_the_cli(name, bucket, version)

    versions(project, train, test)
    every_bound()

    # What a project needs to go.
    refused("an operation of another service", ("UnknownOperationException",), unknown_operation)
    for arn in (train, test, other):
        call("DeleteDataset", DatasetArn=arn)
    time.sleep(1.5)
    for suffix in ("", "-0", "-1", "-2"):
        arn = call("DescribeProjects", ProjectNames=[name + suffix])["ProjectDescriptions"][0]["ProjectArn"]
        check("DeleteProject", call("DeleteProject", ProjectArn=arn)["Status"] == "DELETING", arn)
    time.sleep(1.0)
    check("no project is left", call("DescribeProjects", ProjectNames=[name])["ProjectDescriptions"] == [], "")

    print(f"{N_PASSED} passed, {len(FAILURES)} failed")
    return 1 if FAILURES else 0


def versions(project, train, test):
    """Model versions: trained, run, asked, stopped, deleted."""
    exceptions = client.exceptions
    output = {"S3Bucket": "models", "S3KeyPrefix": "out/"}
    for arn in (train, test):
        update(arn, [image_line(n, "Owl" if n % 2 else "Duck") for n in range(8)])

    def described(name):
        found = call("DescribeProjectVersions", ProjectArn=project, VersionNames=[name])["ProjectVersionDescriptions"]
        return found[0] if found else {"Status": "gone"}

    def become(name, status):
        for _ in range(100):
            found = described(name)
            if found["Status"] == status:
                break
            time.sleep(0.1)
        check(f"{name} becomes {status}", found["Status"] == status, found)
        return found

    first = call("CreateProjectVersion", ProjectArn=project, VersionName="v1", OutputConfig=output)["ProjectVersionArn"]
    refused("a version twice", exceptions.ResourceInUseException, client.create_project_version,
            ProjectArn=project, VersionName="v1", OutputConfig=output)
    refused("a version that is not trained yet", exceptions.ResourceInUseException, client.start_project_version,
            ProjectVersionArn=first, MinInferenceUnits=1)
    become("v1", "TRAINING_COMPLETED")
    client.get_waiter("project_version_training_completed").wait(ProjectArn=project, VersionNames=["v1"])
    asked = {"ProjectVersionArn": first, "Image": {"S3Object": {"Bucket": "images", "Name": "birds/0003.png"}}}
    refused("a model that doesn't run", exceptions.ResourceNotReadyException, client.detect_custom_labels, **asked)
    call("StartProjectVersion", ProjectVersionArn=first, MinInferenceUnits=1)
    become("v1", "RUNNING")
    found = call("DetectCustomLabels", **asked)["CustomLabels"]
    check("the image's label is found", [(l["Name"], l["Confidence"]) for l in found] == [("Owl", 90.0)], found)
    check("not below the confidence", call("DetectCustomLabels", **asked, MinConfidence=90.5)["CustomLabels"] == [], "")
    refused("bytes that are no image", exceptions.InvalidImageFormatException, client.detect_custom_labels,
            ProjectVersionArn=first, Image={"Bytes": b"x"})
    refused("a project with models", exceptions.ResourceInUseException, client.delete_project, ProjectArn=project)
    refused("deleting a running model", exceptions.ResourceInUseException, client.delete_project_version, ProjectVersionArn=first)
    call("StopProjectVersion", ProjectVersionArn=first)
    become("v1", "STOPPED")
    cli("rekognition", "delete-project-version", "--project-version-arn", first)
    become("v1", "gone")
    refused("a version of no project", exceptions.ResourceNotFoundException, client.describe_project_versions,
            ProjectArn=re.sub(r"\d+$", "1", project))


def unknown_operation():
    client.detect_faces(Image={"Bytes": b"x"})


if __name__ == "__main__":
    sys.exit(main())
