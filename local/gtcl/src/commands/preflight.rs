//! `gtcl preflight`: what would make a labeling job fail, looked up in the account before it costs anything.

mod account;
mod aws_cli;
mod outcome;

use std::path::PathBuf;

use aws_config::{BehaviorVersion, Region};
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use manifest::LineSplitter;

use account::{Answer, Question, labels_offered, questions};
use outcome::{Outcome, summary};

use crate::arguments::task_type;
use crate::error::CommandError;
use crate::input;
use crate::job_request::availability::{NO_NEW_CUSTOMERS, of_mechanical_turk};
use crate::job_request::constraints::violations;
use crate::job_request::input_manifest::InputManifest;
use crate::job_request::{JobRequest, label_categories, task_template};
use crate::output::stdout::{print, say};
use labeling::TaskType;
use labeling::aws_names::{Arn, bucket_and_key};

/// Largest image, bytes, inclusive. Source: Ground Truth, input data quotas: 40 MB.
const IMAGE_BYTES_MAX: i64 = 40_000_000;
/// Largest request, label category file and template that are read, bytes.
const SMALL_FILE_BYTES_MAX: usize = 1 << 20;

/// Arguments of `gtcl preflight`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Reads with the credentials of the environment, as the AWS CLI does, in the work team's region, and writes nothing.
Exit code: 0 no problem was found, 1 a problem was found, 2 the request can't be read.")]
pub struct Args {
    /// File with the CreateLabelingJob request, as `gtcl job-request` prints it.
    request: PathBuf,
    /// What workers are asked for.
    #[arg(long, value_parser = task_type())]
    task_type: TaskType,
    /// Don't run the AWS CLI for the role, the functions and the job's name; print its commands.
    #[arg(long)]
    no_aws_cli: bool,
    /// Take a public work team and a price nevertheless. Mechanical Turk closed on 2026-09-30.
    #[arg(long)]
    mechanical_turk: bool,
}

/// Looks at the request, and with the credentials of the environment at the bucket, the manifest, the images, the
/// label categories, the template and the place of the output. The role, the functions and the job's name it looks up
/// with the AWS CLI, where that is installed. Prints one line a finding.
///
/// Answers 0 when nothing is wrong, 1 otherwise.
///
/// # Errors
///
/// Fails when the request can't be read.
pub async fn run(args: Args) -> Result<u8, CommandError> {
    let path = args.request.display();
    let text = input::read_text(&args.request, "the request", SMALL_FILE_BYTES_MAX as u64)?;
    let request: JobRequest = serde_json::from_str(&text).map_err(|error| {
        CommandError::new(format!("the request {path} can't be used: {error}"))
            .with_help("write it with `gtcl job-request`")
    })?;
    say(format!("note: {NO_NEW_CUSTOMERS}"));
    let closed = if args.mechanical_turk {
        Vec::new()
    } else {
        of_mechanical_turk(&request)
    };
    let mut outcomes: Vec<(String, Outcome)> = closed
        .into_iter()
        .map(|found| ("request".to_owned(), Outcome::Problem(found)))
        .collect();
    let looks = Preflight::new(request, args.task_type)
        .await
        .look(args.no_aws_cli)
        .await;
    outcomes.extend(looks);
    for (what, outcome) in &outcomes {
        print(format!("{what:<27} {outcome}"));
    }
    print(summary(&outcomes));
    let has_problem = outcomes
        .iter()
        .any(|(_, outcome)| matches!(outcome, Outcome::Problem(_)));
    Ok(u8::from(has_problem))
}

struct Preflight {
    s3: aws_sdk_s3::Client,
    request: JobRequest,
    task_type: TaskType,
    found: Vec<(String, Outcome)>,
}

impl Preflight {
    async fn new(request: JobRequest, task_type: TaskType) -> Self {
        let mut shared =
            aws_config::defaults(BehaviorVersion::latest()).http_client(aws::http_client());
        // The job's own, wherever the person who asks works otherwise.
        if let Some(arn) = Arn::parse(&request.human_task_config.workteam_arn) {
            shared = shared.region(Region::new(arn.region.to_owned()));
        }
        let shared = shared.load().await;
        // Path style works with Amazon's endpoints, and is the only one that works with a server on this machine.
        let config = aws_sdk_s3::config::Builder::from(&shared)
            .force_path_style(true)
            .build();
        Self {
            s3: aws_sdk_s3::Client::from_conf(config),
            request,
            task_type,
            found: Vec::new(),
        }
    }

    fn say(&mut self, what: impl Into<String>, outcome: Outcome) {
        self.found.push((what.into(), outcome));
    }

