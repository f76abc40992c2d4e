//! What Ground Truth documents about the values of a CreateLabelingJob request.
//!
//! Checked here is what can be known from the request alone, so that it costs no call and no job that fails an hour
//! later. What it leaves to the account (does the bucket have a CORS rule, are the labels unique, is the job's name
//! still free) is in [`reminders`] and in `gtcl preflight`.
//!
//! Lengths count characters, as the service does.
//!
//! Sources: CreateLabelingJob and its types, API Reference (botocore's model has the same figures); Developer Guide,
//! "Reusing data", "Ground Truth managed policies", "Custom labeling workflows", "Automate data labeling".

use std::collections::BTreeSet;

use super::{HumanTaskConfig, JobRequest, Tag};

/// `LabelingJobName` at most, characters.
pub const JOB_NAME_CHARS_MAX: usize = 63;
/// `LabelAttributeName` at most, characters.
pub const LABEL_ATTRIBUTE_CHARS_MAX: usize = 127;
/// An S3 URI at most, characters.
pub const S3_URI_CHARS_MAX: usize = 1024;
/// `RoleArn`, characters.
pub const ROLE_ARN_CHARS: std::ops::RangeInclusive<usize> = 20..=2048;
/// A Lambda function's ARN at most, characters.
pub const FUNCTION_ARN_CHARS_MAX: usize = 2048;
/// `WorkteamArn` at most, characters.
pub const WORKTEAM_ARN_CHARS_MAX: usize = 256;
/// `KmsKeyId` at most, characters.
pub const KMS_KEY_ID_CHARS_MAX: usize = 2048;
/// `TaskTitle` at most, characters.
pub const TITLE_CHARS_MAX: usize = 128;
/// `TaskDescription` at most, characters.
pub const DESCRIPTION_CHARS_MAX: usize = 255;
/// `TaskKeywords` at most.
pub const KEYWORDS_MAX: usize = 5;
/// One of `TaskKeywords` at most, characters.
pub const KEYWORD_CHARS_MAX: usize = 30;
/// `NumberOfHumanWorkersPerDataObject`.
pub const WORKERS: std::ops::RangeInclusive<u32> = 1..=9;
/// `TaskTimeLimitInSeconds` of image and custom jobs.
pub const TASK_TIME_LIMIT_S: std::ops::RangeInclusive<u32> = 30..=28_800;
/// `TaskAvailabilityLifetimeInSeconds` with a private or vendor workforce.
pub const TASK_LIFETIME_S: std::ops::RangeInclusive<u32> = 60..=2_592_000;
/// `TaskAvailabilityLifetimeInSeconds` with Mechanical Turk.
pub const TASK_LIFETIME_PUBLIC_S: std::ops::RangeInclusive<u32> = 60..=43_200;
/// `MaxConcurrentTaskCount`; above 1,000 only after AWS Support raised it.
pub const CONCURRENT_TASKS: std::ops::RangeInclusive<u32> = 1..=5_000;
/// `Tags` at most.
pub const TAGS_MAX: usize = 50;
/// A tag's key at most, characters.
pub const TAG_KEY_CHARS_MAX: usize = 128;
/// A tag's value at most, characters.
pub const TAG_VALUE_CHARS_MAX: usize = 256;
/// The words of which a function's name must contain one for Ground Truth's managed policies to let a job call it.
pub const FUNCTION_NAME_WORDS: [&str; 5] = [
    "GtRecipe",
    "LabelingFunction",
    "SageMaker",
    "sagemaker",
    "Sagemaker",
];

/// A value that CreateLabelingJob would refuse, or that would make the job fail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// Path of the field, as in `HumanTaskConfig.TaskTitle`.
    pub field: &'static str,
    /// What is wrong and what would be right, a lower-case fragment.
    pub reason: String,
}

impl std::fmt::Display for Violation {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{}: {}", self.field, self.reason)
    }
}

struct Findings(Vec<Violation>);

impl Findings {
    fn add(&mut self, field: &'static str, reason: impl Into<String>) {
        self.0.push(Violation {
            field,
            reason: reason.into(),
        });
    }

    fn unless(&mut self, holds: bool, field: &'static str, reason: impl FnOnce() -> String) {
        if !holds {
            self.add(field, reason());
        }
    }

    /// `value` has at least one and at most `n_max` characters.
    fn length(&mut self, field: &'static str, value: &str, n_max: usize) {
        let n = value.chars().count();
        self.unless((1..=n_max).contains(&n), field, || {
            format!("has {n} characters; it must have 1 to {n_max}")
        });
    }

    fn range(&mut self, field: &'static str, value: u32, range: std::ops::RangeInclusive<u32>) {
        self.unless(range.contains(&value), field, || {
            format!(
                "is {value}; it must be from {} to {}",
                range.start(),
                range.end()
            )
        });
    }

    fn s3_object(&mut self, field: &'static str, uri: &str) {
        self.length(field, uri, S3_URI_CHARS_MAX);
        let names_object =
            bucket_and_key(uri).is_some_and(|(_, key)| !key.is_empty() && !key.ends_with('/'));
        self.unless(names_object, field, || {
            format!("{uri:?} does not name an object; it must look like s3://BUCKET/KEY")
        });
    }
}

