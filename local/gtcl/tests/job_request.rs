//! `gtcl job-request` and `gtcl preflight` as a person runs them: arguments in, text and exit code out. S3 is the
//! embedded one. The AWS CLI is an
//! executable of the test that answers what ministack and Amazon answered.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::fs;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use aws_sdk_s3::Client;
use aws_sdk_s3::config::{BehaviorVersion, Config, Credentials, Region};
use aws_sdk_s3::types::{CorsConfiguration, CorsRule};
use services::faults::Faults;
use services::s3::S3Server;
use services::{ACCESS_KEY, REGION, SECRET_KEY};
use tokio::process::Command;

const OUTPUTS: &str = r#"{
    "PreAnnotationFunctionArn": "arn:aws:lambda:us-east-1:111122223333:function:gt-SageMaker-pre-annotation",
    "ConsolidationFunctionArn": "arn:aws:lambda:us-east-1:111122223333:function:gt-SageMaker-consolidation",
    "LabelingJobRoleArn": "arn:aws:iam::111122223333:role/gt-LabelingJobRole-1ABC",
    "Bucket": "gt-jobs",
    "JobsPath": "s3://gt-jobs/labeling-jobs/"
}"#;
const WORKTEAM: &str = "arn:aws:sagemaker:us-east-1:111122223333:workteam/private-crowd/birders";
const CATEGORIES: &str =
    r#"{"document-version":"2018-11-28","labels":[{"label":"Duck"},{"label":"Owl"}]}"#;
const TEMPLATE: &str = "<crowd-form>{{ task.input.taskObject | grant_read_access }}</crowd-form>";

struct Answer {
    code: Option<i32>,
    out: String,
    err: String,
}

/// With no AWS CLI to be found.
async fn gtcl(endpoint: &str, arguments: &[&str]) -> Answer {
    gtcl_with_path(Path::new("/nonexistent"), endpoint, arguments).await
}

async fn gtcl_with_path(path: &Path, endpoint: &str, arguments: &[&str]) -> Answer {
    let output = Command::new(env!("CARGO_BIN_EXE_gtcl"))
        .args(arguments)
        .env("PATH", path)
        .env("AWS_ENDPOINT_URL", endpoint)
        .env("AWS_ACCESS_KEY_ID", ACCESS_KEY)
        .env("AWS_SECRET_ACCESS_KEY", SECRET_KEY)
        // The request says which region it is about.
        .env_remove("AWS_REGION")
        .env_remove("AWS_DEFAULT_REGION")
        .env("AWS_EC2_METADATA_DISABLED", "true")
        .env("AWS_CONFIG_FILE", "/nonexistent")
        .env_remove("AWS_PROFILE")
        .output()
        .await
        .unwrap();
    Answer {
        code: output.status.code(),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    }
}

fn put(root: &Path, key: &str, content: &str) {
    let path = root.join("gt-jobs").join(key);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, content).unwrap();
}

fn request_arguments(outputs: &Path) -> Vec<String> {
    [
        "job-request",
        "--stack-outputs",
        outputs.to_str().unwrap(),
        "--task-type",
        "single-label",
        "--job-name",
        "birds-1",
        "--manifest",
        "s3://gt-jobs/birds.manifest",
        "--categories",
        "s3://gt-jobs/categories.json",
        "--workteam",
        WORKTEAM,
    ]
    .map(str::to_owned)
    .to_vec()
}

#[tokio::test]
async fn job_request_says_how_stack_outputs_are_written() {
    let folder = tempfile::tempdir().unwrap();
    let outputs = folder.path().join("stack.json");
    for content in [None, Some("{"), Some("[]")] {
        if let Some(content) = content {
            fs::write(&outputs, content).unwrap();
        }
        let arguments = request_arguments(&outputs);
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let answer = gtcl("http://127.0.0.1:1", &arguments).await;
        assert_eq!((answer.code, answer.out.as_str()), (Some(2), ""));
        let help = "\nhelp: write it with `aws cloudformation describe-stacks --stack-name NAME --output json > ";
        assert!(answer.err.contains(help), "{}", answer.err);
    }
}