    async fn look(mut self, no_aws_cli: bool) -> Vec<(String, Outcome)> {
        let violations = violations(&self.request);
        if violations.is_empty() {
            self.say(
                "request",
                Outcome::Fine("every documented constraint holds".to_owned()),
            );
        }
        for violation in violations {
            self.say("request", Outcome::Problem(violation.to_string()));
        }
        let manifest = self.look_at_manifest().await;
        let buckets: Vec<String> = manifest.buckets().map(str::to_owned).collect();
        for bucket in &buckets {
            self.look_at_bucket(bucket).await;
        }
        self.look_at_images(&manifest).await;
        self.look_at_categories().await;
        self.look_at_template().await;
        self.look_at_output().await;
        self.look_at_account(&manifest, no_aws_cli).await;
        self.found
    }

    async fn look_at_manifest(&mut self) -> InputManifest {
        let what = "input manifest";
        let mut manifest = InputManifest::new(&self.request.label_attribute_name);
        let uri = self
            .request
            .input_config
            .data_source
            .s3_data_source
            .manifest_s3_uri
            .clone();
        let Some((bucket, key)) = bucket_and_key(&uri) else {
            return manifest;
        };
        let answer = self.s3.get_object().bucket(bucket).key(key).send().await;
        let mut body = match answer {
            Ok(answer) => answer.body,
            Err(error) => {
                self.say(
                    what,
                    Outcome::Problem(format!("{uri} can't be read: {}", reason_of(&error))),
                );
                return manifest;
            }
        };
        let mut lines = LineSplitter::new(manifest::LINE_BYTES_MAX);
        loop {
            let has_more = match body.next().await {
                Some(Ok(bytes)) => {
                    lines.feed(&bytes);
                    true
                }
                Some(Err(error)) => {
                    self.say(
                        what,
                        Outcome::Problem(format!("{uri} broke off while it was read: {error}")),
                    );
                    return manifest;
                }
                None => {
                    lines.finish();
                    false
                }
            };
            while let Some((line_number, line)) = lines.next_line() {
                manifest.take(line_number, line);
            }
            if !has_more {
                break;
            }
        }
        let problems = manifest.problems();
        if problems.is_empty() {
            self.say(
                what,
                Outcome::Fine(format!("{} data objects", manifest.n_lines())),
            );
        }
        for problem in problems {
            self.say(what, Outcome::Problem(problem));
        }
        manifest
    }

    async fn look_at_bucket(&mut self, bucket: &str) {
        let what = format!("bucket {bucket}");
        if let Some(outcome) = reach_of_stack(bucket, &self.request.output_config.s3_output_path) {
            self.say(what.clone(), outcome);
        }
        let region = Arn::parse(&self.request.human_task_config.workteam_arn)
            .map(|arn| arn.region.to_owned())
            .unwrap_or_default();
        let outcome = match self.s3.get_bucket_location().bucket(bucket).send().await {
            Ok(answer) => {
                let found = region_of(answer.location_constraint().map(|region| region.as_str()));
                if found == region {
                    Outcome::Fine(format!("in {region}, as the functions and the work team"))
                } else {
                    Outcome::Problem(format!(
                        "is in {found}; the functions and the work team are in {region}"
                    ))
                }
            }
            Err(error) => Outcome::NotChecked(format!(
                "its region, which must be {region}: {}",
                reason_of(&error)
            )),
        };
        self.say(what.clone(), outcome);

        let fix = format!(
            "aws s3api put-bucket-cors --bucket {bucket} --cors-configuration '{{\"CORSRules\":[{{\"AllowedHeaders\":[],\"AllowedMethods\":[\"GET\"],\"AllowedOrigins\":[\"*\"],\"ExposeHeaders\":[\"Access-Control-Allow-Origin\"]}}]}}'"
        );
        let outcome = match self.s3.get_bucket_cors().bucket(bucket).send().await {
            Ok(answer) => {
                let is_allowed = answer
                    .cors_rules()
                    .iter()
                    .any(|rule| lets_workers_fetch(rule.allowed_methods(), rule.allowed_origins()));
                if is_allowed {
                    Outcome::Fine("its CORS rules let workers' browsers fetch images".to_owned())
                } else {
                    Outcome::Problem(format!(
                        "no CORS rule allows GET from every origin, each task would fail; {fix}"
                    ))
                }
            }
            Err(error) if error.code() == Some("NoSuchCORSConfiguration") => {
                Outcome::Problem(format!("it has no CORS rules, each task would fail; {fix}"))
            }
            Err(error) => Outcome::NotChecked(format!("its CORS rules: {}", reason_of(&error))),
        };
        self.say(what, outcome);
    }