/// Everything that is wrong with a request, in the order of its fields; empty when nothing is.
pub fn violations(request: &JobRequest) -> Vec<Violation> {
    let mut found = Findings(Vec::new());
    names(request, &mut found);
    places(request, &mut found);
    human_task(&request.human_task_config, &mut found);
    limits(request, &mut found);
    tags(&request.tags, &mut found);
    found.0
}

fn names(request: &JobRequest, found: &mut Findings) {
    let field = "LabelingJobName";
    let name = &request.labeling_job_name;
    found.length(field, name, JOB_NAME_CHARS_MAX);
    found.unless(is_hyphenated(name), field, || hyphenated_reason(name));

    let field = "LabelAttributeName";
    let name = &request.label_attribute_name;
    found.length(field, name, LABEL_ATTRIBUTE_CHARS_MAX);
    found.unless(is_hyphenated(name), field, || hyphenated_reason(name));
    if name.ends_with("-metadata") {
        found.add(field, "ends with -metadata, which Ground Truth adds for the label's metadata; choose another name");
    }
    if ["source", "source-ref"].contains(&name.as_str()) {
        found.add(
            field,
            format!("{name} is the data object's own field; choose another name"),
        );
    } else if name.ends_with("-ref") {
        found.add(field, "ends with -ref, which is for labels that are files (segmentation, video); choose another name");
    }
}

fn places(request: &JobRequest, found: &mut Findings) {
    found.s3_object(
        "InputConfig.DataSource.S3DataSource.ManifestS3Uri",
        &request
            .input_config
            .data_source
            .s3_data_source
            .manifest_s3_uri,
    );
    if let Some(attributes) = &request.input_config.data_attributes {
        for classifier in &attributes.content_classifiers {
            let known = [
                "FreeOfPersonallyIdentifiableInformation",
                "FreeOfAdultContent",
            ];
            found.unless(
                known.contains(&classifier.as_str()),
                "InputConfig.DataAttributes.ContentClassifiers",
                || format!("{classifier:?} is none of {}", known.join(", ")),
            );
        }
    }
    let field = "OutputConfig.S3OutputPath";
    let output = &request.output_config.s3_output_path;
    found.length(field, output, S3_URI_CHARS_MAX);
    found.unless(bucket_and_key(output).is_some(), field, || {
        format!("{output:?} is no place in S3; it must look like s3://BUCKET/PREFIX")
    });
    if let Some(key) = &request.output_config.kms_key_id {
        let field = "OutputConfig.KmsKeyId";
        found.length(field, key, KMS_KEY_ID_CHARS_MAX);
        found.unless(
            key.chars()
                .all(|c| c.is_ascii_alphanumeric() || ":/_-".contains(c)),
            field,
            || format!("{key:?} is no KMS key's id or ARN"),
        );
    }
    if let Some(topic) = &request.output_config.sns_topic_arn {
        let is_topic = Arn::parse(topic).is_some_and(|arn| {
            arn.service == "sns"
                && arn.has_account()
                && !arn.resource.is_empty()
                && arn.resource.chars().all(is_topic_char)
        });
        found.unless(is_topic, "OutputConfig.SnsTopicArn", || {
            format!("{topic:?} is no SNS topic's ARN")
        });
    }
    let field = "RoleArn";
    let role = &request.role_arn;
    let n = role.chars().count();
    found.unless(ROLE_ARN_CHARS.contains(&n), field, || {
        format!(
            "has {n} characters; it must have {} to {}",
            ROLE_ARN_CHARS.start(),
            ROLE_ARN_CHARS.end()
        )
    });
    found.unless(is_role(role), field, || {
        format!("{role:?} is no role's ARN; it must look like arn:aws:iam::ACCOUNT:role/NAME")
    });
    match &request.label_category_config_s3_uri {
        Some(uri) => found.s3_object("LabelCategoryConfigS3Uri", uri),
        None => found.add(
            "LabelCategoryConfigS3Uri",
            "is missing; without the label category file consolidation is not told which labels are permitted",
        ),
    }
}

