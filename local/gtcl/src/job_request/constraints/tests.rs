//! One request a constraint that violates it.

use super::super::{
    Choices, PublicWorkforceTaskPrice, StoppingConditions, Usd, compose,
    stack_outputs::StackOutputs,
};
use super::*;
use labeling::TaskType;

pub(crate) fn request() -> JobRequest {
    let stack = StackOutputs {
        pre_annotation_function_arn:
            "arn:aws:lambda:eu-central-1:111122223333:function:gt-SageMaker-pre-annotation"
                .to_owned(),
        consolidation_function_arn:
            "arn:aws:lambda:eu-central-1:111122223333:function:gt-SageMaker-consolidation"
                .to_owned(),
        labeling_job_role_arn: "arn:aws:iam::111122223333:role/gt-LabelingJobRole-1ABC".to_owned(),
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

fn range(field: &str, range: std::ops::RangeInclusive<u32>, set: impl Fn(&mut JobRequest, u32)) {
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
            check(|r| set(r, bad.to_owned()), Some((field, "s3://my-bucket/")));
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
    let set =
        |r: &mut JobRequest, topic: &str| r.output_config.sns_topic_arn = Some(topic.to_owned());
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
                    "arn:aws:lambda:eu-central-1:111122223333:function:my-GroundTruth".to_owned(),
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
    let set = |r: &mut JobRequest, words: Vec<String>| r.human_task_config.task_keywords = words;
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