    async fn look_at_images(&mut self, manifest: &InputManifest) {
        let what = "images";
        let n_problems = self.found.len();
        for uri in manifest.samples() {
            let Some((bucket, key)) = bucket_and_key(uri) else {
                continue;
            };
            match self.s3.head_object().bucket(bucket).key(key).send().await {
                Ok(head) => {
                    let n_bytes = head.content_length().unwrap_or_default();
                    if n_bytes > IMAGE_BYTES_MAX {
                        self.say(
                            what,
                            Outcome::Problem(format!(
                                "{uri} has {n_bytes} bytes; {IMAGE_BYTES_MAX} is the limit"
                            )),
                        );
                    }
                }
                Err(error) => {
                    self.say(
                        what,
                        Outcome::Problem(format!("{uri} can't be read: {}", reason_of(&error))),
                    );
                }
            }
        }
        if self.found.len() == n_problems && !manifest.samples().is_empty() {
            self.say(
                what,
                Outcome::Fine(format!(
                    "the first {} are there, none too large",
                    manifest.samples().len()
                )),
            );
        }
    }

    /// The text of a small object, or what stands in the way.
    async fn small_file(&self, uri: &str) -> Result<String, Outcome> {
        let Some((bucket, key)) = bucket_and_key(uri) else {
            return Err(Outcome::Problem(format!("{uri:?} is no s3:// URI")));
        };
        let unreadable =
            |reason: String| Outcome::Problem(format!("{uri} can't be read: {reason}"));
        let mut body = match self.s3.get_object().bucket(bucket).key(key).send().await {
            Ok(answer) => answer.body,
            Err(error) => return Err(unreadable(reason_of(&error))),
        };
        let mut bytes = Vec::new();
        while let Some(piece) = body.next().await {
            bytes.extend_from_slice(&piece.map_err(|error| unreadable(error.to_string()))?);
            if bytes.len() > SMALL_FILE_BYTES_MAX {
                return Err(Outcome::Problem(format!(
                    "{uri} is larger than {SMALL_FILE_BYTES_MAX} bytes"
                )));
            }
        }
        String::from_utf8(bytes).map_err(|_| Outcome::Problem(format!("{uri} is not UTF-8 text")))
    }

    async fn look_at_categories(&mut self) {
        let what = "label categories";
        let Some(uri) = self.request.label_category_config_s3_uri.clone() else {
            return;
        };
        match self.small_file(&uri).await {
            Err(outcome) => self.say(what, outcome),
            Ok(text) => {
                let problems = label_categories::problems(&text, self.task_type);
                if problems.is_empty() {
                    let mut seen = vec![format!("fit a {} job", self.task_type.as_str())];
                    seen.extend(label_categories::notes(&text));
                    self.say(what, Outcome::Fine(seen.join("; ")));
                }
                for problem in problems {
                    self.say(what, Outcome::Problem(format!("{uri}: {problem}")));
                }
            }
        }
    }

    async fn look_at_template(&mut self) {
        let what = "worker task template";
        let uri = self
            .request
            .human_task_config
            .ui_config
            .ui_template_s3_uri
            .clone();
        let outcome = match self.small_file(&uri).await {
            Err(outcome) => outcome,
            Ok(text) => match task_template::problem(&text, self.task_type) {
                Some(problem) => Outcome::Problem(format!("{uri} {problem}")),
                None if task_template::has_form(&text) => {
                    Outcome::Fine("shows the task input in a form".to_owned())
                }
                None => Outcome::NotChecked(format!(
                    "{uri} has no crowd-form; it must submit the answer by itself"
                )),
            },
        };
        self.say(what, outcome);
    }

    async fn look_at_output(&mut self) {
        let what = "output";
        let path = self.request.output_config.s3_output_path.clone();
        let Some((bucket, prefix)) = bucket_and_key(&path) else {
            return;
        };
        let separator = if prefix.is_empty() || prefix.ends_with('/') {
            ""
        } else {
            "/"
        };
        let folder = format!("{prefix}{separator}{}/", self.request.labeling_job_name);
        let answer = self
            .s3
            .list_objects_v2()
            .bucket(bucket)
            .prefix(&folder)
            .max_keys(1)
            .send()
            .await;
        let outcome = match answer {
            Err(error) => Outcome::Problem(format!(
                "s3://{bucket} can't be listed: {}",
                reason_of(&error)
            )),
            Ok(answer) if !answer.contents().is_empty() => Outcome::Problem(format!(
                "s3://{bucket}/{folder} has files of an earlier job; choose another job name"
            )),
            Ok(_) => Outcome::Fine(format!("nothing lies at s3://{bucket}/{folder} yet")),
        };
        self.say(what, outcome);
    }

    /// What takes other services than S3.
    async fn look_at_account(&mut self, manifest: &InputManifest, no_aws_cli: bool) {
        let questions = questions(&self.request, manifest.samples());
        let commands: Vec<_> = questions.iter().map(Question::arguments).collect();
        let answers = if no_aws_cli {
            Err("--no-aws-cli")
        } else {
            let asked = tokio::task::spawn_blocking(move || aws_cli::ask(&commands)).await;
            asked.ok().flatten().ok_or("there is no `aws` on the PATH")
        };
        match answers {
            Ok(answers) => self.judge_account(manifest, &questions, &answers),
            Err(reason) => {
                self.say(
                    "role, functions, job name",
                    Outcome::NotChecked(format!("{reason}; these commands do it")),
                );
                for question in questions {
                    self.say(question.what(), Outcome::NotChecked(question.command()));
                }
            }
        }
    }