fn human_task(task: &HumanTaskConfig, found: &mut Findings) {
    let field = "HumanTaskConfig.WorkteamArn";
    found.length(field, &task.workteam_arn, WORKTEAM_ARN_CHARS_MAX);
    let workteam = Arn::parse(&task.workteam_arn).filter(|arn| {
        arn.service == "sagemaker" && arn.has_account() && arn.resource.starts_with("workteam/")
    });
    found.unless(workteam.is_some(), field, || {
        format!(
            "{:?} is no work team's ARN; it must look like arn:aws:sagemaker:REGION:ACCOUNT:workteam/private-crowd/NAME",
            task.workteam_arn
        )
    });
    found.s3_object(
        "HumanTaskConfig.UiConfig.UiTemplateS3Uri",
        &task.ui_config.ui_template_s3_uri,
    );

    let functions = [
        (
            "HumanTaskConfig.PreHumanTaskLambdaArn",
            &task.pre_human_task_lambda_arn,
        ),
        (
            "HumanTaskConfig.AnnotationConsolidationConfig.AnnotationConsolidationLambdaArn",
            &task
                .annotation_consolidation_config
                .annotation_consolidation_lambda_arn,
        ),
    ];
    for (field, text) in functions {
        found.length(field, text, FUNCTION_ARN_CHARS_MAX);
        let function = Arn::parse(text).filter(Arn::is_function);
        let Some(function) = function else {
            found.add(
                field,
                format!("{text:?} is no function's ARN; it must look like arn:aws:lambda:REGION:ACCOUNT:function:NAME"),
            );
            continue;
        };
        found.unless(
            FUNCTION_NAME_WORDS.iter().any(|word| function.resource.contains(word)),
            field,
            || {
                format!(
                    "{:?} contains none of {}, so Ground Truth's managed policies forbid a job to call it; rename it",
                    function.resource,
                    FUNCTION_NAME_WORDS.join(", ")
                )
            },
        );
        if let Some(workteam) = &workteam {
            found.unless(workteam.region == function.region, field, || {
                format!(
                    "is in {}, the work team in {}; a job, its functions and its work team share one region",
                    function.region, workteam.region
                )
            });
        }
    }

    let field = "HumanTaskConfig.TaskTitle";
    found.length(field, &task.task_title, TITLE_CHARS_MAX);
    found.unless(task.task_title.chars().all(is_title_char), field, || {
        "has a control character or one outside Unicode's basic plane, such as an emoji; leave it out".to_owned()
    });
    let field = "HumanTaskConfig.TaskDescription";
    found.length(field, &task.task_description, DESCRIPTION_CHARS_MAX);
    found.unless(!task.task_description.contains(['\n', '\r']), field, || {
        "has a line break; write it in one line".to_owned()
    });

    let field = "HumanTaskConfig.TaskKeywords";
    found.unless(task.task_keywords.len() <= KEYWORDS_MAX, field, || {
        format!(
            "has {} keywords; {KEYWORDS_MAX} is the limit",
            task.task_keywords.len()
        )
    });
    for keyword in &task.task_keywords {
        found.length(field, keyword, KEYWORD_CHARS_MAX);
        found.unless(
            keyword
                .split(' ')
                .all(|word| !word.is_empty() && word.chars().all(|c| c.is_ascii_alphanumeric())),
            field,
            || {
                format!(
                    "{keyword:?} may have words of A-Z, a-z and 0-9 only, one space between them"
                )
            },
        );
    }
}

fn limits(request: &JobRequest, found: &mut Findings) {
    let task = &request.human_task_config;
    found.range(
        "HumanTaskConfig.NumberOfHumanWorkersPerDataObject",
        task.number_of_human_workers_per_data_object,
        WORKERS,
    );
    found.range(
        "HumanTaskConfig.TaskTimeLimitInSeconds",
        task.task_time_limit_in_seconds,
        TASK_TIME_LIMIT_S,
    );
    if let Some(lifetime_s) = task.task_availability_lifetime_in_seconds {
        let range = if is_public(task) {
            TASK_LIFETIME_PUBLIC_S
        } else {
            TASK_LIFETIME_S
        };
        found.range(
            "HumanTaskConfig.TaskAvailabilityLifetimeInSeconds",
            lifetime_s,
            range,
        );
    }
    if let Some(n) = task.max_concurrent_task_count {
        found.range(
            "HumanTaskConfig.MaxConcurrentTaskCount",
            n,
            CONCURRENT_TASKS,
        );
    }
    if let Some(price) = &task.public_workforce_task_price {
        let price = price.amount_in_usd;
        let field = "HumanTaskConfig.PublicWorkforceTaskPrice.AmountInUsd";
        found.unless(price.dollars <= 2, field, || {
            format!("Dollars is {}; 2 is the limit", price.dollars)
        });
        found.unless(price.cents <= 99, field, || {
            format!("Cents is {}; 99 is the limit", price.cents)
        });
        found.unless(price.tenth_fractions_of_a_cent <= 9, field, || {
            format!(
                "TenthFractionsOfACent is {}; 9 is the limit",
                price.tenth_fractions_of_a_cent
            )
        });
    }
    if let Some(stop) = &request.stopping_conditions {
        if let Some(n) = stop.max_human_labeled_object_count {
            found.range(
                "StoppingConditions.MaxHumanLabeledObjectCount",
                n,
                1..=u32::MAX,
            );
        }
        if let Some(percent) = stop.max_percentage_of_input_dataset_labeled {
            found.range(
                "StoppingConditions.MaxPercentageOfInputDatasetLabeled",
                percent,
                1..=100,
            );
        }
    }
    if request.labeling_job_algorithms_config.is_some() {
        found.add(
            "LabelingJobAlgorithmsConfig",
            "automated labeling is for built-in task types; a job with its own functions can't have it",
        );
    }
}

