//! What preflight asks of IAM, Lambda and SageMaker, as arguments of the AWS CLI, and what their answers mean for the
//! job. Nothing here runs a program or calls a service.
//!
//! Sources: GetFunctionConfiguration and GetPolicy, Lambda API Reference; GetRole and SimulatePrincipalPolicy, IAM API
//! Reference; DescribeLabelingJob, SageMaker API Reference; Ground Truth Developer Guide, "Set IAM permissions to use
//! Ground Truth".

use serde_json::Value;

use super::outcome::Outcome;
use crate::job_request::JobRequest;
use crate::job_request::aws_names::{Arn, bucket_and_key};

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
    let output = format!(
        "{}/{}/manifests/output/output.manifest",
        request.output_config.s3_output_path.trim_end_matches('/'),
        request.labeling_job_name
    );
    let object_arns = |uris: &[&String]| -> Vec<String> {
        let mut arns: Vec<String> = uris
            .iter()
            .filter_map(|uri| object_arn(role, uri))
            .collect();
        arns.dedup();
        arns
    };
    let inputs: Vec<&String> = inputs.into_iter().flatten().collect();
    let mut asked = vec![Question::Role { arn: role.clone() }];
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
            Self::Role { arn } => (vec!["iam", "get-role", "--role-name", name_of(arn)], ""),
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
            Self::Role { arn } => vec![role(arn, answer)],
            Self::Permission {
                action, resources, ..
            } => permission(action, resources, answer),
            Self::Function { arn, region } => vec![function(arn, region, answer)],
            Self::FunctionPolicy { arn, role, .. } => vec![function_policy(arn, role, answer)],
            Self::JobName { name, .. } => vec![job_name(name, answer)],
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

fn role(arn: &str, answer: &Answer) -> Outcome {
    let found = match answer {
        Answer::Json(found) => found.get("Role"),
        Answer::Refused { code, .. } if code == "NoSuchEntity" => {
            return Outcome::Problem(format!(
                "there is no role {} in the account of your credentials; RoleArn is the stack's output LabelingJobRoleArn",
                name_of(arn)
            ));
        }
        _ => None,
    };
    let Some((found, trust)) =
        found.and_then(|it| Some((it, document(it.get("AssumeRolePolicyDocument")?)?)))
    else {
        return Outcome::NotChecked(format!("whether {arn} is there: {}", answer.reason()));
    };
    let found_arn = found.get("Arn").and_then(Value::as_str).unwrap_or_default();
    if found_arn != arn {
        return Outcome::Problem(format!(
            "RoleArn is {arn}; the role of that name in the account of your credentials is {found_arn}"
        ));
    }
    let is_service = |statement: &Value| {
        let principal = statement.get("Principal");
        let service = principal.and_then(|it| it.get("Service"));
        principal.and_then(Value::as_str) == Some("*") || texts(service).any(|name| name == SERVICE)
    };
    match decision(&trust, "sts:AssumeRole", is_service) {
        Decision::Allowed => Outcome::Fine(format!("{} trusts {SERVICE}", name_of(arn))),
        Decision::Conditional => Outcome::NotChecked(format!(
            "{} trusts {SERVICE} under a condition, which can't be judged from here",
            name_of(arn)
        )),
        Decision::Denied => Outcome::Problem(format!(
            "{} can't be assumed by {SERVICE}; its trust policy must allow that service sts:AssumeRole",
            name_of(arn)
        )),
    }
}

fn permission(action: &str, resources: &[String], answer: &Answer) -> Vec<Outcome> {
    let results = match answer {
        Answer::Json(found) => found.get("EvaluationResults").and_then(Value::as_array),
        _ => None,
    };
    let Some(results) = results else {
        return vec![Outcome::NotChecked(answer.reason())];
    };
    let mut allowed = Vec::new();
    let mut said = Vec::new();
    for resource in resources {
        match decision_on(results, action, resource) {
            None => said.push(Outcome::NotChecked(format!(
                "{resource}: the answer has no decision on it"
            ))),
            Some(("allowed", _)) => allowed.push(resource.as_str()),
            Some((decision, result)) => {
                let missing: Vec<&str> = texts(result.get("MissingContextValues")).collect();
                said.push(if decision != "explicitDeny" && !missing.is_empty() {
                    Outcome::NotChecked(format!(
                        "{resource}: a policy asks for {}, which can't be known from here",
                        missing.join(", ")
                    ))
                } else {
                    Outcome::Problem(format!(
                        "{resource}: {decision}; {}",
                        why_denied(decision, action, result)
                    ))
                });
            }
        }
    }
    if !allowed.is_empty() {
        said.insert(
            0,
            Outcome::Fine(format!("allowed on {}", allowed.join(", "))),
        );
    }
    said
}