    fn judge_account(
        &mut self,
        manifest: &InputManifest,
        questions: &[Question],
        answers: &[Answer],
    ) {
        let task = &self.request.human_task_config;
        let pre_annotation = task.pre_human_task_lambda_arn.clone();
        let categories = self.request.label_category_config_s3_uri.clone();
        for (question, answer) in questions.iter().zip(answers) {
            for outcome in question.judge(answer) {
                self.say(question.what(), outcome);
            }
            let is_offering =
                matches!(question, Question::Function { arn, .. } if *arn == pre_annotation);
            if let Some(categories) = categories.as_ref().filter(|_| is_offering) {
                let n_without = (manifest.n_lines() > 0).then(|| manifest.n_without_labels());
                let outcome = labels_offered(categories, n_without, answer);
                self.say("labels offered", outcome);
            }
        }
    }
}

/// What images in another bucket than the output's take: the stack's functions reach the output's only, and Custom
/// Labels reads images with the dataset-updater's rights.
fn reach_of_stack(bucket: &str, output: &str) -> Option<Outcome> {
    let (own_bucket, _) = bucket_and_key(output)?;
    (bucket != own_bucket).then(|| {
        Outcome::NotChecked(format!(
            "whether the dataset-updater's role may read it; the stack lets it read {own_bucket} only, and labels of images that it can't read don't land: copy the images, or add to the role s3:GetObject, GetObjectVersion, GetObjectAcl, GetObjectTagging, ListBucket, GetBucketAcl and GetBucketLocation on {bucket}"
        ))
    })
}

/// Whether one CORS rule lets a browser on any page fetch an image.
///
/// Source: Ground Truth Developer Guide, "CORS permission requirement".
fn lets_workers_fetch(methods: &[String], origins: &[String]) -> bool {
    methods.iter().any(|method| method == "GET") && origins.iter().any(|origin| origin == "*")
}

/// A bucket's region. S3 answers nothing for us-east-1, and `EU` for old buckets in eu-west-1.
fn region_of(location_constraint: Option<&str>) -> &str {
    match location_constraint {
        None | Some("") => "us-east-1",
        Some("EU") => "eu-west-1",
        Some(region) => region,
    }
}

/// The service's code and message, or what kept the call from it.
fn reason_of<E: ProvideErrorMetadata, R>(error: &SdkError<E, R>) -> String {
    match (error.code(), error.message()) {
        (Some(code), Some(message)) => format!("{code}: {message}"),
        (Some(code), None) => code.to_owned(),
        (None, _) => match error {
            SdkError::ServiceError(_) => {
                "the service refused it without a code; the object or the permission may be missing"
                    .to_owned()
            }
            SdkError::TimeoutError(_) => "no answer in time".to_owned(),
            SdkError::DispatchFailure(_) => {
                "no connection, or no credentials (AWS_PROFILE)".to_owned()
            }
            _ => "the call failed before it was sent, or its answer can't be read".to_owned(),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cors_rules() {
        let check = |methods: &[&str], origins: &[&str], expected| {
            let own = |texts: &[&str]| {
                texts
                    .iter()
                    .map(|&text| text.to_owned())
                    .collect::<Vec<_>>()
            };
            assert_eq!(
                lets_workers_fetch(&own(methods), &own(origins)),
                expected,
                "{methods:?} {origins:?}"
            );
        };
        check(&["GET"], &["*"], true);
        check(&["PUT", "GET"], &["https://example.com", "*"], true);
        check(&["PUT"], &["*"], false);
        check(&["GET"], &["https://example.com"], false);
        check(&[], &[], false);
    }

    #[test]
    fn images_outside_the_stacks_bucket() {
        let output = "s3://gt-jobs/labeling-jobs/";
        assert_eq!(reach_of_stack("gt-jobs", output), None);
        let Some(Outcome::NotChecked(said)) = reach_of_stack("elsewhere", output) else {
            panic!("another bucket than the output's is not named");
        };
        assert!(
            said.contains("read gt-jobs only") && said.ends_with("on elsewhere"),
            "{said}"
        );
    }

    #[test]
    fn regions() {
        assert_eq!(region_of(None), "us-east-1");
        assert_eq!(region_of(Some("")), "us-east-1");
        assert_eq!(region_of(Some("EU")), "eu-west-1");
        assert_eq!(region_of(Some("eu-central-1")), "eu-central-1");
    }
}