fn tags(tags: &[Tag], found: &mut Findings) {
    let field = "Tags";
    found.unless(tags.len() <= TAGS_MAX, field, || {
        format!("there are {}; {TAGS_MAX} is the limit", tags.len())
    });
    let mut keys = BTreeSet::new();
    for Tag { key, value } in tags {
        found.length("Tags.Key", key, TAG_KEY_CHARS_MAX);
        found.unless(
            value.chars().count() <= TAG_VALUE_CHARS_MAX,
            "Tags.Value",
            || {
                format!(
                    "that of {key:?} has {} characters; {TAG_VALUE_CHARS_MAX} is the limit",
                    value.chars().count()
                )
            },
        );
        for (field, text) in [("Tags.Key", key), ("Tags.Value", value)] {
            found.unless(text.chars().all(is_tag_char), field, || {
                format!("{text:?} has a character other than letters, digits, white space and _ . : / = + - @")
            });
        }
        found.unless(
            !key.to_ascii_lowercase().starts_with("aws:"),
            "Tags.Key",
            || format!("{key:?} begins with aws:, which is reserved"),
        );
        found.unless(keys.insert(key), field, || {
            format!("the key {key:?} stands there twice")
        });
    }
}

/// What the request can't show and a person should know before it is sent, one sentence each.
pub fn reminders(request: &JobRequest) -> Vec<String> {
    let task = &request.human_task_config;
    let mut said = Vec::new();
    if let Some((bucket, _)) = bucket_and_key(
        &request
            .input_config
            .data_source
            .s3_data_source
            .manifest_s3_uri,
    ) {
        said.push(format!(
            "every bucket with images needs Ground Truth's CORS rule, or each task fails; the stack's own bucket has it, others: aws s3api get-bucket-cors --bucket {bucket}"
        ));
    }
    said.push(format!(
        "upload the worker task template first, as {}",
        task.ui_config.ui_template_s3_uri
    ));
    if let Some(categories) = &request.label_category_config_s3_uri {
        said.push(format!(
            "workers are shown the labels of the stack's parameter LabelCategoriesS3Uri, or of each manifest line; it should say {categories} too"
        ));
    }
    said.push("the job's name must be new in the account and region; upper and lower case count as the same".to_owned());
    if task.max_concurrent_task_count.is_some_and(|n| n > 1_000) {
        said.push(
            "more than 1,000 concurrent tasks need a raised quota, from AWS Support".to_owned(),
        );
    }
    if task.number_of_human_workers_per_data_object == 1 {
        said.push("one worker per data object leaves nothing to consolidate; three or more make the confidence mean something".to_owned());
    }
    match (is_public(task), task.public_workforce_task_price.is_some()) {
        (true, false) => said.push(
            "a Mechanical Turk job without --price-usd pays the least that Ground Truth allows"
                .to_owned(),
        ),
        (false, true) => said.push(
            "a price is for Mechanical Turk only; this work team is not paid by it".to_owned(),
        ),
        _ => {}
    }
    said
}

/// Whether the work team is Mechanical Turk's.
pub fn is_public(task: &HumanTaskConfig) -> bool {
    Arn::parse(&task.workteam_arn)
        .is_some_and(|arn| arn.resource.starts_with("workteam/public-crowd/"))
}

/// Bucket and key of an `s3://` URI; the key may be empty. `None` when it is none.
pub fn bucket_and_key(uri: &str) -> Option<(&str, &str)> {
    let (bucket, key) = match uri.strip_prefix("s3://")?.split_once('/') {
        Some(parts) => parts,
        None => (uri.strip_prefix("s3://")?, ""),
    };
    let is_bucket = (3..=63).contains(&bucket.len())
        && bucket
            .chars()
            .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || ".-".contains(c));
    is_bucket.then_some((bucket, key))
}

/// An ARN's parts. The partition is `aws` or begins with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Arn<'a> {
    /// As in `lambda`.
    pub service: &'a str,
    /// As in `eu-central-1`; empty for IAM.
    pub region: &'a str,
    /// Twelve digits; empty for S3.
    pub account: &'a str,
    /// Everything after the account.
    pub resource: &'a str,
}

impl<'a> Arn<'a> {
    /// `None` when `text` is no ARN.
    pub fn parse(text: &'a str) -> Option<Self> {
        let mut parts = text.splitn(6, ':');
        let (scheme, partition) = (parts.next()?, parts.next()?);
        let (service, region, account, resource) =
            (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
        let is_partition = partition.starts_with("aws")
            && partition
                .chars()
                .all(|c| c.is_ascii_lowercase() || c == '-');
        let is_region = region
            .chars()
            .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-');
        (scheme == "arn" && is_partition && is_region).then_some(Self {
            service,
            region,
            account,
            resource,
        })
    }

    fn has_account(&self) -> bool {
        self.account.len() == 12 && self.account.chars().all(|c| c.is_ascii_digit())
    }

    fn is_function(&self) -> bool {
        self.service == "lambda"
            && self.has_account()
            && self
                .resource
                .strip_prefix("function:")
                .is_some_and(|name| !name.is_empty())
    }
}

fn is_role(text: &str) -> bool {
    Arn::parse(text).is_some_and(|arn| {
        arn.service == "iam"
            && arn.region.is_empty()
            && arn.has_account()
            && arn.resource.strip_prefix("role/").is_some_and(|name| {
                !name.is_empty()
                    && name
                        .chars()
                        .all(|c| c.is_ascii_alphanumeric() || "_+=,.@-/".contains(c))
            })
    })
}

/// `[a-zA-Z0-9](-*[a-zA-Z0-9])*`, the pattern of names.
fn is_hyphenated(name: &str) -> bool {
    name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
        && !name.starts_with('-')
        && !name.ends_with('-')
}

fn hyphenated_reason(name: &str) -> String {
    format!("{name:?} may have A-Z, a-z, 0-9 and hyphens in between only (no underscore, no dot)")
}

/// `[\t\n\r -\uD7FF\uE000-\uFFFD]`, the pattern of titles.
fn is_title_char(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\r' | ' '..='\u{d7ff}' | '\u{e000}'..='\u{fffd}')
}

fn is_topic_char(c: char) -> bool {
    c.is_ascii_alphanumeric() || "_.-".contains(c)
}

/// `[\p{L}\p{Z}\p{N}_.:/=+\-@]`, the pattern of tags.
fn is_tag_char(c: char) -> bool {
    c.is_alphanumeric() || (c.is_whitespace() && !c.is_control()) || "_.:/=+-@".contains(c)
}

#[cfg(test)]
mod tests {
    use super::super::{
        Choices, PublicWorkforceTaskPrice, StoppingConditions, TaskType, Usd, compose,
        stack_outputs::StackOutputs,
    };
    use super::*;

