"""What a page in a browser, and a program without the keys, can do to a running `gtcl serve`: nothing.

The pages know the published keys, as everybody does, and sign with them whatever a page can sign. Endpoints and
credentials come from the environment, as `gtcl serve` prints them.

Usage: check.py CHROMIUM AWS_CLI WORK_DIR (the services' data is in WORK_DIR/state)
"""

import http.server
import json
import os
import socket
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from pathlib import Path

import boto3
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials

CHROMIUM, AWS_CLI, WORK = sys.argv[1], sys.argv[2], Path(sys.argv[3])
S3, REKOGNITION, LAMBDA = (os.environ[f"AWS_ENDPOINT_URL_{name}"] for name in ("S3", "REKOGNITION", "LAMBDA"))
KEYS = Credentials(os.environ["AWS_ACCESS_KEY_ID"], os.environ["AWS_SECRET_ACCESS_KEY"])
INVOKE = f"{LAMBDA}/2015-03-31/functions/gtcl-dataset-updater/invocations"
LOG = WORK / "state/logs/gtcl-dataset-updater.log"
PIXEL = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010802000000907753de0000000c49444154789c63606060000000040001f61738550000000049454e44ae426082"
)
PAGE_SECONDS_MAX = 60
FAILURES = []
N_PASSED = 0


def check(what, found, expected):
    global N_PASSED
    if found == expected:
        N_PASSED += 1
    else:
        FAILURES.append(what)
        print(f"FAILED {what}\n  found    {found!r}\n  expected {expected!r}", file=sys.stderr)


s3 = boto3.client("s3", config=Config(signature_version="s3v4", s3={"addressing_style": "path"}))
rekognition = boto3.client("rekognition")
functions = boto3.client("lambda")


def state():
    """Everything that an attempt could have changed."""
    keys = [found["Key"] for found in s3.list_objects_v2(Bucket="gtcl").get("Contents", [])]
    buckets = [bucket["Name"] for bucket in s3.list_buckets()["Buckets"]]
    projects = [found["ProjectArn"] for found in rekognition.describe_projects()["ProjectDescriptions"]]
    return {"keys": keys, "buckets": buckets, "projects": projects, "log": LOG.read_text() if LOG.exists() else ""}


# The page. Each attempt ends with what the page gets to know: "ok" when something was let in.
SCRIPT = """
const wait = (ms) => new Promise((resolve) => setTimeout(resolve, ms, "no answer"));
const known = (name, work) => Promise.race([work.then(() => "ok", () => "refused"), wait(20000)]).then((end) => [name, end]);
// An answer without CORS headers can't be read; that of a request without CORS is opaque, whatever it is.
const call = (name, url, options) => known(name, fetch(url, options).then((answer) => { if (answer.type === "opaque") throw answer; }));
const image = (name, url) => known(name, new Promise((resolve, reject) => {
  const image = new Image();
  image.onload = resolve; image.onerror = reject; image.src = url;
}));
const form = (name, url, fields, enctype) => known(name, new Promise((resolve) => {
  const frame = document.createElement("iframe");
  frame.name = name;
  document.body.appendChild(frame);
  const form = document.body.appendChild(document.createElement("form"));
  Object.assign(form, { method: "POST", action: url, target: name, enctype });
  for (const [key, value] of Object.entries(fields)) {
    const input = form.appendChild(document.createElement("input"));
    Object.assign(input, { type: "hidden", name: key, value });
  }
  frame.onload = resolve;
  form.submit();
}).then(() => { throw "whatever it was, the page doesn't see it"; }));
const plain = { "content-type": "text/plain" };
(async () => {
  const results = await Promise.all([
    call("invoke", A.invoke, { method: "POST", mode: "no-cors", headers: plain, body: A.event }),
    call("invoke with CORS", A.invoke, { method: "POST", headers: plain, body: A.event }),
    call("invoke, signed", A.invoke, { method: "POST", headers: A.signedInvoke, body: A.event }),
    call("rekognition", A.rekognition, { method: "POST", mode: "no-cors", headers: plain, body: A.project }),
    call("rekognition, signed", A.rekognition, { method: "POST", headers: A.signedProject, body: A.project }),
    call("put", A.put, { method: "PUT", body: "x" }),
    call("get", A.get, {}),
    call("get without CORS", A.get, { mode: "no-cors" }),
    call("beacon", A.invoke, { method: "POST", mode: "no-cors", keepalive: true, body: A.event }),
    image("image", A.get),
    form("policy form", A.post.url, A.post.fields, "multipart/form-data"),
    form("text form", A.invoke, { [A.formName]: A.formValue }, "text/plain"),
  ]);
  await fetch("/done", { method: "POST", body: JSON.stringify(Object.fromEntries(results)) });
})();
"""


