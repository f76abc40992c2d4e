//! What preflight asks of IAM, Lambda and SageMaker, as arguments of the AWS CLI, and what their answers mean for the
//! job. Nothing here runs a program or calls a service.
//!
//! Sources: GetFunctionConfiguration and GetPolicy, Lambda API Reference; GetRole and SimulatePrincipalPolicy, IAM API
//! Reference; DescribeLabelingJob, SageMaker API Reference; Ground Truth Developer Guide, "Set IAM permissions to use
//! Ground Truth".

mod judge;
mod policy;

use serde_json::Value;

pub(super) use judge::labels_offered;

use super::outcome::Outcome;
use crate::job_request::JobRequest;
use labeling::aws_names::{Arn, bucket_and_key};
use labeling::job::JobFolder;

/// Who assumes the job's role.
const SERVICE: &str = "sagemaker.amazonaws.com";
/// What the role does with a function.
const INVOKE: &str = "lambda:InvokeFunction";
/// Longest part of an error message that is shown, characters.
const MESSAGE_CHARS_MAX: usize = 300;

/// What the AWS CLI said.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Answer {
    /// The service's answer.
    Json(Value),
    /// The service's error.
    Refused {
        /// As in `ResourceNotFoundException`.
        code: String,
        /// What the service says about it.
        message: String,
    },
    /// No service answered: no credentials, no connection, an answer that can't be read.
    Unanswered(String),
}

impl Answer {
    /// From what the program printed. A service's error reads `An error occurred (CODE) when calling the NAME
    /// operation: MESSAGE`, in both versions of the AWS CLI.
    pub(super) fn of_output(succeeded: bool, stdout: &[u8], stderr: &[u8]) -> Self {
        if succeeded {
            return serde_json::from_slice(stdout).map_or_else(
                |error| Self::Unanswered(format!("the AWS CLI's answer is not JSON: {error}")),
                Self::Json,
            );
        }
        let said = String::from_utf8_lossy(stderr);
        let service_error = said
            .split_once("An error occurred (")
            .and_then(|(_, rest)| rest.split_once(')'))
            .map(|(code, rest)| (code, rest.split_once("operation").map_or(rest, |it| it.1)));
        match service_error {
            Some((code, message)) => Self::Refused {
                code: code.to_owned(),
                message: shown(message.trim_start_matches([':', ' '])),
            },
            None => Self::Unanswered(shown(
                said.lines()
                    .find(|line| !line.trim().is_empty())
                    .unwrap_or("the AWS CLI failed and says nothing"),
            )),
        }
    }

    /// Why the answer tells nothing.
    fn reason(&self) -> String {
        match self {
            Self::Json(_) => "the answer has another form than is documented".to_owned(),
            Self::Refused { code, message } if message.is_empty() => code.clone(),
            Self::Refused { code, message } => format!("{code}: {message}"),
            Self::Unanswered(reason) => reason.clone(),
        }
    }
}

/// A text of somebody else's in one line of bounded length.
fn shown(text: &str) -> String {
    let words: Vec<&str> = text.split_whitespace().collect();
    words.join(" ").chars().take(MESSAGE_CHARS_MAX).collect()
}

/// One question, which is one call of the AWS CLI.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Question {
    /// Is the role there, and may SageMaker assume it?
    Role {
        /// Its ARN.
        arn: String,
        /// The job's region.
        region: String,
    },
    /// May the role do this?
    Permission {
        /// The role's ARN.
        role: String,
        /// As in `s3:GetObject`.
        action: &'static str,
        /// ARNs.
        resources: Vec<String>,
    },
    /// Is the function there and ready?
    Function {
        /// Its ARN.
        arn: String,
        /// The job's region.
        region: String,
    },
    /// Does the function of another account let the role call it?
    FunctionPolicy {
        /// The function's ARN.
        arn: String,
        /// The role's ARN.
        role: String,
        /// The job's region.
        region: String,
    },
    /// Is the job's name free?
    JobName {
        /// The name.
        name: String,
        /// The job's region.
        region: String,
    },
}