    fn request() -> JobRequest {
        let stack = StackOutputs {
            pre_annotation_function_arn:
                "arn:aws:lambda:eu-central-1:111122223333:function:gt-SageMaker-pre-annotation"
                    .to_owned(),
            consolidation_function_arn:
                "arn:aws:lambda:eu-central-1:111122223333:function:gt-SageMaker-consolidation"
                    .to_owned(),
            labeling_job_role_arn: "arn:aws:iam::111122223333:role/gt-LabelingJobRole-1ABC"
                .to_owned(),
            bucket: "gt-jobs".to_owned(),
            jobs_path: "s3://gt-jobs/labeling-jobs/".to_owned(),
            kms_key_arn: None,
        };
        let choices = Choices {
            task_type: TaskType::BoundingBox,
            job_name: "birds-1".to_owned(),
            label_attribute: None,
            manifest: "s3://gt-jobs/birds.manifest".to_owned(),
            categories: "s3://gt-jobs/categories.json".to_owned(),
            workteam: "arn:aws:sagemaker:eu-central-1:111122223333:workteam/private-crowd/birders"
                .to_owned(),
            output: None,
            template: None,
            n_workers: 3,
            title: None,
            description: None,
            keywords: Vec::new(),
            task_time_limit_s: 300,
            task_lifetime_s: None,
            max_concurrent_tasks: None,
            max_objects: None,
            max_percent: None,
            price: None,
            tags: Vec::new(),
        };
        compose(&choices, &stack)
    }

    /// `expected` is the violated field and a part of the reason; `None`, nothing is violated.
    fn check(change: impl FnOnce(&mut JobRequest), expected: Option<(&str, &str)>) {
        let mut request = request();
        change(&mut request);
        let found = violations(&request);
        match expected {
            None => assert_eq!(found, [], "{request:?}"),
            Some((field, part)) => assert!(
                found
                    .iter()
                    .any(|violation| violation.field == field && violation.reason.contains(part)),
                "{field}: {part:?} expected, {found:?} found for {request:?}"
            ),
        }
    }

    fn length(
        field: &str,
        n_max: usize,
        set: impl Fn(&mut JobRequest, String),
        text: impl Fn(usize) -> String,
    ) {
        let part = format!("has {} characters", n_max + 1);
        check(|r| set(r, text(n_max - 1)), None);
        check(|r| set(r, text(n_max)), None);
        check(|r| set(r, text(n_max + 1)), Some((field, &part)));
    }

    fn range(
        field: &str,
        range: std::ops::RangeInclusive<u32>,
        set: impl Fn(&mut JobRequest, u32),
    ) {
        let (min, max) = (*range.start(), *range.end());
        for inside in [min, min + 1, max - 1, max] {
            check(|r| set(r, inside), None);
        }
        for outside in [min.checked_sub(1), max.checked_add(1)]
            .into_iter()
            .flatten()
        {
            check(|r| set(r, outside), Some((field, &format!("is {outside}"))));
        }
    }

    #[test]
    fn a_composed_request_is_fine() {
        check(|_| {}, None);
    }

    #[test]
    fn job_name() {
        let field = "LabelingJobName";
        let set = |r: &mut JobRequest, name: String| r.labeling_job_name = name;
        length(field, 63, set, |n| "a".repeat(n));
        for good in ["a", "0", "A-b--c", "birds-2026"] {
            check(|r| set(r, good.to_owned()), None);
        }
        check(|r| set(r, String::new()), Some((field, "0 characters")));
        for bad in ["-a", "a-", "a_b", "a.b", "a b", "é", "a/b"] {
            check(
                |r| set(r, bad.to_owned()),
                Some((field, "hyphens in between only")),
            );
        }
    }

