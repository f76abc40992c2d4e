"""The functions as they ship, for arm64 and for x86_64, on the same events and against embedded services of their own: what they
answer and what they write has to be the same, byte for byte.

usage: check.py X86_64_FOLDER ARM64_FOLDER GTCL WORK_FOLDER [EMULATOR ARGUMENT…]
where each of the first two has PACKAGE/bootstrap, and the emulator runs the second one's.
"""

import json
import os
import re
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import boto3

ROOT = Path(__file__).resolve().parents[2]
WAIT_S = 120


class Runtime:
    """Lambda's Runtime API for one process: gives it events, one after the other, and keeps what it answers."""

    def __init__(self, events: list[bytes]):
        self.events, self.answers, self.begin, self.first_next_s = events, [], time.monotonic(), None
        self.is_done = threading.Event()
        runtime = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                runtime.first_next_s = runtime.first_next_s or time.monotonic() - runtime.begin
                number = len(runtime.answers)
                if number == len(runtime.events):
                    runtime.is_done.set()
                    threading.Event().wait(WAIT_S)
                    return
                deadline_ms = int((time.time() + WAIT_S) * 1000)
                arn = "arn:aws:lambda:us-east-1:111122223333:function:tests"
                self.answer(200, runtime.events[number], {
                    "Lambda-Runtime-Aws-Request-Id": f"00000000-0000-4000-8000-{number:012}",
                    "Lambda-Runtime-Deadline-Ms": str(deadline_ms), "Lambda-Runtime-Invoked-Function-Arn": arn,
                })

            def do_POST(self) -> None:
                kind = self.path.rsplit("/", 1)[1]
                runtime.answers.append((kind, self.rfile.read(int(self.headers["Content-Length"]))))
                self.answer(202, b"", {})

            def answer(self, status: int, body: bytes, headers: dict[str, str]) -> None:
                self.send_response(status)
                for name, value in (headers | {"Content-Length": str(len(body))}).items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def run(self, command: list[str], variables: dict[str, str]) -> list[tuple[str, bytes]]:
        variables = variables | {
            "AWS_LAMBDA_RUNTIME_API": f"127.0.0.1:{self.server.server_port}", "AWS_LAMBDA_FUNCTION_NAME": "tests",
            "AWS_LAMBDA_FUNCTION_VERSION": "1", "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "512", "LABEL_CATEGORIES": "Duck,Owl",
        }
        process = subprocess.Popen(command, env=os.environ | variables, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        logs: list[bytes] = []
        reader = threading.Thread(target=lambda: logs.extend(process.stdout), daemon=True)
        reader.start()
        finished = self.is_done.wait(WAIT_S)
        process.kill()
        process.wait()
        self.server.shutdown()
        if not finished:
            sys.exit(f"{' '.join(command)} answered {len(self.answers)} of {len(self.events)} events: {b''.join(logs).decode()}")
        return self.answers


class Side:
    """One architecture, with services of its own."""

    def __init__(self, folder: str, emulator: list[str], gtcl: str, state: Path):
        self.folder, self.emulator = Path(folder), emulator
        self.log = state.with_suffix(".log")
        with self.log.open("w") as log:
            self.serve = subprocess.Popen([gtcl, "serve", "--dir", str(state)], stdout=log, stderr=log)
        while "AWS_SECRET_ACCESS_KEY=" not in self.log.read_text():
            if self.serve.poll() is not None:
                sys.exit(self.log.read_text())
            time.sleep(0.1)
        exported = re.findall(r'^export (\w+)="?([^"\n]*)"?$', self.log.read_text(), flags=re.MULTILINE)
        self.variables = {name: value.strip("'") for name, value in exported}
        keys = {"aws_access_key_id": self.variables["AWS_ACCESS_KEY_ID"], "aws_secret_access_key": self.variables["AWS_SECRET_ACCESS_KEY"]}
        client = lambda name: boto3.client(  # noqa: E731
            name, endpoint_url=self.variables[f"AWS_ENDPOINT_URL_{name.upper()}"], region_name="us-east-1", **keys
        )
        self.s3, self.rekognition = client("s3"), client("rekognition")

    def call(self, package: str, events: list[bytes], **variables: str) -> list[tuple[str, bytes]]:
        runtime = Runtime(events)
        command = [*self.emulator, str(self.folder / package / "bootstrap")]
        answers = runtime.run(command, self.variables | variables)
        print(f"    {package} {'emulated' if self.emulator else 'native'}: first /next after {runtime.first_next_s * 1000:.0f} ms")
        return answers

    def all(self) -> dict[str, object]:
        """What each function answers, and what the dataset-updater wrote."""
        found: dict[str, object] = {}
        names = ["image", "adjustment", "text", "no-data-object"]
        found["pre-annotation"] = self.call("pre-annotation", [event(f"pre-annotation-{name}") for name in names])
        self.s3.create_bucket(Bucket="arm64")
        stored = json.loads(event("annotation-consolidation-stored"))
        answers = (ROOT / "events/annotation-file-single-label.json").read_bytes()
        self.s3.put_object(Bucket="arm64", Key="job/annotations/consolidated-annotation/consolidation-request/1.json", Body=answers)
        stored["payload"]["s3Uri"] = "s3://arm64/job/annotations/consolidated-annotation/consolidation-request/1.json"
        stored["outputConfig"] = "s3://arm64/job/annotations"
        events = [json.dumps(stored).encode(), event("annotation-consolidation-no-payload")]
        found["annotation-consolidation"] = self.call("annotation-consolidation", events)
        project = self.rekognition.create_project(ProjectName="arm64")["ProjectArn"]
        # By a name that doesn't set off gtcl's own function.
        self.s3.put_object(Bucket="arm64", Key="job/birds.manifest", Body=manifest())
        direct = json.dumps({"manifest": "s3://arm64/job/birds.manifest", "labelAttributeName": "birds"}).encode()
        updater = self.call("dataset-updater", [event("dataset-updater-s3-test"), direct], PROJECT_ARN=project, CREATE_DATASETS="true")
        if [kind for kind, _ in updater] != ["response", "response"]:
            sys.exit(f"the dataset-updater answers {updater}")
        found["dataset-updater"] = updater[:1] # of the second, only what it wrote: its answer has times
        for item in self.s3.list_objects_v2(Bucket="arm64")["Contents"]:
            path, name = item["Key"].rpartition("/")[::2]
            if name in ("entries.manifest", "rejected.jsonl") or path.endswith("/worker-statistics"):
                found[name] = self.s3.get_object(Bucket="arm64", Key=item["Key"])["Body"].read()
        return found


def event(name: str) -> bytes:
    return (ROOT / f"events/{name}.json").read_bytes()


def manifest() -> bytes:
    """Lines of both kinds, some of them wrong."""
    lines = ["not json"]
    for number in range(400):
        box = {"class_id": 0, "left": number / 7, "top": 1.5, "width": 30 + number / 3, "height": 20}
        lines.append(json.dumps({
            "source-ref": f"s3://arm64/images/{number}.jpg",
            "birds": {"image_size": [{"width": 640, "height": 480, "depth": 3}], "annotations": [box]},
            "birds-metadata": {
                "objects": [{"confidence": number / 401}], "class-map": {"0": "Duck"}, "type": "groundtruth/object-detection",
                "human-annotated": "yes", "creation-date": "2026-03-02T09:30:05.000000", "job-name": "labeling-job/job",
            },
        }))
    return "\n".join(lines).encode()


def main() -> None:
    x86_64, arm64, gtcl, work, *emulator = sys.argv[1:]
    sides = [Side(x86_64, [], gtcl, Path(work, "x86_64")), Side(arm64, emulator, gtcl, Path(work, "arm64"))]
    try:
        native, emulated = (side.all() for side in sides)
    finally:
        for side in sides:
            side.serve.kill()
    different = [name for name in native.keys() | emulated.keys() if native.get(name) != emulated.get(name)]
    for name in different:
        print(f"{name}: {native.get(name)!r:.600} on x86_64, {emulated.get(name)!r:.600} on arm64", file=sys.stderr)
    n_answers = sum(len(native[name]) for name in ("pre-annotation", "annotation-consolidation", "dataset-updater"))
    n_lines = len(native["entries.manifest"].splitlines())
    print(f"{n_answers} answers, {n_lines} dataset entries and {len(native) - 4} other files are the same on both" if not different else "they differ")
    sys.exit(1 if different or n_lines != 400 else 0)


if __name__ == "__main__":
    main()
