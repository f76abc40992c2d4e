"""The payloads in events/ against those that `sam local generate-event` prints: same keys, but for what is named here.

usage: check.py SAM
"""

import json
import subprocess
import sys
from pathlib import Path

EVENTS = Path(__file__).resolve().parents[2] / "events"

# Our file, what generates its like, and the keys that only ours has, with the reason.
PAIRS = [
    ("pre-annotation-image.json", ["sagemaker", "ground-truth-pre-human"], {}),
    (
        "annotation-consolidation-stored.json",
        ["sagemaker", "ground-truth-annotation-consolidation"],
        {
            "outputConfig": "in events of real jobs",
            "maxHumanWorkersPerDataObject": "in events of real jobs since 2021",
            "vpcEnabled": "in events of real jobs since 2021",
        },
    ),
    ("dataset-updater-s3.json", ["s3", "put"], {}),
    ("dataset-updater-sqs.json", ["sqs", "receive-message"], {}),
    (
        # The only EventBridge event there is to generate; its detail is that of another source.
        "dataset-updater-eventbridge.json",
        ["cloudwatch", "scheduled-event"],
        {"version": "EventBridge user guide, event structure", "detail": "S3 user guide, EventBridge event message structure"},
    ),
]
# Source: S3 user guide, "EventBridge event message structure", Object Created.
S3_DETAIL = {
    "version", "bucket", "bucket.name", "object", "object.key", "object.size", "object.etag", "object.version-id",
    "object.sequencer", "request-id", "requester", "source-ip-address", "reason",
}


def keys(value: object, place: str = "") -> set[str]:
    """Paths of all keys; elements of a list count as one."""
    if isinstance(value, list):
        return set().union(*(keys(element, place) for element in value), set())
    if not isinstance(value, dict):
        return set()
    found = set()
    for key, inner in value.items():
        path = f"{place}.{key}" if place else key
        found |= {path} | keys(inner, path)
    return found


def main() -> None:
    sam, failures = sys.argv[1], []
    for name, command, only_ours in PAIRS:
        printed = subprocess.run([sam, "local", "generate-event", *command], capture_output=True, text=True, check=True).stdout
        generated, ours = keys(json.loads(printed)), keys(json.loads((EVENTS / name).read_text()))
        beyond = {key for key in ours - generated if not any(key == it or key.startswith(f"{it}.") for it in only_ours)}
        for key in sorted(generated - ours):
            failures.append(f"events/{name} has no {key}; sam local generate-event {' '.join(command)} prints it")
        for key in sorted(beyond):
            failures.append(f"events/{name} has {key}, which sam doesn't print: say in {Path(__file__).name} where it is from")
        for key in sorted(only_ours.keys() - ours):
            failures.append(f"events/{name} has no {key}, which {Path(__file__).name} explains")
        print(f"{name:40} {len(ours)} keys, as sam local generate-event {' '.join(command)}")
    bridge = json.loads((EVENTS / "dataset-updater-eventbridge.json").read_text())
    if keys(bridge["detail"]) != S3_DETAIL:
        failures.append(f"events/dataset-updater-eventbridge.json: detail differs by {keys(bridge['detail']) ^ S3_DETAIL}")
    bodies = [json.loads(record["body"]) for record in json.loads((EVENTS / "dataset-updater-sqs.json").read_text())["Records"]]
    for name in ("s3", "eventbridge", "s3-test"):
        if json.loads((EVENTS / f"dataset-updater-{name}.json").read_text()) not in bodies:
            failures.append(f"events/dataset-updater-sqs.json does not hold what events/dataset-updater-{name}.json is")
    for failure in failures:
        print(failure, file=sys.stderr)
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