    #[test]
    fn label_attribute() {
        let field = "LabelAttributeName";
        let set = |r: &mut JobRequest, name: String| r.label_attribute_name = name;
        length(field, 127, set, |n| "a".repeat(n));
        check(|r| set(r, "metadata".to_owned()), None);
        check(
            |r| set(r, "birds-metadata".to_owned()),
            Some((field, "ends with -metadata")),
        );
        check(|r| set(r, "source".to_owned()), Some((field, "own field")));
        check(
            |r| set(r, "source-ref".to_owned()),
            Some((field, "own field")),
        );
        check(
            |r| set(r, "birds-ref".to_owned()),
            Some((field, "ends with -ref")),
        );
        check(|r| set(r, "birdref".to_owned()), None);
        for bad in ["birds_1", "$birds", "-birds", ""] {
            check(|r| set(r, bad.to_owned()), Some((field, "")));
        }
    }

    #[test]
    fn objects_in_s3() {
        type Set = fn(&mut JobRequest, String);
        let fields: [(&str, Set); 3] = [
            (
                "InputConfig.DataSource.S3DataSource.ManifestS3Uri",
                |r, uri| {
                    r.input_config.data_source.s3_data_source.manifest_s3_uri = uri;
                },
            ),
            ("LabelCategoryConfigS3Uri", |r, uri| {
                r.label_category_config_s3_uri = Some(uri)
            }),
            ("HumanTaskConfig.UiConfig.UiTemplateS3Uri", |r, uri| {
                r.human_task_config.ui_config.ui_template_s3_uri = uri;
            }),
        ];
        for (field, set) in fields {
            length(field, 1024, set, |n| {
                format!("s3://bucket/{}", "k".repeat(n - 12))
            });
            for bad in [
                "birds.manifest",
                "https://bucket.s3.amazonaws.com/key",
                "s3://bucket",
                "s3://bucket/",
                "s3://bucket/folder/",
                "s3:///key",
                "s3://Bucket/key",
                "s3://b/key",
            ] {
                check(|r| set(r, bad.to_owned()), Some((field, "s3://BUCKET/KEY")));
            }
        }
        check(
            |r| r.label_category_config_s3_uri = None,
            Some(("LabelCategoryConfigS3Uri", "missing")),
        );
    }

    #[test]
    fn output() {
        let field = "OutputConfig.S3OutputPath";
        let set = |r: &mut JobRequest, uri: String| r.output_config.s3_output_path = uri;
        length(field, 1024, set, |n| {
            format!("s3://bucket/{}", "k".repeat(n - 12))
        });
        for good in ["s3://bucket", "s3://bucket/", "s3://bucket/a/b"] {
            check(|r| set(r, good.to_owned()), None);
        }
        for bad in ["", "bucket/jobs", "s3://", "https://bucket/jobs"] {
            check(|r| set(r, bad.to_owned()), Some((field, "no place in S3")));
        }
        let field = "OutputConfig.KmsKeyId";
        let set = |r: &mut JobRequest, key: String| r.output_config.kms_key_id = Some(key);
        length(field, 2048, set, |n| "k".repeat(n));
        check(
            |r| {
                set(
                    r,
                    "arn:aws:kms:eu-central-1:111122223333:key/1a2b-3c".to_owned(),
                )
            },
            None,
        );
        check(
            |r| set(r, "key with spaces".to_owned()),
            Some((field, "no KMS key")),
        );
        let field = "OutputConfig.SnsTopicArn";
        let set = |r: &mut JobRequest, topic: &str| {
            r.output_config.sns_topic_arn = Some(topic.to_owned())
        };
        check(
            |r| set(r, "arn:aws:sns:eu-central-1:111122223333:done"),
            None,
        );
        check(
            |r| set(r, "arn:aws:sqs:eu-central-1:111122223333:done"),
            Some((field, "no SNS topic")),
        );
    }

    #[test]
    fn role() {
        let field = "RoleArn";
        let set = |r: &mut JobRequest, role: String| r.role_arn = role;
        let prefix = "arn:aws:iam::111122223333:role/";
        for n in [2047, 2048] {
            check(
                |r| set(r, format!("{prefix}{}", "r".repeat(n - prefix.len()))),
                None,
            );
        }
        check(
            |r| set(r, format!("{prefix}{}", "r".repeat(2049 - prefix.len()))),
            Some((field, "2049 characters")),
        );
        check(
            |r| set(r, "arn:aws:iam::1:role".to_owned()),
            Some((field, "19 characters")),
        );
        check(
            |r| set(r, format!("{prefix}service-role/Name+=,.@-_")),
            None,
        );
        check(
            |r| set(r, "arn:aws-us-gov:iam::111122223333:role/Name".to_owned()),
            None,
        );
        for bad in [
            "arn:aws:iam::111122223333:user/Name",
            "arn:aws:iam:eu-central-1:111122223333:role/Name",
            "arn:aws:iam::11112222333:role/Name",
            "arn:aws:iam::111122223333:role/",
            "arn:aws:iam::111122223333:role/a name",
        ] {
            check(|r| set(r, bad.to_owned()), Some((field, "no role's ARN")));
        }
    }

