//! template.yaml against the code that it deploys: names, variables, and exactly the permissions that are used.

#[path = "template/yaml.rs"]
mod yaml;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use yaml::{each, objects, template, texts};

/// Logical name's stem in the template, package, and what the function's role holds beyond the SDK calls of its own
/// code, with the reason.
const FUNCTIONS: [(&str, &str, &[&str]); 3] = [
    ("PreAnnotation", "pre-annotation", &[]),
    ("Consolidation", "annotation-consolidation", &[]),
    (
        "Updater",
        "dataset-updater",
        &[
            // Lambda polls the queue with the function's role.
            "sqs:ReceiveMessage",
            "sqs:DeleteMessage",
            "sqs:GetQueueAttributes",
            // Custom Labels reads the images with the rights of whoever calls UpdateDatasetEntries. Source: Custom
            // Labels guide, "Setting up permissions", policy for an external bucket.
            "s3:GetObjectAcl",
            "s3:GetObjectTagging",
            "s3:GetObjectVersion",
            "s3:GetBucketAcl",
            "s3:GetBucketLocation",
            // PutObject with a tag takes it, too.
            "s3:PutObjectTagging",
        ],
    ),
];

/// What each role holds: log lines, traces, and the use of a bucket's key.
const EVERY_ROLE: [&str; 5] = [
    "logs:CreateLogStream",
    "logs:PutLogEvents",
    "xray:PutTraceSegments",
    "xray:PutTelemetryRecords",
    "kms:Decrypt",
];

/// Words in a function's name by which SageMaker's managed policies let their holders call it.
///
/// Source: AWS managed policy reference, AmazonSageMakerGroundTruthExecution and AmazonSageMakerFullAccess.
const WORDS: [&str; 5] = [
    "SageMaker",
    "sagemaker",
    "Sagemaker",
    "LabelingFunction",
    "GtRecipe",
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// A resource or a parameter.
fn resource<'t>(template: &'t Value, name: &str) -> &'t Value {
    let mut parts = ["Resources", "Parameters"].into_iter();
    let found = parts.find_map(|part| template.get(part)?.get(name));
    found.unwrap_or_else(|| panic!("template.yaml has no {name}"))
}

/// Actions of every statement in a part of the template.
fn actions_of(part: &Value) -> BTreeSet<String> {
    let actions = each(part, "Action").into_iter();
    actions.flat_map(texts).map(str::to_owned).collect()
}

fn rust_sources(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    let mut open = vec![folder.to_path_buf()];
    while let Some(folder) = open.pop() {
        let mut entries: Vec<_> = fs::read_dir(&folder)
            .unwrap_or_else(|error| panic!("{}: {error}", folder.display()))
            .flatten()
            .map(|entry| entry.path())
            .collect();
        entries.sort();
        for path in entries {
            if path.is_dir() {
                open.push(path);
            } else if path.extension().is_some_and(|ending| ending == "rs") {
                let text = read(&path);
                let shipped = text.split("#[cfg(test)]").next().unwrap_or_default();
                found.push(without_comments(shipped));
            }
        }
    }
    found
}

fn without_comments(source: &str) -> String {
    source
        .lines()
        .map(|line| line.split("//").next().unwrap_or_default())
        .collect::<Vec<_>>()
        .join("\n")
}

/// Names that are called as `.name(`, `::name(` or `name(`.
fn calls(source: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for (at, _) in source.match_indices('(') {
        let before = &source[..at];
        let before = before.strip_suffix("::<_>").unwrap_or(before);
        let name: String = before
            .chars()
            .rev()
            .take_while(|c| c.is_ascii_alphanumeric() || *c == '_')
            .collect();
        let name: String = name.chars().rev().collect();
        let is_definition = before[..before.len() - name.len()].ends_with("fn ");
        if !name.is_empty() && !is_definition {
            found.insert(name);
        }
    }
    found
}

/// Each function's name and body; functions of one name have their bodies joined.
fn bodies(sources: &[String]) -> BTreeMap<String, String> {
    let mut found: BTreeMap<String, String> = BTreeMap::new();
    for source in sources {
        let starts: Vec<usize> = source.match_indices("fn ").map(|(at, _)| at).collect();
        for (index, &at) in starts.iter().enumerate() {
            let end = starts.get(index + 1).copied().unwrap_or(source.len());
            let name = identifier(&source[at + 3..end]);
            let body = &source[at + 3 + name.len()..end];
            found.entry(name.to_owned()).or_default().push_str(body);
        }
    }
    found
}