def signed(url, service, body, **headers):
    """Headers with a right signature."""
    request = AWSRequest("POST", url, headers=headers, data=body)
    SigV4Auth(KEYS, service, "us-east-1").add_auth(request)
    return {name: value for name, value in request.headers.items() if name.lower() != "host"}


def attempts():
    event = json.dumps({"manifest": "s3://gtcl/jobs/birds/manifests/output/output.manifest"})
    project = json.dumps({"ProjectName": "evil"})
    target = {"X-Amz-Target": "RekognitionService.CreateProject", "Content-Type": "application/x-amz-json-1.1"}
    return {
        "invoke": INVOKE,
        "event": event,
        "signedInvoke": signed(INVOKE, "lambda", event),
        "rekognition": f"{REKOGNITION}/",
        "project": project,
        "signedProject": signed(f"{REKOGNITION}/", "rekognition", project, **target),
        "put": s3.generate_presigned_url("put_object", Params={"Bucket": "gtcl", "Key": "evil-put"}),
        "get": s3.generate_presigned_url("get_object", Params={"Bucket": "gtcl", "Key": "pixel.png"}),
        # The file stands in a field: a page can't fill a file input.
        "post": {"url": f"{S3}/gtcl", "fields": s3.generate_presigned_post("gtcl", "evil-post")["fields"] | {"file": "x"}},
        # A form of text/plain is a line NAME=VALUE: JSON, when the equals sign is in a string.
        "formName": '{"a":"',
        "formValue": '"}',
    }


class Page(http.server.BaseHTTPRequestHandler):
    """The foreign page, and where it tells what came of its attempts."""

    results, is_done = None, threading.Event()

    def do_GET(self):
        body = f"<!doctype html><body><script>const A = {json.dumps(attempts())};{SCRIPT}</script>".encode()
        self.answer(body if self.path == "/" else b"")

    def do_POST(self):
        Page.results = json.loads(self.rfile.read(int(self.headers["content-length"])))
        self.answer(b"")
        Page.is_done.set()

    def answer(self, body):
        self.send_response(200)
        self.send_header("content-type", "text/html; charset=utf-8")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


def visit(origin, profile):
    """What the page gets to know that is loaded from `origin`."""
    Page.results = None
    Page.is_done.clear()
    command = [
        CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking",
        "--disable-component-update", "--disable-sync", "--host-resolver-rules=MAP *.example 127.0.0.1",
        f"--user-data-dir={WORK / profile}", "--remote-debugging-port=0", origin,
    ]
    with open(WORK / f"{profile}.log", "w") as log:
        browser = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        check(f"{origin}: the page ran", Page.is_done.wait(PAGE_SECONDS_MAX), True)
    finally:
        browser.terminate()
        browser.wait()
    return Page.results


def check_pages():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Page)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    s3.put_object(Bucket="gtcl", Key="pixel.png", Body=PIXEL, ContentType="image/png")
    before = state()
    for n, host in enumerate(("evil.example", "localhost", "127.0.0.1")):
        results = visit(f"http://{host}:{server.server_port}/", f"profile-{n}") or {}
        # A picture whose address is signed is shown by pages of this machine's own address, and read by none.
        shown = {"image"} if host == "127.0.0.1" else set()
        check(f"{host}: let in", {name for name, result in results.items() if result == "ok"}, shown)
        check(f"{host}: attempts", len(results), 12)
        check(f"{host}: nothing has happened", state(), before)


def raw(endpoint, text):
    """The answer's status and body to a request of these lines."""
    host, port = endpoint.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=10) as connection:
        connection.sendall(text.replace("\n", "\r\n").encode())
        answer = b"".join(iter(lambda: connection.recv(65536), b"")).decode()
    return int(answer.split()[1]), answer