    #[test]
    fn workteam() {
        let field = "HumanTaskConfig.WorkteamArn";
        let set = |r: &mut JobRequest, arn: String| r.human_task_config.workteam_arn = arn;
        let prefix = "arn:aws:sagemaker:eu-central-1:111122223333:workteam/";
        length(field, 256, set, |n| {
            format!("{prefix}{}", "w".repeat(n - prefix.len()))
        });
        for bad in [
            "birders",
            "arn:aws:sagemaker:eu-central-1:111122223333:workforce/default",
            "arn:aws:sagemaker:eu-central-1:11112222333:workteam/private-crowd/birders",
            "arn:azure:sagemaker:eu-central-1:111122223333:workteam/private-crowd/birders",
        ] {
            check(
                |r| set(r, bad.to_owned()),
                Some((field, "no work team's ARN")),
            );
        }
    }

    #[test]
    fn functions() {
        type Set = fn(&mut JobRequest, String);
        let fields: [(&str, Set); 2] = [
            ("HumanTaskConfig.PreHumanTaskLambdaArn", |r, arn| {
                r.human_task_config.pre_human_task_lambda_arn = arn;
            }),
            (
                "HumanTaskConfig.AnnotationConsolidationConfig.AnnotationConsolidationLambdaArn",
                |r, arn| {
                    r.human_task_config
                        .annotation_consolidation_config
                        .annotation_consolidation_lambda_arn = arn;
                },
            ),
        ];
        let prefix = "arn:aws:lambda:eu-central-1:111122223333:function:SageMaker";
        for (field, set) in fields {
            length(field, 2048, set, |n| {
                format!("{prefix}{}", "f".repeat(n - prefix.len()))
            });
            for word in FUNCTION_NAME_WORDS {
                check(
                    |r| {
                        set(
                            r,
                            format!(
                                "arn:aws:lambda:eu-central-1:111122223333:function:my-{word}-one:1"
                            ),
                        )
                    },
                    None,
                );
            }
            check(
                |r| {
                    set(
                        r,
                        "arn:aws:lambda:eu-central-1:111122223333:function:my-GroundTruth"
                            .to_owned(),
                    )
                },
                Some((field, "contains none of")),
            );
            check(
                |r| {
                    set(
                        r,
                        "arn:aws:lambda:us-east-1:111122223333:function:SageMaker".to_owned(),
                    )
                },
                Some((field, "share one region")),
            );
            for bad in [
                "my-SageMaker",
                "arn:aws:lambda:eu-central-1:111122223333:layer:SageMaker",
                "arn:aws:lambda:eu-central-1:11112222333:function:SageMaker",
                "arn:aws:lambda:eu-central-1:111122223333:function:",
            ] {
                check(
                    |r| set(r, bad.to_owned()),
                    Some((field, "no function's ARN")),
                );
            }
        }
    }

    #[test]
    fn texts_for_workers() {
        let field = "HumanTaskConfig.TaskTitle";
        let set = |r: &mut JobRequest, text: String| r.human_task_config.task_title = text;
        length(field, 128, set, |n| "ü".repeat(n));
        check(|r| set(r, String::new()), Some((field, "0 characters")));
        check(
            |r| set(r, "birds \u{1f426}".to_owned()),
            Some((field, "emoji")),
        );
        check(
            |r| set(r, "birds\u{7}".to_owned()),
            Some((field, "control character")),
        );
        let field = "HumanTaskConfig.TaskDescription";
        let set = |r: &mut JobRequest, text: String| r.human_task_config.task_description = text;
        length(field, 255, set, |n| "ü".repeat(n));
        check(|r| set(r, String::new()), Some((field, "0 characters")));
        check(
            |r| set(r, "one\ntwo".to_owned()),
            Some((field, "line break")),
        );
    }

    #[test]
    fn keywords() {
        let field = "HumanTaskConfig.TaskKeywords";
        let set =
            |r: &mut JobRequest, words: Vec<String>| r.human_task_config.task_keywords = words;
        for n in [0, 1, 4, 5] {
            check(|r| set(r, vec!["bird".to_owned(); n]), None);
        }
        check(
            |r| set(r, vec!["bird".to_owned(); 6]),
            Some((field, "6 keywords")),
        );
        length(field, 30, |r, word| set(r, vec![word]), |n| "b".repeat(n));
        check(|r| set(r, vec!["song birds 2".to_owned()]), None);
        for bad in ["", " bird", "bird ", "song  birds", "song-birds", "vögel"] {
            check(|r| set(r, vec![bad.to_owned()]), Some((field, "")));
        }
    }