/// Everything to ask about a request. The first function is the pre-annotation function.
pub(super) fn questions(request: &JobRequest, images: &[String]) -> Vec<Question> {
    let task = &request.human_task_config;
    let role = &request.role_arn;
    let region =
        Arn::parse(&task.workteam_arn).map_or_else(String::new, |arn| arn.region.to_owned());
    let functions = [
        &task.pre_human_task_lambda_arn,
        &task
            .annotation_consolidation_config
            .annotation_consolidation_lambda_arn,
    ];
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
        images.first(),
    ];
    let output = JobFolder::of_job(
        &request.output_config.s3_output_path,
        &request.labeling_job_name,
    )
    .output_manifest();
    let object_arns = |uris: &[&String]| -> Vec<String> {
        let mut arns: Vec<String> = uris
            .iter()
            .filter_map(|uri| object_arn(role, uri))
            .collect();
        arns.dedup();
        arns
    };
    let inputs: Vec<&String> = inputs.into_iter().flatten().collect();
    let mut asked = vec![Question::Role {
        arn: role.clone(),
        region: region.clone(),
    }];
    for (action, resources) in [
        (INVOKE, functions.map(Clone::clone).to_vec()),
        ("s3:GetObject", object_arns(&inputs)),
        ("s3:PutObject", object_arns(&[&output])),
    ] {
        asked.push(Question::Permission {
            role: role.clone(),
            action,
            resources,
        });
    }
    for arn in functions {
        asked.push(Question::Function {
            arn: arn.clone(),
            region: region.clone(),
        });
    }
    for arn in functions {
        // Within one account the role's own policies decide.
        if account_of(arn) != account_of(role) {
            asked.push(Question::FunctionPolicy {
                arn: arn.clone(),
                role: role.clone(),
                region: region.clone(),
            });
        }
    }
    asked.push(Question::JobName {
        name: request.labeling_job_name.clone(),
        region,
    });
    asked
}

/// An object's ARN, in the partition of `arn`.
fn object_arn(arn: &str, uri: &str) -> Option<String> {
    let partition = arn.split(':').nth(1)?;
    let (bucket, key) = bucket_and_key(uri)?;
    Some(format!("arn:{partition}:s3:::{bucket}/{key}"))
}

fn account_of(arn: &str) -> Option<&str> {
    Arn::parse(arn).map(|arn| arn.account)
}

/// A role's or function's name, without path and qualifier.
fn name_of(arn: &str) -> &str {
    let resource = Arn::parse(arn).map_or(arn, |arn| arn.resource);
    let name = resource.strip_prefix("function:").map_or(resource, |name| {
        name.split_once(':').map_or(name, |(name, _)| name)
    });
    name.rsplit_once('/').map_or(name, |(_, name)| name)
}

impl Question {
    /// What the report calls it.
    pub(super) fn what(&self) -> String {
        match self {
            Self::Role { .. } => "role".to_owned(),
            Self::Permission { action, .. } => format!("role, {action}"),
            Self::Function { .. } | Self::FunctionPolicy { .. } => "function".to_owned(),
            Self::JobName { .. } => "job name".to_owned(),
        }
    }

    /// Arguments of the AWS CLI.
    pub(super) fn arguments(&self) -> Vec<String> {
        let (words, region): (Vec<&str>, &str) = match self {
            Self::Role { arn, .. } => (vec!["iam", "get-role", "--role-name", name_of(arn)], ""),
            Self::Permission {
                role,
                action,
                resources,
            } => {
                let mut words = vec!["iam", "simulate-principal-policy"];
                words.extend(["--policy-source-arn", role, "--action-names", action]);
                words.push("--resource-arns");
                words.extend(resources.iter().map(String::as_str));
                (words, "")
            }
            Self::Function { arn, region } => (
                vec![
                    "lambda",
                    "get-function-configuration",
                    "--function-name",
                    arn,
                ],
                region,
            ),
            Self::FunctionPolicy { arn, region, .. } => {
                (vec!["lambda", "get-policy", "--function-name", arn], region)
            }
            Self::JobName { name, region } => {
                let words = vec!["sagemaker", "describe-labeling-job", "--labeling-job-name"];
                ([words, vec![name]].concat(), region)
            }
        };
        let mut arguments: Vec<String> = words.into_iter().map(str::to_owned).collect();
        if !region.is_empty() {
            arguments.extend(["--region".to_owned(), region.to_owned()]);
        }
        arguments
    }

    /// The command for a person to run, with what it must say.
    pub(super) fn command(&self) -> String {
        let words: Vec<String> = self.arguments().iter().map(|word| quoted(word)).collect();
        let expected = match self {
            Self::Role { .. } => format!("must trust {SERVICE}"),
            Self::Permission { .. } => "must answer allowed for each".to_owned(),
            Self::Function { .. } => "must be there and Active".to_owned(),
            Self::FunctionPolicy { role, .. } => format!("must let {role} invoke it"),
            Self::JobName { .. } => "must not be found".to_owned(),
        };
        format!("aws {} # {expected}", words.join(" "))
    }

    /// What the answer means for the job, one outcome a finding.
    pub(super) fn judge(&self, answer: &Answer) -> Vec<Outcome> {
        match self {
            Self::Role { arn, region } => vec![judge::role(arn, region, answer)],
            Self::Permission {
                action, resources, ..
            } => judge::permission(action, resources, answer),
            Self::Function { arn, region } => vec![judge::function(arn, region, answer)],
            Self::FunctionPolicy { arn, role, .. } => {
                vec![judge::function_policy(arn, role, answer)]
            }
            Self::JobName { name, .. } => vec![judge::job_name(name, answer)],
        }
    }
}

/// A word as a shell takes it.
fn quoted(word: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=@,+".contains(c);
    if !word.is_empty() && word.chars().all(is_plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests;