#[tokio::test]
async fn job_request_prints_the_request_alone() {
    let folder = tempfile::tempdir().unwrap();
    let outputs = folder.path().join("outputs.json");
    fs::write(&outputs, OUTPUTS).unwrap();
    let mut arguments = request_arguments(&outputs);
    let run = async |arguments: &[String]| {
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        gtcl("http://127.0.0.1:9", &arguments).await
    };

    let answer = run(&arguments).await;
    assert_eq!(answer.code, Some(0), "{}", answer.err);
    let request: serde_json::Value = serde_json::from_str(&answer.out).unwrap();
    assert_eq!(
        request["OutputConfig"]["S3OutputPath"],
        "s3://gt-jobs/labeling-jobs/"
    );
    assert_eq!(
        request["HumanTaskConfig"]["UiConfig"]["UiTemplateS3Uri"],
        "s3://gt-jobs/templates/single-label.liquid.html"
    );
    assert!(answer.err.contains("note: "));

    arguments.extend(["--output", "s3://gt-jobs/elsewhere/"].map(str::to_owned));
    let answer = run(&arguments).await;
    assert_eq!((answer.code, answer.out.as_str()), (Some(1), ""));
    assert!(answer.err.contains("JobsPrefix"), "{}", answer.err);
    arguments.truncate(arguments.len() - 2);

    let categories = folder.path().join("categories.json");
    fs::write(
        &categories,
        r#"{"document-version":"2018-11-28","labels":[{"label":"Duck"}]}"#,
    )
    .unwrap();
    arguments.extend([
        "--categories-file".to_owned(),
        categories.to_str().unwrap().to_owned(),
    ]);
    let answer = run(&arguments).await;
    assert_eq!((answer.code, answer.out.as_str()), (Some(1), ""));
    assert!(answer.err.contains("needs at least 2"), "{}", answer.err);

    fs::write(&outputs, "{}").unwrap();
    let answer = run(&request_arguments(&outputs)).await;
    assert_eq!((answer.code, answer.out.as_str()), (Some(2), ""));
    assert!(
        answer.err.contains("PreAnnotationFunctionArn"),
        "{}",
        answer.err
    );
}

#[tokio::test]
async fn mechanical_turk_takes_insisting() {
    let folder = tempfile::tempdir().unwrap();
    let outputs = folder.path().join("outputs.json");
    fs::write(&outputs, OUTPUTS).unwrap();
    let mut arguments = request_arguments(&outputs);
    let team = arguments.last_mut().unwrap();
    *team = "arn:aws:sagemaker:us-east-1:394669845002:workteam/public-crowd/default".to_owned();
    let mut arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let answer = gtcl("http://127.0.0.1:9", &arguments).await;
    assert_eq!((answer.code, answer.out.as_str()), (Some(1), ""));
    assert!(
        answer.err.contains("closed on 2026-09-30"),
        "{}",
        answer.err
    );

    arguments.push("--mechanical-turk");
    let answer = gtcl("http://127.0.0.1:9", &arguments).await;
    assert_eq!(answer.code, Some(0), "{}", answer.err);
    assert!(answer.err.contains("no new customers"), "{}", answer.err);

    let request = folder.path().join("request.json");
    fs::write(&request, answer.out).unwrap();
    let mut arguments = vec!["preflight", request.to_str().unwrap()];
    arguments.extend(["--task-type", "single-label"]);
    let answer = gtcl("http://127.0.0.1:9", &arguments).await;
    let closed = |out: &str| {
        out.lines()
            .filter(|line| line.contains("PROBLEM") && line.contains("closed on 2026-09-30"))
            .count()
    };
    assert_eq!(closed(&answer.out), 1, "{}", answer.out);
    assert!(answer.err.contains("no new customers"), "{}", answer.err);
    arguments.push("--mechanical-turk");
    let answer = gtcl("http://127.0.0.1:9", &arguments).await;
    assert_eq!(closed(&answer.out), 0, "{}", answer.out);
}

/// An embedded S3 and a request for a job in it.
struct Desk {
    folder: tempfile::TempDir,
    root: PathBuf,
    request: PathBuf,
    endpoint: String,
    _s3: S3Server,
}

