"""A second stack, with nearly every parameter: a bucket and a KMS key of the account's own, another target for one job,
training, a model for pre-labels, an alarm topic; then an update that changes many of them at once, and its deletion.

Not to be seen on ministack: whether KMS lets a role use a key (it notes the key's name and stores the object as it is),
and whether Custom Labels refuses a role (it isn't ministack's).
"""

import json
import re
import time
from pathlib import Path

import boto3
from botocore.exceptions import ClientError

from stack import FUNCTIONS, LABELS, PNG, Stack

BUCKET = "birds-of-old"
CORS = {"CORSRules": [{
    "AllowedHeaders": [], "AllowedMethods": ["GET"], "AllowedOrigins": ["*"], "ExposeHeaders": ["Access-Control-Allow-Origin"],
}]}


# One value of each parameter that must be refused before anything is made.
REFUSED = {
    "Architecture": "riscv64",
    "BucketName": "s3://birds",
    "JobsPrefix": "labeling-jobs",
    "KmsKeyArn": "alias/birds",
    "ProjectArn": "birds",
    "TrainDatasetArn": "arn:aws:rekognition:us-east-1:111122223333:project/birds/dataset/test/1",
    "TestDatasetArn": "arn:aws:rekognition:us-east-1:111122223333:project/birds/dataset/train/1",
    "TestFraction": "1.5",
    "Targets": "owls-1=arn",
    "Existing": "keep",
    "CreateDatasets": "yes",
    "MinConfidence": "60",
    "TrainWhen": "always",
    "LabelCategoriesS3Uri": "s3://birds/*.json",
    "InitialValueAttribute": "-boxes",
    "ModelArn": "arn:aws:rekognition:us-east-1:111122223333:project/birds/1",
    "ModelMinConfidence": "60",
    "WorkerStatistics": "on",
    "UpdaterMaximumConcurrency": "1",
    "LogRetentionDays": "2",
    "AlarmTopicArn": "alarms",
    "RejectedFractionMax": "20",
    "Consolidate": "perhaps",
    "FunctionNamePrefix": "birds of prey",
    "PermissionsBoundaryArn": "arn:aws:iam::111122223333:role/boundary",
    "RolePath": "teams",
    "Tracing": "Sometimes",
    "LogLevel": "DEBUG",
    "ReportTopicArn": "reports",
    "AlarmJobNamePrefix": "birds_",
    "PreAnnotationMemorySize": "64",
    "PreAnnotationTimeout": "901",
    "ConsolidationMemorySize": "10241",
    "ConsolidationTimeout": "2",
    "UpdaterMemorySize": "128",
    "UpdaterTimeout": "960",
}
# Lists, of which any text is one; REFUSED_TOGETHER says what is refused of them.
LISTS = {"TargetArns", "VpcSubnetIds", "VpcSecurityGroupIds"}
PROJECT = "arn:aws:rekognition:us-east-1:111122223333:project/birds"
# Values that are good by themselves and must be refused together, and what is said.
REFUSED_TOGETHER = [
    ({}, "give ProjectArn, TrainDatasetArn or Targets"),
    ({"ProjectArn": f"{PROJECT}/1", "TrainDatasetArn": f"{PROJECT}/dataset/train/1"}, "not both"),
    ({"ProjectArn": f"{PROJECT}/1", "TestDatasetArn": f"{PROJECT}/dataset/test/1"}, "not both"),
    ({"Targets": "{}", "TargetArns": f"{PROJECT}/*", "TestDatasetArn": f"{PROJECT}/dataset/test/1"}, "goes with TrainDatasetArn"),
    ({"Targets": '{"birds-1": "' + PROJECT + '/1"}'}, "TargetArns"),
    ({"TrainDatasetArn": f"{PROJECT}/dataset/train/1", "TrainWhen": "updated"}, "TrainWhen=updated goes with"),
    ({"ProjectArn": f"{PROJECT}/1", "VpcSubnetIds": "subnet-1,subnet-2"}, "go together"),
    ({"ProjectArn": f"{PROJECT}/1", "VpcSecurityGroupIds": "sg-1"}, "go together"),
]