/// The IAM actions of one SDK method.
///
/// Source: Service Authorization Reference, "Actions defined by Amazon S3" and "… by Amazon Rekognition": an
/// operation's action has its name, but for those below.
fn actions(method: &str) -> Option<&'static [&'static str]> {
    Some(match method {
        // Without s3:ListBucket a missing object is answered 403, not 404, and reads as a permission's lack.
        "get_object" | "head_object" => &["s3:GetObject", "s3:ListBucket"],
        "list_objects_v2" => &["s3:ListBucket"],
        "put_object" | "create_multipart_upload" | "upload_part" | "complete_multipart_upload" => {
            &["s3:PutObject"]
        }
        "abort_multipart_upload" => &["s3:AbortMultipartUpload"],
        "delete_object" => &["s3:DeleteObject"],
        "describe_projects" => &["rekognition:DescribeProjects"],
        "describe_dataset" => &["rekognition:DescribeDataset"],
        "create_dataset" => &["rekognition:CreateDataset"],
        "update_dataset_entries" => &["rekognition:UpdateDatasetEntries"],
        "list_dataset_entries" => &["rekognition:ListDatasetEntries"],
        "list_dataset_labels" => &["rekognition:ListDatasetLabels"],
        "describe_project_versions" => &["rekognition:DescribeProjectVersions"],
        "create_project_version" => &["rekognition:CreateProjectVersion"],
        "detect_custom_labels" => &["rekognition:DetectCustomLabels"],
        _ => return None,
    })
}

/// SDK methods that each function of shared/aws comes to call, itself or through others there.
fn sdk_calls() -> BTreeMap<String, BTreeSet<String>> {
    let bodies = bodies(&rust_sources(&root().join("shared/aws/src")));
    let direct: BTreeMap<&String, BTreeSet<String>> = bodies
        .iter()
        .map(|(name, body)| (name, calls(body)))
        .collect();
    bodies
        .keys()
        .map(|name| {
            let mut reached: BTreeSet<String> = BTreeSet::new();
            let mut open = vec![name.clone()];
            while let Some(name) = open.pop() {
                // An upload is a value that is written to and finished later.
                let later: &[&str] = if name == "upload" {
                    &["write", "finish", "abort"]
                } else {
                    &[]
                };
                let called = direct.get(&name).into_iter().flatten();
                for called in called
                    .cloned()
                    .chain(later.iter().map(|&name| name.to_owned()))
                {
                    // An SDK method and a function of ours may share a name: both count.
                    if reached.insert(called.clone()) && direct.contains_key(&called) {
                        open.push(called);
                    }
                }
            }
            let methods = reached.into_iter().filter(|name| actions(name).is_some());
            (name.clone(), methods.collect())
        })
        .collect()
}

/// IAM actions that a function's code needs, by what it calls of shared/aws.
///
/// A call counts when it is made on something named `s3` or `rekognition`, or when the function has no method of the
/// same name itself.
fn needed(package: &str, sdk_calls: &BTreeMap<String, BTreeSet<String>>) -> BTreeSet<String> {
    let sources = rust_sources(&root().join("functions").join(package).join("src"));
    let own = bodies(&sources);
    let mut called = BTreeSet::new();
    for source in &sources {
        called.extend(
            calls(source)
                .into_iter()
                .filter(|name| !own.contains_key(name)),
        );
        for receiver in ["s3", "rekognition"] {
            for after in source.split(receiver).skip(1) {
                if let Some(method) = after.trim_start().strip_prefix('.') {
                    called.insert(identifier(method).to_owned());
                }
            }
        }
    }
    called
        .iter()
        .filter_map(|name| sdk_calls.get(name))
        .flatten()
        .filter_map(|method| actions(method))
        .flatten()
        .map(|&action| action.to_owned())
        .collect()
}