impl Desk {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("s3");
        let address = SocketAddr::from(([127, 0, 0, 1], 0));
        let s3 = S3Server::start(&root, address, Faults::default())
            .await
            .unwrap();
        let endpoint = s3.endpoint();
        let outputs = folder.path().join("outputs.json");
        fs::write(&outputs, OUTPUTS).unwrap();
        let arguments = request_arguments(&outputs);
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let request = folder.path().join("request.json");
        fs::write(&request, gtcl(&endpoint, &arguments).await.out).unwrap();
        Self {
            folder,
            root,
            request,
            endpoint,
            _s3: s3,
        }
    }

    /// Puts everything there that the job needs.
    async fn make_good(&self) {
        let line = |index: u32| format!("{{\"source-ref\":\"s3://gt-jobs/images/{index}.jpg\"}}\n");
        let manifest: String = (0..3).map(line).collect();
        put(&self.root, "birds.manifest", &manifest);
        for index in 0..3 {
            put(&self.root, &format!("images/{index}.jpg"), "an image");
        }
        put(&self.root, "categories.json", CATEGORIES);
        put(&self.root, "templates/single-label.liquid.html", TEMPLATE);
        self.allow_browsers().await;
    }

    /// Gives the bucket the CORS rule that workers' browsers need.
    async fn allow_browsers(&self) {
        let rule = CorsRule::builder()
            .allowed_methods("GET")
            .allowed_origins("*")
            .build()
            .unwrap();
        let rules = CorsConfiguration::builder().cors_rules(rule).build();
        let config = Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .http_client(aws::plain_http_client())
            .region(Region::from_static(REGION))
            .endpoint_url(&self.endpoint)
            .credentials_provider(Credentials::new(ACCESS_KEY, SECRET_KEY, None, None, "test"))
            .force_path_style(true)
            .build();
        let put = Client::from_conf(config).put_bucket_cors();
        let put = put.bucket("gt-jobs").cors_configuration(rules.unwrap());
        put.send().await.unwrap();
    }

    /// An `aws` that does what `script` says after `case "$1 $2" in`, and the folder where it lies.
    fn aws_cli(&self, script: &str) -> PathBuf {
        let folder = self.folder.path().join("bin");
        fs::create_dir_all(&folder).unwrap();
        let program = folder.join("aws");
        let script = format!("#!/bin/sh\ncase \"$1 $2\" in\n{script}\nesac\n");
        fs::write(&program, script).unwrap();
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
        folder
    }
}

/// What a stack as it should be answers: what ministack answered, and of IAM's simulation what Amazon documents.
const GOOD: &str = r#"
"iam get-role") echo '{"Role":{"Path":"/","RoleName":"gt-LabelingJobRole-1ABC","Arn":"arn:aws:iam::111122223333:role/gt-LabelingJobRole-1ABC","AssumeRolePolicyDocument":{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"sagemaker.amazonaws.com"},"Action":"sts:AssumeRole"}]}}}' ;;
"iam simulate-principal-policy")
  shift 5; action=$1; shift 2; results=
  while [ "${1#--}" = "$1" ]; do
    results="$results${results:+,}{\"EvalActionName\":\"$action\",\"EvalResourceName\":\"$1\",\"EvalDecision\":\"allowed\",\"MissingContextValues\":[]}"
    shift
  done
  echo "{\"EvaluationResults\":[$results]}" ;;
"lambda get-function-configuration") echo "{\"FunctionName\":\"${4##*:}\",\"FunctionArn\":\"$4\",\"State\":\"Active\",\"LastUpdateStatus\":\"Successful\",\"Environment\":{\"Variables\":{\"LABEL_CATEGORIES_S3_URI\":\"s3://gt-jobs/categories.json\"}}}" ;;
"sagemaker describe-labeling-job") echo "An error occurred (ValidationException) when calling the DescribeLabelingJob operation: Requested resource not found." >&2; exit 254 ;;
"#;

