//! What a CreateLabelingJob request can't show and a person should know.

use super::JobRequest;
use super::constraints::is_public;
use labeling::aws_names::bucket_and_key;

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
    let inputs = [
        Some(
            &request
                .input_config
                .data_source
                .s3_data_source
                .manifest_s3_uri,
        ),
        request.label_category_config_s3_uri.as_ref(),
        Some(&task.ui_config.ui_template_s3_uri),
    ];
    let own_bucket = bucket_and_key(&request.output_config.s3_output_path).map(|(it, _)| it);
    for uri in inputs.into_iter().flatten() {
        let bucket = bucket_and_key(uri).map(|(it, _)| it);
        if let (Some(bucket), Some(own_bucket)) = (bucket, own_bucket)
            && bucket != own_bucket
        {
            said.push(format!(
                "the stack's roles reach no bucket but {own_bucket}: copy {uri} there, and the images with it, or let them read {bucket}"
            ));
        }
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

#[cfg(test)]
mod tests {
    use super::super::constraints::request_of_tests as request;
    use super::*;

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
        assert!(!said.contains("reach no bucket"), "{said}");
    }

    #[test]
    fn what_lies_outside_the_stacks_bucket_is_named() {
        let mut request = request();
        let manifest = &mut request.input_config.data_source.s3_data_source;
        manifest.manifest_s3_uri = "s3://elsewhere/birds.manifest".to_owned();
        let said = reminders(&request).join("\n");
        for part in [
            "reach no bucket but gt-jobs",
            "copy s3://elsewhere/birds.manifest",
        ] {
            assert!(said.contains(part), "{said}");
        }
        assert_eq!(said.matches("reach no bucket").count(), 1, "{said}");
    }
}