/// The identifier that a text begins with; empty when it begins with none.
fn identifier(text: &str) -> &str {
    let end = text.find(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    &text[..end.unwrap_or(text.len())]
}

#[test]
fn every_sdk_method_has_its_action() {
    let mut n_methods = 0;
    for source in rust_sources(&root().join("shared/aws/src")) {
        for after in source.split("client").skip(1) {
            let Some(after) = after.trim_start().strip_prefix('.') else {
                continue;
            };
            let method = identifier(after);
            // `request` is the HTTP client's, by which the SDKs' calls travel.
            let is_call = after[method.len()..].starts_with('(');
            if !is_call || ["clone", "request"].contains(&method) {
                continue;
            }
            n_methods += 1;
            assert!(
                actions(method).is_some(),
                "shared/aws calls {method}: which IAM action does it take? Add it to actions() in tests/tests/template.rs"
            );
        }
    }
    assert!(
        n_methods > 10,
        "shared/aws has changed its form: this test sees {n_methods} SDK calls"
    );
}

#[test]
fn roles_allow_what_the_code_calls_and_nothing_more() {
    let template = template();
    let sdk_calls = sdk_calls();
    for (stem, package, beyond_code) in FUNCTIONS {
        let mut expected = needed(package, &sdk_calls);
        expected.extend(
            beyond_code
                .iter()
                .chain(&EVERY_ROLE)
                .map(|&action| action.to_owned()),
        );
        if expected.contains("s3:PutObject") {
            expected.insert("kms:GenerateDataKey".to_owned());
        }
        let mut allowed = actions_of(resource(&template, &format!("{stem}Role")));
        assert!(
            allowed.remove("sts:AssumeRole"),
            "{stem}Role can't be assumed"
        );
        let missing: Vec<_> = expected.difference(&allowed).collect();
        let surplus: Vec<_> = allowed.difference(&expected).collect();
        assert!(
            missing.is_empty() && surplus.is_empty(),
            "{stem}Role in template.yaml: functions/{package} calls {missing:?} without permission; {surplus:?} is allowed without need"
        );
    }
}

#[test]
fn stars_stand_only_where_a_service_knows_no_resources() {
    let template = template();
    let without_resources = [
        "xray:PutTraceSegments",
        "xray:PutTelemetryRecords",
        "rekognition:DescribeProjects",
        "cloudwatch:PutMetricData",
        // Lambda's guide grants these so: interfaces have no names before they are made. The functions' code may not use them.
        "ec2:CreateNetworkInterface",
        "ec2:DescribeNetworkInterfaces",
        "ec2:DescribeSubnets",
        "ec2:DeleteNetworkInterface",
        "ec2:AssignPrivateIpAddresses",
        "ec2:UnassignPrivateIpAddresses",
    ];
    let mut n_stars = 0;
    for statement in statements(&template) {
        if statement["Resource"] != "*" || statement["Effect"] == "Deny" {
            continue;
        }
        n_stars += 1;
        for action in actions_of(statement) {
            assert!(
                without_resources.contains(&action.as_str()),
                "{action} is allowed for every resource"
            );
        }
    }
    assert!(
        n_stars > 0,
        "the template's form has changed: this test sees no statement"
    );
}

#[test]
fn variables_are_read_and_documented() {
    let template = template();
    for (stem, package, _) in FUNCTIONS {
        let page = read(&root().join(format!("docs/functions/{package}.md")));
        let sources = rust_sources(&root().join("functions").join(package).join("src")).concat();
        let function = resource(&template, &format!("{stem}Function"));
        let variables = function["Properties"]["Environment"]["Variables"].as_object();
        let variables = variables.unwrap_or_else(|| panic!("{stem}Function has no variables"));
        let of_function = variables.keys().map(String::as_str);
        for name in of_function.chain(["LOG_LEVEL"]) {
            assert!(
                name.starts_with("MALLOC_") || sources.contains(&format!("\"{name}\"")), // glibc's own
                "template.yaml sets {name} for {stem}Function, but functions/{package} does not read it"
            );
            assert!(
                page.contains(&format!("`{name}`")),
                "template.yaml sets {name}, which docs/functions/{package}.md does not document"
            );
        }
    }
}

fn function_name<'t>(template: &'t Value, stem: &str) -> &'t Value {
    let function = resource(template, &format!("{stem}Function"));
    let name = function.pointer("/Properties/FunctionName");
    name.unwrap_or_else(|| panic!("{stem}Function has no name"))
}

#[test]
fn ground_truth_may_call_its_functions_and_no_other() {
    let template = template();
    let labeling_job_role = resource(&template, "LabelingJobRole");
    let arns = each(labeling_job_role, "!GetAtt");
    for stem in ["PreAnnotation", "Consolidation"] {
        let name = texts(function_name(&template, stem)).concat();
        assert!(
            WORDS.iter().any(|word| name.contains(word)),
            "the name of {stem}Function contains none of {WORDS:?}: {name}"
        );
        assert!(
            arns.iter()
                .any(|arn| **arn == format!("{stem}Function.Arn")),
            "LabelingJobRole may not call {stem}Function"
        );
    }
    let all = texts(labeling_job_role).concat();
    assert!(!all.contains("UpdaterFunction"));
    // A word stands there only as what the stack's name is split by, and what it is joined with again has none.
    let name = function_name(&template, "Updater");
    let splits = each(name, "!Split");
    for word in WORDS {
        let is_split = splits.iter().filter(|split| split[0] == word).count();
        assert_eq!(is_split, 1, "{word} in {name}");
        let is_there = texts(name).iter().filter(|it| it.contains(word)).count();
        assert_eq!(is_there, 1, "the updater's name keeps {word}: {name}");
    }
}