    #[test]
    fn numbers() {
        range(
            "HumanTaskConfig.NumberOfHumanWorkersPerDataObject",
            1..=9,
            |r, n| {
                r.human_task_config.number_of_human_workers_per_data_object = n;
            },
        );
        range(
            "HumanTaskConfig.TaskTimeLimitInSeconds",
            30..=28_800,
            |r, n| {
                r.human_task_config.task_time_limit_in_seconds = n;
            },
        );
        range(
            "HumanTaskConfig.TaskAvailabilityLifetimeInSeconds",
            60..=2_592_000,
            |r, n| {
                r.human_task_config.task_availability_lifetime_in_seconds = Some(n);
            },
        );
        range(
            "HumanTaskConfig.TaskAvailabilityLifetimeInSeconds",
            60..=43_200,
            |r, n| {
                r.human_task_config.workteam_arn =
                    "arn:aws:sagemaker:eu-central-1:394669845002:workteam/public-crowd/default"
                        .to_owned();
                r.human_task_config.task_availability_lifetime_in_seconds = Some(n);
            },
        );
        range(
            "HumanTaskConfig.MaxConcurrentTaskCount",
            1..=5_000,
            |r, n| {
                r.human_task_config.max_concurrent_task_count = Some(n);
            },
        );
        range(
            "StoppingConditions.MaxHumanLabeledObjectCount",
            1..=u32::MAX,
            |r, n| {
                r.stopping_conditions = Some(StoppingConditions {
                    max_human_labeled_object_count: Some(n),
                    max_percentage_of_input_dataset_labeled: None,
                });
            },
        );
        range(
            "StoppingConditions.MaxPercentageOfInputDatasetLabeled",
            1..=100,
            |r, n| {
                r.stopping_conditions = Some(StoppingConditions {
                    max_human_labeled_object_count: None,
                    max_percentage_of_input_dataset_labeled: Some(n),
                });
            },
        );
    }

    #[test]
    fn price() {
        let field = "HumanTaskConfig.PublicWorkforceTaskPrice.AmountInUsd";
        let set = |r: &mut JobRequest, dollars, cents, tenth_fractions_of_a_cent| {
            r.human_task_config.public_workforce_task_price = Some(PublicWorkforceTaskPrice {
                amount_in_usd: Usd {
                    dollars,
                    cents,
                    tenth_fractions_of_a_cent,
                },
            });
        };
        check(|r| set(r, 0, 0, 0), None);
        check(|r| set(r, 2, 99, 9), None);
        check(|r| set(r, 3, 0, 0), Some((field, "Dollars is 3")));
        check(|r| set(r, 0, 100, 0), Some((field, "Cents is 100")));
        check(
            |r| set(r, 0, 0, 10),
            Some((field, "TenthFractionsOfACent is 10")),
        );
    }

    #[test]
    fn no_automated_labeling() {
        check(
            |r| r.labeling_job_algorithms_config = Some(serde_json::json!({})),
            Some(("LabelingJobAlgorithmsConfig", "built-in task types")),
        );
    }

    #[test]
    fn content_classifiers() {
        let field = "InputConfig.DataAttributes.ContentClassifiers";
        let set = |r: &mut JobRequest, classifier: &str| {
            r.input_config.data_attributes = Some(super::super::DataAttributes {
                content_classifiers: vec![classifier.to_owned()],
            });
        };
        check(|r| set(r, "FreeOfAdultContent"), None);
        check(|r| set(r, "free"), Some((field, "is none of")));
    }

    #[test]
    fn labels_of_the_job() {
        let tag = |key: &str, value: &str| Tag {
            key: key.to_owned(),
            value: value.to_owned(),
        };
        let set = |r: &mut JobRequest, tags: Vec<Tag>| r.tags = tags;
        let numbered = |n: usize| (0..n).map(|i| tag(&format!("k{i}"), "")).collect();
        for n in [0, 49, 50] {
            check(|r| set(r, numbered(n)), None);
        }
        check(|r| set(r, numbered(51)), Some(("Tags", "there are 51")));
        length(
            "Tags.Key",
            128,
            |r, key| set(r, vec![tag(&key, "")]),
            |n| "k".repeat(n),
        );
        check(|r| set(r, vec![tag("k", &"v".repeat(256))]), None);
        check(
            |r| set(r, vec![tag("k", &"v".repeat(257))]),
            Some(("Tags.Value", "257 characters")),
        );
        check(
            |r| set(r, vec![tag("", "")]),
            Some(("Tags.Key", "0 characters")),
        );
        check(|r| set(r, vec![tag("kö 1_.:/=+-@", "v")]), None);
        check(
            |r| set(r, vec![tag("k#", "")]),
            Some(("Tags.Key", "other than")),
        );
        check(
            |r| set(r, vec![tag("k", "v*")]),
            Some(("Tags.Value", "other than")),
        );
        check(
            |r| set(r, vec![tag("AWS:k", "")]),
            Some(("Tags.Key", "reserved")),
        );
        check(
            |r| set(r, vec![tag("k", "1"), tag("k", "2")]),
            Some(("Tags", "twice")),
        );
    }

    #[test]
    fn unknown_fields_are_refused_by_name() {
        let mut text = serde_json::to_value(request()).unwrap();
        text["HumanTaskConfig"]["TaskTitel"] = serde_json::json!("typo");
        let error = serde_json::from_value::<JobRequest>(text)
            .unwrap_err()
            .to_string();
        assert!(error.contains("TaskTitel"), "{error}");
    }

    #[test]
    fn a_request_reads_back_as_it_was_written() {
        let text = serde_json::to_string(&request()).unwrap();
        assert_eq!(
            serde_json::from_str::<JobRequest>(&text).unwrap(),
            request()
        );
    }

    #[test]
    fn reminders_name_what_to_do() {
        let said = reminders(&request()).join("\n");
        for part in [
            "get-bucket-cors --bucket gt-jobs",
            "bounding-box",
            "categories.json",
        ] {
            assert!(said.contains(part), "{said}");
        }
    }
}