/// The decision on one resource and the element it stands in. With several resources it may stand among the
/// resource-specific results of one element for all of them.
fn decision_on<'a>(
    results: &'a [Value],
    action: &str,
    resource: &str,
) -> Option<(&'a str, &'a Value)> {
    let is_about = |result: &&Value| text_at(result, "EvalResourceName") == Some(resource);
    results
        .iter()
        .filter(|result| text_at(result, "EvalActionName") == Some(action))
        .find_map(|result| {
            let specific = result
                .get("ResourceSpecificResults")
                .and_then(Value::as_array)
                .and_then(|results| results.iter().find(is_about));
            match specific {
                Some(specific) => Some((text_at(specific, "EvalResourceDecision")?, specific)),
                None if is_about(&result) => Some((text_at(result, "EvalDecision")?, result)),
                None => None,
            }
        })
}

fn why_denied(decision: &str, action: &str, result: &Value) -> String {
    let is_false = |outer: &str, inner: &str| {
        result.get(outer).and_then(|it| it.get(inner)) == Some(&Value::Bool(false))
    };
    if is_false("OrganizationsDecisionDetail", "AllowedByOrganizations") {
        return "a service control policy of the organization forbids it".to_owned();
    }
    if is_false(
        "PermissionsBoundaryDecisionDetail",
        "AllowedByPermissionsBoundary",
    ) {
        return "the role's permissions boundary forbids it".to_owned();
    }
    if decision == "explicitDeny" {
        return format!("a policy denies the role {action}; take that statement out");
    }
    format!("no policy of the role allows {action}; add it, or give the stack's LabelingJobRoleArn")
}

fn function(arn: &str, region: &str, answer: &Answer) -> Outcome {
    let name = name_of(arn);
    let found = match answer {
        Answer::Refused { code, message } if code == "ResourceNotFoundException" => {
            return Outcome::Problem(if message.contains("not reachable in this region") {
                format!("{arn} is in another region than the job, {region}; deploy the stack there")
            } else {
                format!("there is no function {arn} in {region}; its ARN is an output of the stack")
            });
        }
        Answer::Json(found) if text_at(found, "FunctionName") == Some(name) => found,
        _ => {
            return Outcome::NotChecked(format!("whether {name} is there: {}", answer.reason()));
        }
    };
    let reason = |field: &str| {
        text_at(found, field)
            .unwrap_or("no reason given")
            .to_owned()
    };
    match (text_at(found, "State"), text_at(found, "LastUpdateStatus")) {
        (Some("Failed"), _) => {
            Outcome::Problem(format!("{name} can't be called: {}", reason("StateReason")))
        }
        (_, Some("Failed")) => Outcome::Problem(format!(
            "the last update of {name} failed: {}",
            reason("LastUpdateStatusReason")
        )),
        (Some("Active"), _) => Outcome::Fine(format!("{name} is there and active")),
        (Some(state), _) => Outcome::Problem(format!(
            "{name} is {state}; a call fails until it is Active, so call it once and look again"
        )),
        (None, _) => Outcome::NotChecked(format!("{name} is there; its state isn't told")),
    }
}

fn function_policy(arn: &str, role: &str, answer: &Answer) -> Outcome {
    let name = name_of(arn);
    let remedy = format!(
        "aws lambda add-permission --function-name {arn} --statement-id labeling --action {INVOKE} --principal {role}"
    );
    let problem = |what: &str| {
        Outcome::Problem(format!(
            "{name} is of another account than the role and {what}; there: {remedy}"
        ))
    };
    let policy = match answer {
        Answer::Refused { code, .. } if code == "ResourceNotFoundException" => {
            return problem("has no resource policy");
        }
        Answer::Json(found) => found.get("Policy").and_then(document),
        _ => None,
    };
    let Some(policy) = policy else {
        return Outcome::NotChecked(format!(
            "whether {name} of another account lets the role call it: {}",
            answer.reason()
        ));
    };
    let account = account_of(role).unwrap_or_default();
    let root = format!(":iam::{account}:root");
    let is_role = |statement: &Value| {
        let principal = statement.get("Principal");
        let names = texts(principal).chain(texts(principal.and_then(|it| it.get("AWS"))));
        names
            .into_iter()
            .any(|it| it == "*" || it == account || it == role || it.ends_with(&root))
    };
    match decision(&policy, INVOKE, is_role) {
        Decision::Allowed => {
            Outcome::Fine(format!("{name} lets the role of another account call it"))
        }
        Decision::Conditional => Outcome::NotChecked(format!(
            "{name} lets the role call it under a condition, which can't be judged from here"
        )),
        Decision::Denied => problem("doesn't let it call"),
    }
}

fn job_name(name: &str, answer: &Answer) -> Outcome {
    match answer {
        Answer::Json(found) => match text_at(found, "LabelingJobStatus") {
            Some(status) => Outcome::Problem(format!(
                "there is a labeling job {name} already ({status}); choose another name"
            )),
            None => Outcome::NotChecked(answer.reason()),
        },
        // ResourceNotFound is documented; other Describe operations of SageMaker answer a ValidationException.
        Answer::Refused { code, message }
            if code.starts_with("ResourceNotFound")
                || code == "ValidationException" && says_not_found(message) =>
        {
            Outcome::Fine(format!("no labeling job is called {name}"))
        }
        _ => Outcome::NotChecked(format!("whether {name} is free: {}", answer.reason())),
    }
}