class Variants(Stack):
    def client(self, service: str):
        return boto3.client(service, endpoint_url=self.options.aws, region_name="us-east-1")

    # ------------------------------------------------------------- what the account has already

    def prepare(self) -> None:
        self.bucket = BUCKET
        self.s3.create_bucket(Bucket=BUCKET)
        self.s3.put_bucket_notification_configuration(Bucket=BUCKET, NotificationConfiguration={"EventBridgeConfiguration": {}})
        self.s3.put_bucket_cors(Bucket=BUCKET, CORSConfiguration=CORS)
        self.key_arn = self.client("kms").create_key()["KeyMetadata"]["Arn"]
        self.topic_arn, self.alarms_url = self.topic("alarms")
        self.report_topic_arn, self.reports_url = self.topic("reports")
        network = self.client("ec2")
        vpc = network.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
        self.subnets = [
            network.create_subnet(VpcId=vpc, CidrBlock=f"10.0.{index}.0/24")["Subnet"]["SubnetId"] for index in range(2)
        ]
        self.group = network.create_security_group(GroupName="functions", Description="functions", VpcId=vpc)["GroupId"]
        document = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
        self.boundary_arn = self.iam.create_policy(PolicyName="boundary", PolicyDocument=json.dumps(document))["Policy"]["Arn"]
        labels = [{"label": label} for label in LABELS]
        self.categories = self.put("categories.json", json.dumps({"document-version": "2018-11-28", "labels": labels}))
        self.put("images/owl.png", PNG)
        self.others = self.rekognition.create_project(ProjectName="others")["ProjectArn"]
        self.owls = self.rekognition.create_project(ProjectName="owls")["ProjectArn"]
        self.owls_arns = self.owls.rsplit("/", 1)[0] + "/*"
        self.model_arn = self.train_and_start()

    def topic(self, name: str) -> tuple[str, str]:
        """A topic's ARN, and the URL of a queue that gets what is sent to it."""
        topics = self.client("sns")
        arn = topics.create_topic(Name=name)["TopicArn"]
        url = self.sqs.create_queue(QueueName=f"{name}-seen")["QueueUrl"]
        queue = self.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        statement = {"Effect": "Allow", "Principal": {"Service": "sns.amazonaws.com"}, "Action": "sqs:SendMessage", "Resource": queue}
        policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        self.sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": policy})
        topics.subscribe(TopicArn=arn, Protocol="sqs", Endpoint=queue, Attributes={"RawMessageDelivery": "true"})
        return arn, url

    def told(self, url: str, part: str) -> None:
        """Waits until a message with a part has come to a queue."""
        seen: list[str] = []

        def came() -> bool:
            answer = self.sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10)
            seen.extend(message["Body"] for message in answer.get("Messages", []))
            return any(part in body for body in seen)

        self.wait(f"a topic is told: {part}", came)

    def train_and_start(self) -> str:
        """A running model of the project `owls`, whose answers are its datasets' entries."""
        box = {
            "source-ref": f"s3://{BUCKET}/images/owl.png",
            "b": {
                "image_size": [{"width": 10, "height": 10, "depth": 3}],
                "annotations": [{"class_id": 0, "left": 0, "top": 0, "width": 10, "height": 10}],
            },
            "b-metadata": {
                "objects": [{"confidence": 0.8}], "class-map": {"0": "Owl"}, "human-annotated": "yes",
                "creation-date": "2026-03-02T09:30:05.000000", "type": "groundtruth/object-detection",
            },
        }
        entries = "\n".join([json.dumps(box), *(self.entry(index) for index in range(4))])
        for kind in ("TRAIN", "TEST"):
            arn = self.rekognition.create_dataset(ProjectArn=self.owls, DatasetType=kind)["DatasetArn"]
            self.settle(arn)
            self.rekognition.update_dataset_entries(DatasetArn=arn, Changes={"GroundTruth": entries.encode()})
            self.settle(arn)
        arn = self.rekognition.create_project_version(
            ProjectArn=self.owls, VersionName="v1", OutputConfig={"S3Bucket": BUCKET}
        )["ProjectVersionArn"]
        self.wait_for_version("v1", "TRAINING_COMPLETED")
        self.rekognition.start_project_version(ProjectVersionArn=arn, MinInferenceUnits=1)
        self.wait_for_version("v1", "RUNNING")
        return arn

    def entry(self, index: int) -> str:
        return json.dumps({
            "source-ref": f"s3://{BUCKET}/known/{index}.jpg", "birds": index % 2,
            "birds-metadata": {
                "class-name": LABELS[index % 2], "confidence": 0.9, "type": "groundtruth/image-classification",
                "human-annotated": "yes", "creation-date": "2026-03-02T09:30:05.000000", "job-name": "labeling-job/known",
            },
        })

    def settle(self, dataset_arn: str) -> None:
        while "PROGRESS" in self.rekognition.describe_dataset(DatasetArn=dataset_arn)["DatasetDescription"]["Status"]:
            time.sleep(0.3)

    def versions(self) -> dict[str, str]:
        answer = self.rekognition.describe_project_versions(ProjectArn=self.owls)
        return {found["ProjectVersionArn"].split("/version/")[1].split("/")[0]: found["Status"]
                for found in answer["ProjectVersionDescriptions"]}

    def wait_for_version(self, name: str, status: str) -> None:
        self.wait(f"model {name} is {status}", lambda: self.versions().get(name) == status)

    # ------------------------------------------------------------- refusing

    def bad_parameters(self) -> None:
        # With the packages in S3, as `sam deploy` hands it over; nobody comes to look for them here.
        source = Path(__file__).resolve().parents[2] / "template.yaml"
        body = re.sub(r"CodeUri: \S+", "CodeUri: s3://packages/package.zip", source.read_text())
        self.s3.create_bucket(Bucket="templates")
        self.s3.put_object(Bucket="templates", Key="refused.yaml", Body=body.encode())
        url = f"{self.options.aws}/templates/refused.yaml"
        described = {
            parameter["ParameterKey"] for parameter in self.cloudformation.get_template_summary(TemplateURL=url)["Parameters"]
        }
        unchecked = described - REFUSED.keys() - LISTS
        self.expect(unchecked == set(), "every parameter is validated", unchecked)
        for name, value in REFUSED.items():
            seen = self.answer_to(url, {name: value})
            self.expect(name in seen, f"{name}={value} is refused", seen)
        for values, said in REFUSED_TOGETHER:
            seen = self.answer_to(url, values)
            self.expect(said in seen, f"refused together: {values or 'no parameter at all'}", seen)

    def answer_to(self, url: str, values: dict[str, str]) -> str:
        """What CloudFormation says to a stack with these parameters; empty when it takes it."""
        parameters = [{"ParameterKey": name, "ParameterValue": value} for name, value in values.items()]
        try:
            self.cloudformation.create_stack(
                StackName="refused", TemplateURL=url, Parameters=parameters,
                Capabilities=["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"],
            )
        except ClientError as error:
            return error.response["Error"]["Message"]
        return ""

    # ------------------------------------------------------------- looking

    def variables(self, output: str) -> dict[str, str]:
        return self.functions.get_function_configuration(FunctionName=self.outputs[output])["Environment"]["Variables"]

    def statements(self, output: str) -> list[dict]:
        """What the role of a function is allowed."""
        role = self.functions.get_function_configuration(FunctionName=self.outputs[output])["Role"].rsplit("/", 1)[1]
        found = []
        for name in self.iam.list_role_policies(RoleName=role)["PolicyNames"]:
            document = self.iam.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"]
            document = json.loads(document) if isinstance(document, str) else document
            found += document["Statement"]
        return found

    def allowed(self, output: str, action: str) -> list[str]:
        """Resources for which an action is allowed."""
        found = []
        for statement in self.statements(output):
            actions, resources = ([it] if isinstance(it, str) else it for it in (statement["Action"], statement["Resource"]))
            found += resources if action in actions else []
        return found

    def look_at_stack(self) -> None:
        self.expect(self.bucket == BUCKET, "the stack's bucket is the account's own", self.bucket)
        made = [bucket["Name"] for bucket in self.s3.list_buckets()["Buckets"] if bucket["Name"].startswith(f"{self.name}-")]
        self.expect(made == [], "no other bucket was made", made)
        self.expect(self.outputs["KmsKeyArn"] == self.key_arn, "the key is an output, for CreateLabelingJob", self.outputs)
        for output, action, expected in (
            ("PreAnnotationFunctionArn", "rekognition:DetectCustomLabels", [self.model_arn]),
            ("PreAnnotationFunctionArn", "s3:GetObject", [
                f"arn:aws:s3:::{BUCKET}/categories.json", f"arn:aws:s3:::{BUCKET}/*",
            ]),
            ("PreAnnotationFunctionArn", "kms:Decrypt", [self.key_arn]),
            ("ConsolidationFunctionArn", "kms:GenerateDataKey", [self.key_arn]),
            ("UpdaterFunctionArn", "kms:GenerateDataKey", [self.key_arn]),
            ("UpdaterFunctionArn", "rekognition:CreateDataset", [self.others, self.owls_arns]),
            # Of a project and of the version that is made. Source: Rekognition guide, "Identity-based policy examples".
            ("UpdaterFunctionArn", "rekognition:CreateProjectVersion", [self.others.rsplit("/", 1)[0] + "/*", self.owls_arns]),
        ):
            found = self.allowed(output, action)
            self.expect(found == expected, f"{output}: {action} for exactly what was named", found)
        alarms = self.client("cloudwatch").describe_alarms()["MetricAlarms"]
        own = [alarm for alarm in alarms if alarm["AlarmName"].startswith(f"{self.name}-")]
        self.expect(
            len(own) >= 6 and all(alarm["AlarmActions"] == [self.topic_arn] for alarm in own),
            f"{len(own)} alarms go to the topic", own or alarms,
        )

    def look_at_rules(self) -> None:
        """What the account's own rules ask for. ministack makes no function in a VPC and gives
        no role a boundary: of those, the template that it deployed is looked at."""
        for output in FUNCTIONS:
            configuration = self.functions.get_function_configuration(FunctionName=self.outputs[output])
            name = configuration["FunctionName"]
            self.expect(name.startswith("bird"), f"{output}: the name begins as FunctionNamePrefix says", name)
            self.expect(configuration["TracingConfig"]["Mode"] == "PassThrough", f"{output}: not traced", configuration)
            self.expect(configuration["Environment"]["Variables"]["LOG_LEVEL"] == "WARN", f"{output}: log level", configuration)
            function = self.transformed["Resources"][output.removesuffix("Arn")]["Properties"]
            network = {"SubnetIds": {"Ref": "VpcSubnetIds"}, "SecurityGroupIds": {"Ref": "VpcSecurityGroupIds"}}
            seen = function["VpcConfig"]["Fn::If"]
            self.expect(seen[:2] == ["InVpc", network], f"{output}: in the account's subnets", function)
            self.expect(self.allowed(output, "xray:PutTraceSegments") == [], f"{output}: may not trace")
            path, name = configuration["Role"].split(":role")[1].rsplit("/", 1)
            role = self.iam.get_role(RoleName=name)["Role"]
            self.expect(path == "/teams/birds", f"{output}: the role's path", role)
            logical_name = output.removesuffix("FunctionArn") + "Role"
            boundary = self.transformed["Resources"][logical_name]["Properties"]["PermissionsBoundary"]["Fn::If"][1]
            self.expect(boundary == {"Ref": "PermissionsBoundaryArn"}, f"{output}: the role's boundary", boundary)
            attached = self.iam.list_attached_role_policies(RoleName=name)["AttachedPolicies"]
            self.expect(len(attached) == 1, f"{output}: Lambda may make its network interfaces", attached)
        sizes = {
            output: (found["MemorySize"], found["Timeout"])
            for output in FUNCTIONS
            if (found := self.functions.get_function_configuration(FunctionName=self.outputs[output]))
        }
        self.expect(list(sizes.values()) == [(256, 20), (512, 90), (1024, 600)], "memory and timeouts are the given ones", sizes)
        updater = self.outputs["UpdaterFunctionArn"].rsplit(":", 1)[1]
        self.expect(updater == "bird-Sage-Maker-dataset-updater", "no word in the updater's name lets Ground Truth call it", updater)

    # ------------------------------------------------------------- using it

    def pre_labels(self) -> None:
        event = {"dataObject": {"source-ref": f"s3://{BUCKET}/images/owl.png"}}
        task = self.invoke("PreAnnotationFunctionArn", event)["taskInput"]
        self.expect(
            task.get("initialValue") == [{"label": "Owl", "left": 0.0, "top": 0.0, "width": 1.0, "height": 1.0}],
            "the task starts from what the model sees, in the image's pixels", task,
        )
        self.expect(task["labels"] == LABELS, "with the account's label categories", task)

    def write_manifest(self, prefix: str, job: str, n_lines: int = 8) -> None:
        """As a labeling job with the key writes it."""
        lines = "\n".join(self.manifest_line(index, index % 2, job) for index in range(n_lines))
        self.s3.put_object(
            Bucket=BUCKET, Key=f"{prefix}{job}/manifests/output/output.manifest", Body=lines.encode(),
            ServerSideEncryption="aws:kms", SSEKMSKeyId=self.key_arn,
        )

    def targets(self) -> None:
        n_known = len(self.entries("owls"))
        self.write_manifest("", "owls-1")
        report = self.wait("the report of the job with a target of its own", lambda: self.report("owls-1"))
        self.expect((report["entries"], report["landed"]) == (8, 8), "all its lines landed", report)
        self.expect(len(self.entries("owls")) == n_known + 8, "in the dataset that Targets names")
        head = self.s3.head_object(Bucket=BUCKET, Key="owls-1/dataset-updater/report.json")
        self.expect(head.get("SSEKMSKeyId") == self.key_arn, "the report is encrypted with the key", head)
        self.wait("a training was started", lambda: len(self.versions()) == 2)
        self.write_manifest("", "others-1")
        self.wait("a job that Targets doesn't name", lambda: self.report("others-1"))
        self.expect(len(self.entries("others")) == 8, "goes to ProjectArn's datasets")

    def news(self) -> None:
        self.told(self.reports_url, f"s3://{BUCKET}/owls-1/dataset-updater/report.json")
        events = self.client("events")
        name = next(rule["Name"] for rule in events.list_rules()["Rules"] if rule["Name"].startswith("own-LabelingJobEnded-"))
        pattern = json.loads(events.describe_rule(Name=name)["EventPattern"])
        self.expect(pattern["source"] == ["aws.sagemaker"], "a rule looks at labeling jobs' events", pattern)
        # Nobody but AWS sends events of that source: the rule, and with it the target's text, is tried with another.
        events.put_rule(Name=name, EventPattern=json.dumps(pattern | {"source": ["tests.sagemaker"]}))
        arn = "arn:aws:sagemaker:us-east-1:111122223333:labeling-job/"
        for job, status in (("cats-1", "Failed"), ("owls-2", "Completed"), ("owls-3", "Stopped")):
            answer = events.put_events(Entries=[{
                "Source": "tests.sagemaker", "DetailType": "SageMaker Ground Truth Labeling Job State Change",
                "Resources": [arn + job], "Detail": json.dumps({"LabelingJobStatus": status}),
            }])
            self.expect(answer["FailedEntryCount"] == 0, f"an event of {job}", answer)
        self.told(self.alarms_url, " is Stopped.")  # which job, ministack leaves out: it reads no element of a list
        left = self.sqs.receive_message(QueueUrl=self.alarms_url, MaxNumberOfMessages=10).get("Messages", [])
        self.expect(left == [], "and of no other job, nor of one that is complete", left)

    # ------------------------------------------------------------- changing it

    def look_at_update(self) -> None:
        updater, pre_annotation = self.variables("UpdaterFunctionArn"), self.variables("PreAnnotationFunctionArn")
        seen = {name: updater.get(name) for name in ("TRAIN_WHEN", "EXISTING", "MIN_CONFIDENCE", "TARGETS")}
        expected = {"TRAIN_WHEN": "never", "EXISTING": "merge", "MIN_CONFIDENCE": "0.95", "TARGETS": None}
        self.expect(seen == expected, "the updater's variables are the new ones", seen)
        self.expect("MODEL_ARN" not in pre_annotation, "the model's variable is gone", pre_annotation)
        self.expect(self.allowed("PreAnnotationFunctionArn", "rekognition:DetectCustomLabels") == [], "and so is its permission")
        self.expect(self.allowed("UpdaterFunctionArn", "rekognition:CreateProjectVersion") == [], "nothing may be trained any more")
        groups = self.logs.describe_log_groups(logGroupNamePrefix=f"/aws/lambda/{self.name}-")["logGroups"]
        days = {group.get("retentionInDays") for group in groups}
        self.expect({int(it) for it in days if it} == {30}, "logs are kept as long as now said", groups)
        for output in FUNCTIONS:
            configuration = self.functions.get_function_configuration(FunctionName=self.outputs[output])
            seen = configuration["FunctionName"].startswith("own-"), configuration["Role"].count("/"), configuration["TracingConfig"]["Mode"]
            self.expect(seen == (True, 1, "Active"), f"{output}: named, with a role and traced as by default again", configuration)

    def use_update(self) -> None:
        self.write_manifest("jobs/", "birds-2")
        report = self.wait("a job below the new JobsPrefix is taken in", lambda: self.report("jobs/birds-2"))
        self.expect(report["entries"] == 0, "labels below the new MinConfidence don't land", report)
        review = self.s3.get_object(Bucket=BUCKET, Key="jobs/birds-2/dataset-updater/review.manifest")["Body"].read()
        self.expect(len(review.splitlines()) == 8, "they lie in the review manifest", review[:300])
        self.write_manifest("", "birds-3")
        time.sleep(4)
        self.expect(self.report("birds-3") is None, "a job outside it isn't")

    def run(self) -> None:
        self.bad_parameters()
        self.prepare()
        targets = json.dumps({"owls-1": self.owls}).replace('"', '\\"')
        same = [
            f"BucketName={BUCKET}", f"KmsKeyArn={self.key_arn}", f"ProjectArn={self.others}", "CreateDatasets=true",
            f"LabelCategoriesS3Uri={self.categories}", f"AlarmTopicArn={self.topic_arn}", "TestFraction=0.5",
        ]
        self.deploy(
            *same, 'JobsPrefix=""', f'Targets="{targets}"', f"TargetArns={self.owls_arns}", "TrainWhen=updated",
            f"ModelArn={self.model_arn}", "ModelMinConfidence=0.5", "FunctionNamePrefix=bird-SageMaker",
            f"PermissionsBoundaryArn={self.boundary_arn}", "RolePath=/teams/birds/", "Tracing=PassThrough", "LogLevel=WARN",
            f"VpcSubnetIds={','.join(self.subnets)}", f"VpcSecurityGroupIds={self.group}",
            f"ReportTopicArn={self.report_topic_arn}", "AlarmJobNamePrefix=owls-",
            "PreAnnotationMemorySize=256", "PreAnnotationTimeout=20", "ConsolidationMemorySize=512", "ConsolidationTimeout=90",
            "UpdaterMemorySize=1024", "UpdaterTimeout=600",
        )
        self.look_at_stack()
        self.look_at_rules()
        self.put_right()
        self.pre_labels()
        self.targets()
        self.news()
        self.deploy(
            *same, "JobsPrefix=jobs/", 'Targets=""', "TrainWhen=never", 'ModelArn=""', "Existing=merge", "MinConfidence=0.95",
            "UpdaterMaximumConcurrency=3", "LogRetentionDays=30", 'FunctionNamePrefix=""', "Tracing=Active", "LogLevel=INFO",
            'VpcSubnetIds=""', 'VpcSecurityGroupIds=""', "RolePath=/", 'PermissionsBoundaryArn=""',
        )
        self.look_at_update()
        self.put_right()
        self.use_update()
        n_entries = len(self.entries("owls"))
        self.delete()
        self.expect(len(self.entries("owls")) == n_entries, f"the dataset's {n_entries} entries stay")
        try:
            self.s3.get_bucket_cors(Bucket=BUCKET)
        except ClientError as error:
            self.expect(False, "the bucket's CORS rules stay", error)
