//! Forms of names in AWS: ARNs, `s3://` URIs, and the characters that texts of a request may have.
//!
//! Source: CreateLabelingJob and its types, API Reference; botocore's model of SageMaker has the same patterns.

use manifest::S3Uri;

/// `LabelingJobName` at most, characters.
pub const JOB_NAME_CHARS_MAX: usize = 63;
/// `LabelAttributeName` at most, characters.
pub const LABEL_ATTRIBUTE_CHARS_MAX: usize = 127;
/// `NumberOfHumanWorkersPerDataObject`.
pub const WORKERS: std::ops::RangeInclusive<u32> = 1..=9;

/// Bucket and key of an `s3://` URI; the key may be empty. `None` when it is none.
pub fn bucket_and_key(uri: &str) -> Option<(&str, &str)> {
    let S3Uri { bucket, key } = S3Uri::split(uri)?;
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

    /// Whether the account is twelve digits.
    pub fn has_account(&self) -> bool {
        self.account.len() == 12 && self.account.chars().all(|c| c.is_ascii_digit())
    }

    /// Whether it names a Lambda function.
    pub fn is_function(&self) -> bool {
        self.service == "lambda"
            && self.has_account()
            && self
                .resource
                .strip_prefix("function:")
                .is_some_and(|name| !name.is_empty())
    }
}

/// Whether `text` is the ARN of an IAM role.
pub fn is_role(text: &str) -> bool {
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
pub fn is_hyphenated(name: &str) -> bool {
    name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
        && !name.starts_with('-')
        && !name.ends_with('-')
}

/// `[\t\n\r -\uD7FF\uE000-\uFFFD]`, the pattern of titles.
pub fn is_title_char(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\r' | ' '..='\u{d7ff}' | '\u{e000}'..='\u{fffd}')
}

/// `[a-zA-Z0-9_.-]`, the pattern of SNS topics' names.
pub fn is_topic_char(c: char) -> bool {
    c.is_ascii_alphanumeric() || "_.-".contains(c)
}

/// `[\p{L}\p{Z}\p{N}_.:/=+\-@]`, the pattern of tags.
pub fn is_tag_char(c: char) -> bool {
    c.is_alphanumeric() || (c.is_whitespace() && !c.is_control()) || "_.:/=+-@".contains(c)
}