/// The policies' statements in a part of the template.
fn statements(part: &Value) -> Vec<&Value> {
    objects(part)
        .into_iter()
        .filter(|it| it.get("Sid").is_some())
        .collect()
}

fn statement<'t>(part: &'t Value, sid: &str) -> &'t Value {
    let found = statements(part).into_iter().find(|it| it["Sid"] == sid);
    found.unwrap_or_else(|| panic!("there is no statement {sid} in {part}"))
}

#[test]
fn a_labeling_job_writes_its_output_only_and_is_of_this_account() {
    let template = template();
    let role = resource(&template, "LabelingJobRole");
    for (key, expected) in [
        ("aws:SourceAccount", json!({"!Ref": "AWS::AccountId"})),
        (
            "aws:SourceArn",
            json!({"!Sub": "arn:${AWS::Partition}:sagemaker:${AWS::Region}:${AWS::AccountId}:*"}),
        ),
    ] {
        let found = each(role, key);
        assert!(found.contains(&&expected), "LabelingJobRole lacks {key}");
    }
    let writes = |statement: &&Value| actions_of(statement).contains("s3:PutObject");
    for statement in statements(role).into_iter().filter(writes) {
        let resource = texts(&statement["Resource"]);
        assert!(
            resource[0].ends_with(":s3:::${Bucket}/${JobsPrefix}*"),
            "LabelingJobRole may write elsewhere: {statement}"
        );
    }
    assert!(writes(&statement(role, "WriteOutput")));
}

#[test]
fn keys_are_used_by_way_of_the_services_that_need_them() {
    let template = template();
    let mut n_grants = 0;
    let is_of_key = |statement: &&Value| statement["Resource"] == json!({"!Ref": "KmsKeyArn"});
    for statement in statements(&template).into_iter().filter(is_of_key) {
        let actions = actions_of(statement);
        if actions.iter().any(|action| action != "kms:DescribeKey") {
            n_grants += 1;
            let services = each(statement, "kms:ViaService");
            assert!(!services.is_empty(), "{statement}");
        }
    }
    assert_eq!(n_grants, 4, "one for each function, and the labeling job's");
}

#[test]
fn consolidation_lists_worker_statistics_only() {
    let template = template();
    let role = resource(&template, "ConsolidationRole");
    let found = statement(role, "FindWorkerStatistics");
    let expected =
        json!({"!Sub": "${JobsPrefix}*/annotations/consolidated-annotation/worker-statistics/*"});
    assert_eq!(each(found, "s3:prefix"), [&expected]);
}

#[test]
fn what_is_overwritten_or_given_up_goes_in_the_end() {
    let template = template();
    let bucket = resource(&template, "JobsBucket");
    let files = read(&root().join("functions/dataset-updater/src/storage/files.rs"));
    let tag = files
        .split("PARTS_TAG: &str = \"")
        .nth(1)
        .and_then(|rest| rest.split('"').next())
        .and_then(|tag| tag.split_once('='));
    let Some((name, value)) = tag else {
        panic!("files.rs says no tag of the parts");
    };
    let tag = json!({"Key": name, "Value": value});
    assert!(
        objects(bucket).contains(&&tag),
        "JobsBucket has no rule for {tag}"
    );
    assert!(!each(bucket, "NoncurrentVersionExpiration").is_empty());
    assert_eq!(each(bucket, "ExpiredObjectDeleteMarker"), [&json!(true)]);
}