#[tokio::test]
async fn preflight_asks_the_account_through_the_aws_cli() {
    let desk = Desk::new().await;
    desk.make_good().await;
    let request = desk.request.to_str().unwrap();
    let preflight = async |before: &str, options: &[&str]| {
        let path = desk.aws_cli(&format!("{before}{GOOD}"));
        let arguments = [
            &["preflight", request, "--task-type", "single-label"],
            options,
        ]
        .concat();
        gtcl_with_path(&path, &desk.endpoint, &arguments).await
    };
    let answer = preflight("", &[]).await;
    assert_eq!(answer.code, Some(0), "{}{}", answer.out, answer.err);
    for part in [
        "role                        ok       gt-LabelingJobRole-1ABC trusts sagemaker.amazonaws.com",
        "role, lambda:InvokeFunction ok ",
        "role, s3:PutObject          ok       allowed on arn:aws:s3:::gt-jobs/labeling-jobs/birds-1/manifests/output/output.manifest",
        "gt-SageMaker-consolidation is there and active",
        "workers choose from the job's label category file",
        "no labeling job is called birds-1",
    ] {
        assert!(answer.out.contains(part), "{part}: {}", answer.out);
    }
    // Of what the account is asked, nothing stays open.
    assert!(!answer.out.contains("not checked: aws"), "{}", answer.out);

    let missing = "\"lambda get-function-configuration\") echo \"An error occurred (ResourceNotFoundException) when calling the GetFunctionConfiguration operation: Function not found: $4\" >&2; exit 254 ;;";
    let answer = preflight(missing, &[]).await;
    assert_eq!(answer.code, Some(1), "{}", answer.out);
    assert_eq!(
        answer
            .out
            .matches("PROBLEM  there is no function arn")
            .count(),
        2,
        "{}",
        answer.out
    );

    let speechless = "*) echo 'Unable to locate credentials' >&2; exit 253 ;;";
    let answer = preflight(speechless, &[]).await;
    assert_eq!(answer.code, Some(0), "{}", answer.out);
    let n_open = answer.out.matches(": Unable to locate credentials").count();
    assert_eq!(n_open, 8, "{}", answer.out);

    let unwanted = "*) echo run >> \"${0%/*}/run\"; exit 1 ;;";
    let answer = preflight(unwanted, &["--no-aws-cli"]).await;
    assert_eq!(answer.code, Some(0), "{}", answer.out);
    assert!(
        answer
            .out
            .contains("not checked: --no-aws-cli; these commands do it"),
        "{}",
        answer.out
    );
    assert!(answer.out.contains("aws iam get-role"), "{}", answer.out);
    assert!(!desk.folder.path().join("bin/run").exists());
}

#[tokio::test]
async fn preflight_finds_what_stands_in_the_way() {
    let desk = Desk::new().await;
    let (root, endpoint, request) = (&desk.root, &desk.endpoint, &desk.request);
    let preflight = async || {
        gtcl(
            endpoint,
            &[
                "preflight",
                request.to_str().unwrap(),
                "--task-type",
                "single-label",
            ],
        )
        .await
    };

    desk.make_good().await;
    let answer = preflight().await;
    assert_eq!(answer.code, Some(0), "{}{}", answer.out, answer.err);
    assert!(answer.out.contains("3 data objects"), "{}", answer.out);
    let said_once = answer.out.matches("there is no `aws` on the PATH").count();
    assert_eq!(said_once, 1, "{}", answer.out);
    for part in [
        "not checked: aws iam simulate-principal-policy ",
        "not checked: aws lambda get-function-configuration ",
        "; not checked: ",
    ] {
        assert!(answer.out.contains(part), "{part}: {}", answer.out);
    }

    let own = |key: &str| root.join("gt-jobs").join(key);
    type Break<'a> = Box<dyn Fn() + 'a>;
    let broken: [(Break<'_>, &str); 8] = [
        (
            Box::new(|| fs::remove_file(own("birds.manifest")).unwrap()),
            "birds.manifest can't be read",
        ),
        (
            Box::new(|| {
                put(
                    root,
                    "birds.manifest",
                    "{\"source-ref\":\"s3://gt-jobs/1.jpg\",\"birds-1\":0}",
                )
            }),
            "line 1 already has \"birds-1\"",
        ),
        (
            Box::new(|| fs::remove_file(own("images/1.jpg")).unwrap()),
            "images/1.jpg can't be read",
        ),
        (
            Box::new(|| fs::remove_file(own("categories.json")).unwrap()),
            "categories.json can't be read",
        ),
        (
            Box::new(|| put(root, "categories.json", "{}")),
            "not a label category file",
        ),
        (
            Box::new(|| fs::remove_file(own("templates/single-label.liquid.html")).unwrap()),
            "single-label.liquid.html can't be read",
        ),
        (
            Box::new(|| {
                put(
                    root,
                    "templates/single-label.liquid.html",
                    "<crowd-form></crowd-form>",
                )
            }),
            "never uses task.input",
        ),
        (
            Box::new(|| {
                put(
                    root,
                    "labeling-jobs/birds-1/manifests/output/output.manifest",
                    "{}",
                )
            }),
            "files of an earlier job",
        ),
    ];
    for (break_it, expected) in broken {
        desk.make_good().await;
        break_it();
        let answer = preflight().await;
        assert_eq!(
            answer.code,
            Some(1),
            "{expected}: {}{}",
            answer.out,
            answer.err
        );
        assert!(answer.out.contains(expected), "{expected}: {}", answer.out);
    }
}
