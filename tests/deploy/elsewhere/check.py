"""The examples of docs/deploy.md for those who don't deploy with SAM: the CDK one is synthesised, the Terraform one is parsed, and
parameters and outputs that they name have to be the template's.

usage: check.py NODE_FOLDER, where the packages of package.json are installed
"""

import json
import re
import subprocess
import sys
from pathlib import Path

import hcl2

ROOT = Path(__file__).resolve().parents[3]


def names(section: str) -> set[str]:
    """Names in a section of template.yaml."""
    body = re.search(rf"^{section}:\n(.*?)(?=^\S|\Z)", (ROOT / "template.yaml").read_text(), flags=re.DOTALL | re.MULTILINE)
    return set(re.findall(r"^  (\w+):", body[1], flags=re.MULTILINE))


def example(language: str) -> str:
    found = re.findall(rf"```{language}\n(.*?)```", (ROOT / "docs/deploy.md").read_text(), flags=re.DOTALL)
    if len(found) != 1:
        sys.exit(f"docs/deploy.md has {len(found)} examples in {language}, not one")
    return found[0]


def expect(what: str, seen: object, wanted: object) -> None:
    if seen != wanted:
        sys.exit(f"{what}: {seen!r}, not {wanted!r}")
    print(f"ok: {what}")


def within(what: str, seen: set[str], wanted: set[str]) -> None:
    if not seen or not seen <= wanted:
        sys.exit(f"{what}: {sorted(seen - wanted) or 'none'}")
    print(f"ok: {what}")


def bare(value: str) -> str:
    return value.strip('"')


def terraform() -> None:
    parsed = hcl2.loads(example("hcl"))
    stacks = [body for block in parsed["resource"] for kind, body in block.items() if bare(kind) == "aws_cloudformation_stack"]
    expect("Terraform: one stack", len(stacks), 1)
    (stack,) = stacks[0].values()
    expect("Terraform: what it may make", [bare(it) for it in stack["capabilities"]], ["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"])
    within("Terraform: its parameters are the template's", {bare(name) for name in stack["parameters"]} - {"__is_block__"}, names("Parameters"))
    within("Terraform: its outputs are the template's", set(re.findall(r'outputs\["(\w+)"\]', example("hcl"))), names("Outputs"))


def cdk(folder: Path) -> None:
    script = folder / "example.mjs"
    script.write_text(example("js").replace("new App()", 'new App({ outdir: "synthesised" })'))
    subprocess.run(["node", script.name], cwd=folder, check=True)
    template = json.loads((folder / "synthesised/Birds.template.json").read_text())
    expect("CDK: the template is transformed", template["Transform"], "AWS::Serverless-2016-10-31")
    application = template["Resources"]["GroundTruth"]
    expect("CDK: an application is nested", application["Type"], "AWS::Serverless::Application")
    parameters = set(application["Properties"]["Parameters"])
    within("CDK: its parameters are the template's", parameters, names("Parameters"))
    expect("CDK: names of functions are given", "FunctionNamePrefix" in parameters, True)
    attribute = template["Outputs"]["LabelingJobRoleArn"]["Value"]["Fn::GetAtt"]
    within("CDK: its outputs are the template's", {attribute[1].removeprefix("Outputs.")}, names("Outputs"))


if __name__ == "__main__":
    terraform()
    cdk(Path(sys.argv[1]))
