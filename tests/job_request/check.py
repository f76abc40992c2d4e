"""Holds `gtcl job-request` against botocore's own model of CreateLabelingJob.

1. For every task type the printed request passes botocore's validation, and every pattern, length, range and
   enumeration of the model (botocore itself checks types, required fields and minimum lengths only).
2. For values at and around each limit: whatever gtcl prints, the model accepts; whatever the model refuses, gtcl
   refuses. gtcl may refuse more: Ground Truth documents constraints that the model doesn't have.

usage: check.py path/to/gtcl
"""

import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from botocore.loaders import Loader
from botocore.model import ServiceModel
from botocore.validate import ParamValidator

GTCL = Path(sys.argv[1]).resolve()
REGION, ACCOUNT = "eu-central-1", "111122223333"
FUNCTION = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:gt-SageMaker-"
OUTPUTS = {
    "PreAnnotationFunctionArn": FUNCTION + "pre-annotation",
    "ConsolidationFunctionArn": FUNCTION + "consolidation",
    "LabelingJobRoleArn": f"arn:aws:iam::{ACCOUNT}:role/gt-LabelingJobRole-1ABC",
    "Bucket": "gt-jobs",
    "JobsPath": "s3://gt-jobs/labeling-jobs/",
}
KEY = f"arn:aws:kms:{REGION}:{ACCOUNT}:key/1a2b3c4d-1a2b-1a2b-1a2b-1a2b3c4d5e6f"
BASE = {
    "--task-type": "bounding-box",
    "--job-name": "birds-1",
    "--manifest": "s3://gt-jobs/birds.manifest",
    "--categories": "s3://gt-jobs/categories.json",
    "--workteam": f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:workteam/private-crowd/birders",
}
SHAPE = (
    ServiceModel(Loader().load_service_model("sagemaker", "service-2"), "sagemaker")
    .operation_model("CreateLabelingJob")
    .input_shape
)


def fits_pattern(pattern: str, value: str) -> bool:
    """Whether a value matches, the model's Java classes put into Python's words."""
    for java, python in ((r"\p{L}", r"^\W\d_"), (r"\p{Z}", r"\s"), (r"\p{N}", r"\d")):
        if java == r"\p{L}":
            pattern = pattern.replace(r"[\p{L}\p{Z}\p{N}_.:/=+\-@]", r"[\w\s.:/=+\-@]")
        pattern = pattern.replace(java, python)
    return re.fullmatch(pattern, value) is not None


def refusals(shape, value, path=""):
    """What the model says against a value, beyond what botocore itself looks at."""
    limits = shape.metadata
    if shape.type_name == "structure":
        for name, member in value.items():
            yield from refusals(shape.members[name], member, f"{path}.{name}")
        return
    if shape.type_name == "list":
        size = len(value)
        for index, member in enumerate(value):
            yield from refusals(shape.member, member, f"{path}[{index}]")
    elif shape.type_name == "string":
        size = len(value)
        if "pattern" in limits and not fits_pattern(limits["pattern"], value):
            yield f"{path}: {value!r:.80} does not match {limits['pattern']}"
        if limits.get("enum") and value not in limits["enum"]:
            yield f"{path}: {value!r:.80} is none of {limits['enum']}"
    else:
        size = value
    if "min" in limits and size < limits["min"] or "max" in limits and size > limits["max"]:
        yield f"{path}: {size} is not from {limits.get('min')} to {limits.get('max')}"


def model_refuses(request) -> list[str]:
    report = ParamValidator().validate(request, SHAPE)
    found = [report.generate_report()] if report.has_errors() else []
    return found or list(refusals(SHAPE, request))


def job_request(outputs: Path, options: dict) -> subprocess.CompletedProcess:
    arguments = [str(GTCL), "job-request", "--stack-outputs", str(outputs)]
    for name, values in options.items():
        for value in values if isinstance(values, list) else [values]:
            arguments.append(name if value is True else f"{name}={value}")
    return subprocess.run(arguments, capture_output=True, text=True, check=False)


