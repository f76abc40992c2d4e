//! What the account's answers mean for the job.

use serde_json::Value;

use super::policy::{Decision, decision, document, text_at, texts, without_conditions};
use super::{Answer, INVOKE, SERVICE, account_of, name_of};
use crate::commands::preflight::outcome::Outcome;

pub(super) fn role(arn: &str, region: &str, answer: &Answer) -> Outcome {
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
    let trust = without_conditions(trust, |condition| asks_for_own_jobs(condition, arn, region));
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

/// Whether a condition holds for every labeling job of the role's account in this region.
///
/// Source: IAM guide, "The confused deputy problem"; SageMaker Developer Guide, "Cross-service confused deputy prevention".
fn asks_for_own_jobs(condition: &Value, role: &str, region: &str) -> bool {
    let Some(account) = account_of(role) else {
        return false;
    };
    let partition = role.split(':').nth(1).unwrap_or_default();
    let is_own_jobs = |pattern: &str| {
        [region, "*"].iter().any(|region| {
            let jobs = format!("arn:{partition}:sagemaker:{region}:{account}:");
            pattern
                .strip_prefix(&jobs)
                .is_some_and(|rest| ["*", "labeling-job/*"].contains(&rest))
        })
    };
    let operators = condition.as_object().into_iter().flatten();
    operators
        .flat_map(|(operator, keys)| {
            let keys = keys.as_object().into_iter().flatten();
            keys.map(move |(key, values)| (operator.trim_end_matches("IfExists"), key, values))
        })
        .all(|(operator, key, values)| match operator {
            "StringEquals" if key.eq_ignore_ascii_case("aws:SourceAccount") => {
                texts(Some(values)).any(|value| value == account)
            }
            "ArnLike" | "StringLike" if key.eq_ignore_ascii_case("aws:SourceArn") => {
                texts(Some(values)).any(is_own_jobs)
            }
            _ => false,
        })
}

pub(super) fn permission(action: &str, resources: &[String], answer: &Answer) -> Vec<Outcome> {
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
    format!(
        "no policy of the role allows {action}; add it, or give the stack's LabelingJobRoleArn and what lies in the stack's bucket"
    )
}

pub(super) fn function(arn: &str, region: &str, answer: &Answer) -> Outcome {
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

pub(super) fn function_policy(arn: &str, role: &str, answer: &Answer) -> Outcome {
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

pub(super) fn job_name(name: &str, answer: &Answer) -> Outcome {
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
/// name their own labels, `None` when no line could be read.
pub(in super::super) fn labels_offered(
    categories: &str,
    n_without: Option<u64>,
    answer: &Answer,
) -> Outcome {
    let field = match answer {
        Answer::Json(found) => variable(found, "LABELS_FIELD").unwrap_or("labels"),
        _ => "labels",
    };
    if field != "labels" {
        return Outcome::NotChecked(format!(
            "the pre-annotation function takes label categories from the field {field:?} of each line"
        ));
    }
    if n_without == Some(0) {
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
        _ if n_without.is_none() => Outcome::NotChecked(format!(
            "no line of the manifest could be read; lines without labels of their own need the pre-annotation function's LABEL_CATEGORIES_S3_URI to be {categories}"
        )),
        (Some(offered), _) => Outcome::Problem(format!(
            "workers would choose from {offered}, the job's label category file is {categories}; {remedy}"
        )),
        (None, Some(_)) => Outcome::NotChecked(format!(
            "workers choose from the pre-annotation function's LABEL_CATEGORIES; they must be those of {categories}"
        )),
        (None, None) => Outcome::Problem(format!(
            "the pre-annotation function has no label categories and {} lines of the manifest name none: workers would have nothing to choose from; {remedy}",
            n_without.unwrap_or_default()
        )),
    }
}

/// A function's environment variable.
fn variable<'a>(configuration: &'a Value, name: &str) -> Option<&'a str> {
    let variables = configuration.get("Environment")?.get("Variables")?;
    text_at(variables, name)
}
