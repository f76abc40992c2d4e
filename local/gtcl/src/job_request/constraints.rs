//! What Ground Truth documents about the values of a CreateLabelingJob request.
//!
//! Checked here is what can be known from the request alone, so that it costs no call and no job that fails an hour
//! later. What it leaves to the account (does the bucket have a CORS rule, are the labels unique, is the job's name
//! still free) is in [`super::reminders`] and in `gtcl preflight`.
//!
//! Lengths count characters, as the service does.
//!
//! Sources: CreateLabelingJob and its types, API Reference (botocore's model has the same figures); Developer Guide,
//! "Reusing data", "Ground Truth managed policies", "Custom labeling workflows", "Automate data labeling".

use std::collections::BTreeSet;

use labeling::aws_names::{
    Arn, JOB_NAME_CHARS_MAX, LABEL_ATTRIBUTE_CHARS_MAX, WORKERS, bucket_and_key, is_hyphenated,
    is_role, is_tag_char, is_title_char, is_topic_char,
};

use super::{HumanTaskConfig, JobRequest, Tag};

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
            format!("{uri:?} does not name an object; it must look like s3://my-bucket/folder/file, with the bucket's own name")
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
            "{:?} is no work team's ARN; it must look like arn:aws:sagemaker:us-east-1:111122223333:workteam/private-crowd/NAME; aws sagemaker list-workteams prints it",
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

/// Whether the work team is Mechanical Turk's.
pub fn is_public(task: &HumanTaskConfig) -> bool {
    Arn::parse(&task.workteam_arn)
        .is_some_and(|arn| arn.resource.starts_with("workteam/public-crowd/"))
}

fn hyphenated_reason(name: &str) -> String {
    format!("{name:?} may have A-Z, a-z, 0-9 and hyphens in between only (no underscore, no dot)")
}

#[cfg(test)]
mod tests;
#[cfg(test)]
pub(crate) use tests::request as request_of_tests;