fn says_not_found(message: &str) -> bool {
    let message = message.to_ascii_lowercase();
    ["not found", "not find", "does not exist"]
        .iter()
        .any(|words| message.contains(words))
}

/// Whose label categories workers are offered: the pre-annotation function isn't told the job's own.
///
/// `answer` is that to the pre-annotation function's [`Question::Function`]; `n_without` of the manifest's lines don't
/// name their own labels.
pub(super) fn labels_offered(categories: &str, n_without: u64, answer: &Answer) -> Outcome {
    let field = match answer {
        Answer::Json(found) => variable(found, "LABELS_FIELD").unwrap_or("labels"),
        _ => "labels",
    };
    if field != "labels" {
        return Outcome::NotChecked(format!(
            "the pre-annotation function takes label categories from the field {field:?} of each line"
        ));
    }
    if n_without == 0 {
        return Outcome::Fine("each line of the manifest names its labels".to_owned());
    }
    let Answer::Json(found) = answer else {
        return Outcome::NotChecked(format!(
            "the pre-annotation function's LABEL_CATEGORIES_S3_URI must be {categories}: {}",
            answer.reason()
        ));
    };
    let remedy = format!(
        "sam deploy --stack-name STACK --parameter-overrides LabelCategoriesS3Uri={categories}"
    );
    match (
        variable(found, "LABEL_CATEGORIES_S3_URI"),
        variable(found, "LABEL_CATEGORIES"),
    ) {
        (Some(offered), _) if offered == categories => {
            Outcome::Fine("workers choose from the job's label category file".to_owned())
        }
        (Some(offered), _) => Outcome::Problem(format!(
            "workers would choose from {offered}, the job's label category file is {categories}; {remedy}"
        )),
        (None, Some(_)) => Outcome::NotChecked(format!(
            "workers choose from the pre-annotation function's LABEL_CATEGORIES; they must be those of {categories}"
        )),
        (None, None) => Outcome::Problem(format!(
            "the pre-annotation function has no label categories and {n_without} lines of the manifest name none: workers would have nothing to choose from; {remedy}"
        )),
    }
}

/// A function's environment variable.
fn variable<'a>(configuration: &'a Value, name: &str) -> Option<&'a str> {
    let variables = configuration.get("Environment")?.get("Variables")?;
    text_at(variables, name)
}

/// What a policy says of one action and one principal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Decision {
    Allowed,
    /// A condition decides, which takes the call to know.
    Conditional,
    /// Denied, or not allowed by any statement.
    Denied,
}

fn decision(policy: &Value, action: &str, is_principal: impl Fn(&Value) -> bool) -> Decision {
    let statements = match policy.get("Statement") {
        Some(Value::Array(statements)) => statements.as_slice(),
        Some(statement) => std::slice::from_ref(statement),
        None => &[],
    };
    let service = action
        .split_once(':')
        .map_or(action, |(service, _)| service);
    let any_of_service = format!("{service}:*");
    let is_action = |it: &str| {
        it == "*" || it.eq_ignore_ascii_case(action) || it.eq_ignore_ascii_case(&any_of_service)
    };
    let (mut allows, mut may_allow, mut may_deny) = (false, false, false);
    for statement in statements {
        if !(is_principal(statement) && texts(statement.get("Action")).any(is_action)) {
            continue;
        }
        let is_conditional = statement.get("Condition").is_some();
        match (text_at(statement, "Effect"), is_conditional) {
            (Some("Deny"), false) => return Decision::Denied,
            (Some("Deny"), true) => may_deny = true,
            (Some("Allow"), false) => allows = true,
            (Some("Allow"), true) => may_allow = true,
            _ => {}
        }
    }
    match (allows, may_allow, may_deny) {
        (true, _, false) => Decision::Allowed,
        (false, false, _) => Decision::Denied,
        _ => Decision::Conditional,
    }
}

/// A policy document, which stands as JSON or as a text with JSON in it.
fn document(value: &Value) -> Option<Value> {
    match value {
        Value::Object(_) => Some(value.clone()),
        Value::String(text) => serde_json::from_str(text).ok(),
        _ => None,
    }
}

/// The texts of a field that holds one or a list of them.
fn texts(value: Option<&Value>) -> impl Iterator<Item = &str> {
    let values = match value {
        Some(Value::Array(values)) => values.as_slice(),
        Some(value) => std::slice::from_ref(value),
        None => &[],
    };
    values.iter().filter_map(Value::as_str)
}

fn text_at<'a>(value: &'a Value, field: &str) -> Option<&'a str> {
    value.get(field).and_then(Value::as_str)
}

#[cfg(test)]
mod tests;