def check_rebinding():
    """A name that leads here: its requests are signed for the name itself, rightly."""
    before = state()
    for endpoint, service, path in ((S3, "s3", "/evil-bucket"), (LAMBDA, "lambda", INVOKE.removeprefix(LAMBDA)), (REKOGNITION, "rekognition", "/")):
        port = endpoint.rsplit(":", 1)[1]
        for host in (f"evil.example:{port}", "evil.example", f"gtcl.localhost:{port}", f"127.0.0.1.evil.example:{port}", ""):
            headers = signed(f"http://{host or 'x'}{path}", service, "{}")
            lines = "".join(f"{name}: {value}\n" for name, value in headers.items() if name.lower() != "content-length")
            status, answer = raw(endpoint, f"POST {path} HTTP/1.1\nHost: {host}\nConnection: close\n{lines}Content-Length: 2\n\n" + "{}")
            check(f"{service}, Host {host!r}", (status, "AccessDenied" in answer), (403, True))
    check("rebinding: nothing has happened", state(), before)


def check_signatures():
    """What is unsigned, or signed with another key, is answered in each service's own form."""

    def code(client, operation, **parameters):
        try:
            getattr(client, operation)(**parameters)
            return "let in"
        except client.exceptions.ClientError as error:
            return error.response["Error"]["Code"], error.response["ResponseMetadata"]["HTTPStatusCode"]

    for service, operation, parameters, wrong in (
        ("s3", "list_buckets", {}, "SignatureDoesNotMatch"),
        ("rekognition", "describe_projects", {}, "InvalidSignatureException"),
        ("lambda", "invoke", {"FunctionName": "gtcl-dataset-updater"}, "InvalidSignatureException"),
    ):
        client = boto3.client(service, aws_secret_access_key="another", aws_access_key_id=KEYS.access_key)
        check(f"{service}: another secret", code(client, operation, **parameters), (wrong, 403))
    for service, url, missing in (
        ("s3", f"{S3}/gtcl/pixel.png", "AccessDenied"),
        ("rekognition", f"{REKOGNITION}/", "MissingAuthenticationTokenException"),
        ("lambda", INVOKE, "MissingAuthenticationTokenException"),
    ):
        try:
            urllib.request.urlopen(urllib.request.Request(url, data=None if service == "s3" else b"{}"))
            answer = "let in"
        except urllib.error.HTTPError as error:
            answer = f"{error.code} {error.headers} {error.read().decode()}"
        check(f"{service}: unsigned", (answer[:3], missing in answer), ("403", True))


def check_clients():
    """Whoever has the keys works as with AWS."""
    url = s3.generate_presigned_url("get_object", Params={"Bucket": "gtcl", "Key": "pixel.png"}, ExpiresIn=60)
    check("presigned GET", urllib.request.urlopen(url).read(), PIXEL)
    url = s3.generate_presigned_url("put_object", Params={"Bucket": "gtcl", "Key": "presigned"}, ExpiresIn=60)
    check("presigned PUT", urllib.request.urlopen(urllib.request.Request(url, b"y", method="PUT")).status, 200)
    check("what was put", s3.get_object(Bucket="gtcl", Key="presigned")["Body"].read(), b"y")
    # A name in the ARN is signed in its encoded form, encoded once more.
    name = "arn:aws:lambda:us-east-1:123456789012:function:gtcl-dataset-updater"
    answer = functions.invoke(FunctionName=name, InvocationType="DryRun", Payload=b"{}")
    check("boto3, lambda by ARN", answer["StatusCode"], 204)

    def cli(*arguments):
        done = subprocess.run([AWS_CLI, *arguments], capture_output=True, text=True, timeout=120, check=False)
        check(f"aws {' '.join(arguments[:2])}", (done.returncode, done.stderr), (0, ""))
        return done.stdout

    (WORK / "file").write_text("z")
    cli("s3", "cp", str(WORK / "file"), "s3://gtcl/cli")
    check("the AWS CLI's object", cli("s3", "cp", "s3://gtcl/cli", "-"), "z")
    projects = json.loads(cli("rekognition", "describe-projects", "--output", "json"))["ProjectDescriptions"]
    check("the AWS CLI's projects", [found["ProjectArn"].split("/")[1] for found in projects], ["gtcl"])
    out = WORK / "answer.json"
    cli("lambda", "invoke", "--function-name", "gtcl-SageMaker-pre-annotation", "--payload", "{}", str(out))
    check("the AWS CLI's invocation", "errorMessage" in json.loads(out.read_text()), True)
    presigned = cli("s3", "presign", "s3://gtcl/cli").strip()
    check("the AWS CLI's presigned address", urllib.request.urlopen(presigned).read(), b"z")


check_pages()
check_rebinding()
check_signatures()
check_clients()
print(f"{N_PASSED} passed, {len(FAILURES)} failed")
sys.exit(1 if FAILURES else 0)