#[test]
fn every_role_keeps_the_accounts_rules() {
    let template = template();
    let resources = objects(&template["Resources"]);
    let roles = resources.iter().filter(|it| it["Type"] == "AWS::IAM::Role");
    assert_eq!(roles.count(), FUNCTIONS.len() + 1);
    let none = json!({"!Ref": "AWS::NoValue"});
    let boundary = json!({"!If": ["HasBoundary", {"!Ref": "PermissionsBoundaryArn"}, none]});
    let network = json!({"!If": ["InVpc", [{"!Ref": "NetworkPolicy"}], none]});
    for stem in FUNCTIONS
        .map(|(stem, ..)| stem)
        .into_iter()
        .chain(["LabelingJob"])
    {
        let role = resource(&template, &format!("{stem}Role"));
        let properties = &role["Properties"];
        assert_eq!(properties["Path"], json!({"!Ref": "RolePath"}), "{stem}");
        assert_eq!(properties["PermissionsBoundary"], boundary, "{stem}");
        if actions_of(role).iter().any(|it| it.starts_with("xray:")) {
            let conditions = each(role, "!If");
            assert!(
                conditions.iter().any(|it| it[0] == "Traces"),
                "{stem}Role traces in any case"
            );
        }
    }
    for (stem, ..) in FUNCTIONS {
        let role = resource(&template, &format!("{stem}Role"));
        assert_eq!(role["Properties"]["ManagedPolicyArns"], network, "{stem}");
    }
    let network = resource(&template, "NetworkPolicy");
    assert_eq!(statement(network, "NotFromCode")["Effect"], "Deny");
}

#[test]
fn deleting_the_stack_deletes_no_data() {
    let template = template();
    for name in ["JobsBucket", "JobsBucketPolicy"] {
        let resource = resource(&template, name);
        for policy in ["DeletionPolicy", "UpdateReplacePolicy"] {
            assert_eq!(resource[policy], "Retain", "{name} has another {policy}");
        }
    }
}

/// The number that stands under a key of a resource, be it written as a text.
fn number(template: &Value, resource_name: &str, key: &str) -> u64 {
    let found = each(resource(template, resource_name), key);
    let found = found
        .first()
        .unwrap_or_else(|| panic!("{resource_name} has no {key}"));
    let text = found.as_str().and_then(|text| text.parse().ok());
    let number = found.as_u64().or(text);
    number.unwrap_or_else(|| panic!("{resource_name}.{key} is no number: {found}"))
}

#[test]
fn the_function_gives_up_before_the_queue_does() {
    let template = template();
    assert!(
        number(&template, "UpdaterFunction", "MAX_RESUMPTIONS") + 10
            < number(&template, "ManifestQueue", "maxReceiveCount"),
        "a message is also received in vain, while another invocation holds the lease"
    );
}

#[test]
fn a_message_comes_back_soon_after_the_longest_call() {
    let template = template();
    let number = |resource_name, key| number(&template, resource_name, key);
    let updater = resource(&template, "UpdaterFunction");
    let timeout = &updater["Properties"]["Timeout"];
    assert_eq!(*timeout, json!({"!Ref": "UpdaterTimeout"}));
    let timeout_s = number("UpdaterTimeout", "MaxValue");
    let visibility_s = number("ManifestQueue", "VisibilityTimeout");
    // Lambda refuses a queue with less than the timeout; a message that comes back while its call runs is received in vain.
    assert!(
        (timeout_s + 30..=timeout_s + 120).contains(&visibility_s),
        "{visibility_s} s with a timeout of {timeout_s} s"
    );
    let receives_max = number("ManifestQueue", "maxReceiveCount");
    assert!(
        receives_max * visibility_s >= 24 * 3600,
        "an outage of a day"
    );
    assert!(!each(updater, "MaximumConcurrency").is_empty());
}

/// Crates that a package is built from, with their features.
fn crates_of(package: &str) -> BTreeMap<String, String> {
    let output = std::process::Command::new(env!("CARGO"))
        .current_dir(root())
        .args(["tree", "--offline", "--package", package])
        .args([
            "--edges",
            "normal,build",
            "--prefix",
            "none",
            "--format",
            "{p}|{f}",
        ])
        .output()
        .unwrap_or_else(|error| panic!("cargo tree: {error}"));
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8_lossy(&output.stdout)
        .lines()
        .filter_map(|line| line.trim_end_matches(" (*)").split_once('|'))
        .map(|(name, features)| (name.to_owned(), features.to_owned()))
        .collect()
}

/// `sam build` builds the functions one by one; a crate with other features, and all above it, is compiled again.
#[test]
fn functions_build_shared_crates_once() {
    let all: Vec<_> = FUNCTIONS
        .iter()
        .map(|(_, package, _)| (package, crates_of(package)))
        .collect();
    let (first, expected) = &all[0];
    for (package, crates) in &all {
        for (name, features) in crates {
            if let Some(expected) = expected.get(name) {
                assert_eq!(
                    features, expected,
                    "{name} has other features for {package} than for {first}: give it the same ones in the root Cargo.toml"
                );
            }
        }
    }
}