def variations():
    """Option, value, and where in the request the value belongs (to see what the model says of it)."""
    task = ("HumanTaskConfig",)
    for n in (1, 62, 63, 64):
        yield "--job-name", "a" * n, ("LabelingJobName",)
    for bad in ("-a", "a-", "a_b", "a.b", "a b", "é", "a--b"):
        yield "--job-name", bad, ("LabelingJobName",)
        yield "--label-attribute", bad, ("LabelAttributeName",)
    for n in (1, 126, 127, 128):
        yield "--label-attribute", "a" * n, ("LabelAttributeName",)
    for good in ("", "x", "https://b/k", "s3:/b/k", "s3://bucket/" + "k" * 1012, "s3://bucket/" + "k" * 1013):
        yield "--manifest", good, ("InputConfig", "DataSource", "S3DataSource", "ManifestS3Uri")
        yield "--categories", good, ("LabelCategoryConfigS3Uri",)
        yield "--template", good, (*task, "UiConfig", "UiTemplateS3Uri")
    workteam = BASE["--workteam"]
    for arn in ("x", workteam[:-7] + "w" * 190, workteam[:-7] + "w" * 191, workteam.replace("1111", "111"), workteam.replace("workteam", "team")):
        yield "--workteam", arn, (*task, "WorkteamArn")
    for n in (0, 1, 9, 10):
        yield "--workers", n, (*task, "NumberOfHumanWorkersPerDataObject")
    for n in (1, 127, 128, 129):
        yield "--title", "ü" * n, (*task, "TaskTitle")
    for bad in ("", "bird \U0001f426", "bell \x07", "tab\tfine"):
        yield "--title", bad, (*task, "TaskTitle")
    for n in (1, 254, 255, 256):
        yield "--description", "ü" * n, (*task, "TaskDescription")
    for bad in ("", "one\ntwo", "one\rtwo"):
        yield "--description", bad, (*task, "TaskDescription")
    for words in (["a"] * 5, ["a"] * 6, ["a" * 30], ["a" * 31], [""], ["a  b"], ["a-b"], ["ä"], ["a b c"]):
        yield "--keyword", words, (*task, "TaskKeywords")
    for n in (29, 30, 28800):
        yield "--task-time-limit", n, (*task, "TaskTimeLimitInSeconds")
    for n in (59, 60, 2592000):
        yield "--task-lifetime", n, (*task, "TaskAvailabilityLifetimeInSeconds")
    for n in (0, 1, 5000, 5001):
        yield "--max-concurrent-tasks", n, (*task, "MaxConcurrentTaskCount")
    for n in (0, 1, 10**6):
        yield "--max-objects", n, ("StoppingConditions", "MaxHumanLabeledObjectCount")
    for n in (0, 1, 100, 101):
        yield "--max-percent", n, ("StoppingConditions", "MaxPercentageOfInputDatasetLabeled")
    for key, value in (("k" * 128, ""), ("k" * 129, ""), ("k", "v" * 256), ("k", "v" * 257), ("", "v"), ("k#", ""), ("k", "*"), ("ö k", "é")):
        yield "--tag", [f"{key}={value}"], ("Tags", [{"Key": key, "Value": value}])


def placed(request: dict, path: tuple, value) -> dict:
    changed = json.loads(json.dumps(request))
    if path[0] == "Tags":
        changed["Tags"] = path[1]
        return changed
    place = changed
    for name in path[:-1]:
        place = place.setdefault(name, {})
    place[path[-1]] = value
    return changed


def main() -> None:
    failures = []
    with tempfile.TemporaryDirectory() as folder:
        plain, with_key = Path(folder, "plain.json"), Path(folder, "key.json")
        plain.write_text(json.dumps(OUTPUTS))
        pairs = (OUTPUTS | {"KmsKeyArn": KEY}).items()
        stack = {"Stacks": [{"StackName": "gt", "Outputs": [{"OutputKey": k, "OutputValue": v} for k, v in pairs]}]}
        with_key.write_text(json.dumps(stack))

        full = {
            "--label-attribute": "birds", "--workers": 5, "--title": "Birds", "--description": "Find the birds.",
            "--keyword": ["birds", "photo 2"], "--task-time-limit": 60, "--task-lifetime": 3600,
            "--max-concurrent-tasks": 100, "--max-objects": 10, "--max-percent": 50, "--price-usd": "0.036", "--mechanical-turk": True,
            "--tag": ["team=birds", "empty="], "--output": "s3://gt-jobs/labeling-jobs/2026/",
            "--template": "s3://gt-jobs/templates/mine.html",
        }
        n_requests = 0
        for task_type in ("single-label", "multi-label", "bounding-box"):
            for outputs in (plain, with_key):
                for more in ({}, full):
                    answer = job_request(outputs, BASE | {"--task-type": task_type} | more)
                    n_requests += 1
                    if answer.returncode != 0:
                        failures.append(f"{task_type}: refused: {answer.stderr}")
                        continue
                    found = model_refuses(json.loads(answer.stdout))
                    failures += [f"{task_type}: {reason}" for reason in found]

        public = f"arn:aws:sagemaker:{REGION}:394669845002:workteam/public-crowd/default"
        for option, value in (("--workteam", public), ("--price-usd", "0.036")):
            for insists in ({}, {"--mechanical-turk": True}):
                answer = job_request(plain, BASE | {option: value} | insists)
                if (answer.returncode == 0) != bool(insists):
                    failures.append(f"{option}={value} {insists}: exit code {answer.returncode}: {answer.stderr}")
        base_request = json.loads(job_request(plain, BASE).stdout)
        n_printed = n_refused = n_stricter = 0
        for option, value, path in variations():
            answer = job_request(plain, BASE | {option: value})
            by_model = model_refuses(placed(base_request, path, value))
            if answer.returncode == 0:
                n_printed += 1
                printed = model_refuses(json.loads(answer.stdout))
                failures += [f"{option}={value!r:.60}: printed, but {reason}" for reason in printed + by_model]
            elif answer.returncode in (1, 2):
                n_refused += 1
                n_stricter += not by_model
                if answer.stdout:
                    failures.append(f"{option}={value!r:.60}: refused, yet something was printed")
            else:
                failures.append(f"{option}={value!r:.60}: exit code {answer.returncode}: {answer.stderr}")

    for failure in failures:
        print(failure, file=sys.stderr)
    print(
        f"{n_requests} requests of 3 task types pass botocore's model; of {n_printed + n_refused} values around the "
        f"limits {n_printed} were printed and {n_refused} refused ({n_stricter} by rules that the model lacks)"
    )
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
