"""A stack of the template inside another one, as teams do it that have one stack for all: its own name is then longer than a
function's may be, and FunctionNamePrefix takes its place.
"""

import json
from pathlib import Path

from stack import Stack

OUTPUTS = ("PreAnnotationFunctionArn", "ConsolidationFunctionArn", "UpdaterFunctionArn", "Bucket")


class Nested(Stack):
    def __init__(self, options, name: str, transformed: dict):
        super().__init__(options, name)
        # CloudFormation transforms a nested template, too; ministack only outermost ones, so this one is what it made there.
        self.template = Path(options.template).with_name("nested.json")
        self.template.write_text(json.dumps(transformed))

    def run(self) -> None:
        project_arn = self.rekognition.create_project(ProjectName="nested")["ProjectArn"]
        child = {
            "Type": "AWS::CloudFormation::Stack",
            "Properties": {
                "TemplateURL": str(self.template),
                "Parameters": {"ProjectArn": project_arn, "Architecture": "x86_64", "FunctionNamePrefix": "inner"},
            },
        }
        parent = {
            "AWSTemplateFormatVersion": "2010-09-09",
            "Parameters": {"Architecture": {"Type": "String"}},
            "Resources": {"GroundTruth": child},
            "Outputs": {name: {"Value": {"Fn::GetAtt": ["GroundTruth", f"Outputs.{name}"]}} for name in OUTPUTS},
        }
        file = Path(self.options.template).with_name("parent.json")
        file.write_text(json.dumps(parent))
        self.deploy(template=str(file), options=("--tags", "team=birds"))
        names = [self.outputs[name].rsplit(":", 1)[1] for name in OUTPUTS[:3]]
        expected = ["inner-SageMaker-pre-annotation", "inner-SageMaker-consolidation", "inner-dataset-updater"]
        self.expect(names == expected, "a nested stack's functions are named by FunctionNamePrefix", names)
        source_ref = f"s3://{self.bucket}/images/1.jpg"
        answer = self.invoke("PreAnnotationFunctionArn", {"dataObject": {"source-ref": source_ref, "labels": ["Duck", "Owl"]}})
        self.expect(answer["taskInput"]["labels"] == ["Duck", "Owl"], "they answer", answer)
        tags = self.functions.list_tags(Resource=self.outputs["UpdaterFunctionArn"])["Tags"]
        self.expect(tags.get("team") == "birds", "the stack's tags are theirs", tags)
        # That the bucket stays is seen of the other stacks: ministack keeps nothing of a nested one.
        self.cloudformation.delete_stack(StackName=self.name)
