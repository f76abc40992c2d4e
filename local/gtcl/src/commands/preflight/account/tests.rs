use serde_json::json;

use super::*;
use crate::job_request::constraints::request_of_tests;

const ROLE: &str = "arn:aws:iam::111122223333:role/gt-LabelingJobRole-1ABC";
const PRE: &str = "arn:aws:lambda:us-east-1:111122223333:function:gt-SageMaker-pre-annotation";
const CONSOLIDATION: &str =
    "arn:aws:lambda:us-east-1:111122223333:function:gt-SageMaker-consolidation";

/// What the AWS CLI writes to standard error.
fn refused(stderr: &str) -> Answer {
    Answer::of_output(false, b"", stderr.as_bytes())
}

/// `expected` is the outcome's word and a part of its text.
fn check(outcomes: &[Outcome], expected: &[(&str, &str)]) {
    let said: Vec<String> = outcomes.iter().map(ToString::to_string).collect();
    assert_eq!(said.len(), expected.len(), "{said:#?}");
    for (said, (word, part)) in said.iter().zip(expected) {
        assert!(
            said.starts_with(word) && said.contains(part),
            "{said} should be {word}: {part}"
        );
    }
}

#[test]
fn what_the_program_printed() {
    let check = |stderr: &str, code: &str, message: &str| {
        let expected = Answer::Refused {
            code: code.to_owned(),
            message: message.to_owned(),
        };
        assert_eq!(refused(stderr), expected, "{stderr}");
    };
    check(
        "\nAn error occurred (NoSuchEntity) when calling the GetRole operation: Role x not found.\n",
        "NoSuchEntity",
        "Role x not found.",
    );
    check(
        "\naws: [ERROR]: An error occurred (AccessDenied) when calling the GetRole operation: User: a is not\nauthorized",
        "AccessDenied",
        "User: a is not authorized",
    );
    check(
        "An error occurred (400) when calling the DescribeLabelingJob operation: \n",
        "400",
        "",
    );
    let unanswered = |stderr: &str, expected: &str| {
        assert_eq!(refused(stderr), Answer::Unanswered(expected.to_owned()));
    };
    unanswered(
        "\nUnable to locate credentials. You can configure credentials by running \"aws configure\".\n",
        "Unable to locate credentials. You can configure credentials by running \"aws configure\".",
    );
    unanswered("", "the AWS CLI failed and says nothing");
    assert_eq!(
        Answer::of_output(true, b"{}", b"warning"),
        Answer::Json(json!({}))
    );
    assert!(matches!(
        Answer::of_output(true, b"Traceback", b""),
        Answer::Unanswered(_)
    ));
    let long = refused(&format!(
        "An error occurred (X) when calling the Y operation: {}",
        "z".repeat(400)
    ));
    assert!(matches!(long, Answer::Refused { message, .. } if message.chars().count() == 300));
}

#[test]
fn what_is_asked() {
    let mut request = request_of_tests();
    let images = ["s3://gt-jobs/images/bird 1.jpg".to_owned()];
    let commands = |request: &JobRequest| -> Vec<String> {
        let asked = questions(request, &images);
        asked.iter().map(Question::command).collect()
    };
    let said = commands(&request);
    assert_eq!(said.len(), 7, "{said:#?}");
    for part in [
        "aws iam get-role --role-name ",
        "--action-names lambda:InvokeFunction --resource-arns arn:aws:lambda:",
        "arn:aws:s3:::gt-jobs/categories.json",
        "'arn:aws:s3:::gt-jobs/images/bird 1.jpg'",
        "/manifests/output/output.manifest",
        "aws lambda get-function-configuration --function-name arn:aws:lambda:",
        "aws sagemaker describe-labeling-job --labeling-job-name birds-1 --region ",
    ] {
        assert!(said.join("\n").contains(part), "{part}: {said:#?}");
    }
    request.role_arn = "arn:aws:iam::444455556666:role/teams/labeling".to_owned();
    let said = commands(&request).join("\n");
    assert!(said.contains("get-role --role-name labeling #"), "{said}");
    assert_eq!(said.matches("aws lambda get-policy").count(), 2, "{said}");
    assert_eq!(quoted("it's"), r"'it'\''s'");
}

#[test]
fn roles() {
    let ask = |answer: &Answer, expected: (&str, &str)| {
        let question = Question::Role {
            arn: ROLE.to_owned(),
            region: "us-east-1".to_owned(),
        };
        check(&question.judge(answer), &[expected]);
    };
    let trust = |statements: Value| {
        Answer::Json(json!({"Role": {
            "RoleName": "gt-LabelingJobRole-1ABC", "Arn": ROLE,
            "AssumeRolePolicyDocument": {"Version": "2012-10-17", "Statement": statements}
        }}))
    };
    let allow = |service: Value| json!({"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"});
    let sagemaker = || allow(json!("sagemaker.amazonaws.com"));
    ask(&trust(json!([sagemaker()])), ("ok", "trusts sagemaker"));
    ask(&trust(sagemaker()), ("ok", "trusts"));
    let several = json!(["lambda.amazonaws.com", "sagemaker.amazonaws.com"]);
    ask(&trust(json!([allow(several)])), ("ok", "trusts"));
    let other = allow(json!("lambda.amazonaws.com"));
    ask(
        &trust(json!([other])),
        ("PROBLEM", "can't be assumed by sagemaker"),
    );
    ask(&trust(json!([])), ("PROBLEM", "must allow that service"));
    let mut tagging = sagemaker();
    tagging["Action"] = json!(["sts:TagSession"]);
    ask(&trust(json!([tagging])), ("PROBLEM", "can't be assumed"));
    let mut with_condition = sagemaker();
    for condition in [
        json!({"StringEquals": {"aws:SourceAccount": "111122223333"}}),
        json!({"StringEquals": {"aws:SourceAccount": ["444455556666", "111122223333"]},
            "ArnLikeIfExists": {"aws:SourceArn": "arn:aws:sagemaker:us-east-1:111122223333:*"}}),
        json!({"StringLike": {"AWS:SourceArn": "arn:aws:sagemaker:*:111122223333:labeling-job/*"}}),
    ] {
        with_condition["Condition"] = condition;
        ask(&trust(json!([with_condition])), ("ok", "trusts"));
        with_condition["Effect"] = json!("Deny");
        let denied = ("not checked: ", "under a condition");
        ask(&trust(json!([sagemaker(), with_condition])), denied);
        with_condition["Effect"] = json!("Allow");
    }
    for condition in [
        json!({"StringEquals": {"aws:SourceAccount": "444455556666"}}),
        json!({"StringEquals": {"aws:PrincipalAccount": "111122223333"}}),
        json!({"StringNotEquals": {"aws:SourceAccount": "111122223333"}}),
        json!({"ArnLike": {"aws:SourceArn": "arn:aws:sagemaker:eu-west-1:111122223333:*"}}),
        json!({"ArnLike": {"aws:SourceArn": "arn:aws:sagemaker:us-east-1:111122223333:training-job/*"}}),
    ] {
        with_condition["Condition"] = condition;
        let unknown = ("not checked: ", "under a condition");
        ask(&trust(json!([with_condition])), unknown);
    }
    ask(
        &trust(json!([with_condition])),
        ("not checked: ", "under a condition"),
    );
    ask(
        &trust(json!([with_condition, sagemaker()])),
        ("ok", "trusts"),
    );
    let mut deny = sagemaker();
    deny["Effect"] = json!("Deny");
    ask(
        &trust(json!([sagemaker(), deny])),
        ("PROBLEM", "can't be assumed"),
    );
    deny["Condition"] = json!({"Bool": {"aws:SecureTransport": "false"}});
    ask(
        &trust(json!([sagemaker(), deny])),
        ("not checked: ", "under a condition"),
    );
    let text = json!({"Statement": [sagemaker()]}).to_string();
    let as_text = json!({"Role": {"Arn": ROLE, "AssumeRolePolicyDocument": text}});
    ask(&Answer::Json(as_text), ("ok", "trusts"));

    let elsewhere = json!({"Role": {"Arn": "arn:aws:iam::444455556666:role/gt-LabelingJobRole-1ABC",
        "AssumeRolePolicyDocument": {"Statement": [sagemaker()]}}});
    ask(
        &Answer::Json(elsewhere),
        ("PROBLEM", "is arn:aws:iam::444455556666"),
    );
    ask(
        &refused(
            "An error occurred (NoSuchEntity) when calling the GetRole operation: The role with name x cannot be found.",
        ),
        ("PROBLEM", "there is no role gt-LabelingJobRole-1ABC"),
    );
    ask(
        &refused(
            "An error occurred (AccessDenied) when calling the GetRole operation: User: arn:aws:iam::111122223333:user/u is not authorized to perform: iam:GetRole",
        ),
        ("not checked: ", "AccessDenied: User"),
    );
    ask(&Answer::Json(json!({})), ("not checked: ", "another form"));
}

#[test]
fn permissions() {
    let question = Question::Permission {
        role: ROLE.to_owned(),
        action: INVOKE,
        resources: vec![PRE.to_owned(), CONSOLIDATION.to_owned()],
    };
    let result = |resource: &str, decision: &str| {
        json!({"EvalActionName": INVOKE, "EvalResourceName": resource, "EvalDecision": decision,
            "MatchedStatements": [], "MissingContextValues": []})
    };
    let ask = |results: &[Value], expected: &[(&str, &str)]| {
        let answer = Answer::Json(json!({"EvaluationResults": results}));
        check(&question.judge(&answer), expected);
    };
    let allowed = result(PRE, "allowed");
    ask(
        &[allowed.clone(), result(CONSOLIDATION, "allowed")],
        &[("ok", CONSOLIDATION)],
    );
    ask(
        &[allowed.clone(), result(CONSOLIDATION, "implicitDeny")],
        &[
            ("ok", PRE),
            (
                "PROBLEM",
                "no policy of the role allows lambda:InvokeFunction",
            ),
        ],
    );
    ask(
        &[
            result(PRE, "explicitDeny"),
            result(CONSOLIDATION, "explicitDeny"),
        ],
        &[("PROBLEM", "a policy denies"), ("PROBLEM", CONSOLIDATION)],
    );
    // An emulator that looks at the first resource only.
    ask(
        std::slice::from_ref(&allowed),
        &[
            ("ok", PRE),
            ("not checked: ", "the answer has no decision on it"),
        ],
    );
    ask(
        &[],
        &[("not checked: ", PRE), ("not checked: ", CONSOLIDATION)],
    );
    // One element for all resources.
    let mut together = result("*", "implicitDeny");
    together["ResourceSpecificResults"] = json!([
        {"EvalResourceName": PRE, "EvalResourceDecision": "allowed"},
        {"EvalResourceName": CONSOLIDATION, "EvalResourceDecision": "implicitDeny"},
    ]);
    ask(&[together], &[("ok", PRE), ("PROBLEM", CONSOLIDATION)]);
    let mut of_organization = result(CONSOLIDATION, "implicitDeny");
    of_organization["OrganizationsDecisionDetail"] = json!({"AllowedByOrganizations": false});
    ask(
        &[allowed.clone(), of_organization],
        &[("ok", PRE), ("PROBLEM", "service control policy")],
    );
    let mut bounded = result(CONSOLIDATION, "implicitDeny");
    bounded["PermissionsBoundaryDecisionDetail"] = json!({"AllowedByPermissionsBoundary": false});
    ask(
        &[allowed.clone(), bounded],
        &[("ok", PRE), ("PROBLEM", "permissions boundary")],
    );
    let mut in_context = result(CONSOLIDATION, "implicitDeny");
    in_context["MissingContextValues"] = json!(["aws:SourceIp"]);
    ask(
        &[allowed, in_context],
        &[("ok", PRE), ("not checked: ", "asks for aws:SourceIp")],
    );
    check(
        &question.judge(&refused("An error occurred (AccessDenied) when calling the SimulatePrincipalPolicy operation: no")),
        &[("not checked: ", "AccessDenied: no")],
    );
}

#[test]
fn functions() {
    let ask = |answer: &Answer, expected: (&str, &str)| {
        let question = Question::Function {
            arn: PRE.to_owned(),
            region: "us-east-1".to_owned(),
        };
        check(&question.judge(answer), &[expected]);
    };
    let configuration = |state: Value, update: Value| {
        Answer::Json(
            json!({"FunctionName": "gt-SageMaker-pre-annotation", "FunctionArn": PRE,
            "State": state, "StateReason": "why", "LastUpdateStatus": update, "LastUpdateStatusReason": "so"}),
        )
    };
    ask(
        &configuration(json!("Active"), json!("Successful")),
        ("ok", "active"),
    );
    ask(
        &configuration(json!("Active"), json!("InProgress")),
        ("ok", "active"),
    );
    ask(
        &configuration(json!("Active"), json!("Failed")),
        ("PROBLEM", "failed: so"),
    );
    ask(
        &configuration(json!("Failed"), json!("Failed")),
        ("PROBLEM", "can't be called: why"),
    );
    ask(
        &configuration(json!("Inactive"), json!("Successful")),
        ("PROBLEM", "is Inactive"),
    );
    ask(
        &configuration(json!("Pending"), json!("Successful")),
        ("PROBLEM", "is Pending"),
    );
    ask(
        &configuration(Value::Null, Value::Null),
        ("not checked: ", "its state isn't told"),
    );
    ask(
        &Answer::Json(json!({"FunctionName": "other"})),
        ("not checked: ", "another form"),
    );
    let error = |code: &str, message: &str| {
        refused(&format!(
            "An error occurred ({code}) when calling the GetFunctionConfiguration operation: {message}"
        ))
    };
    ask(
        &error(
            "ResourceNotFoundException",
            &format!("Function not found: {PRE}"),
        ),
        ("PROBLEM", "there is no function arn:aws:lambda"),
    );
    ask(
        &error(
            "ResourceNotFoundException",
            "Functions from 'us-east-1' are not reachable in this region ('eu-west-1')",
        ),
        ("PROBLEM", "another region"),
    );
    ask(
        &error("AccessDeniedException", "no"),
        ("not checked: ", "AccessDeniedException: no"),
    );
    ask(
        &refused("Could not connect"),
        ("not checked: ", "Could not connect"),
    );
}

#[test]
fn functions_of_another_account() {
    let ask = |answer: &Answer, expected: (&str, &str)| {
        let question = Question::FunctionPolicy {
            arn: "arn:aws:lambda:us-east-1:444455556666:function:SageMaker-labels".to_owned(),
            role: ROLE.to_owned(),
            region: "us-east-1".to_owned(),
        };
        check(&question.judge(answer), &[expected]);
    };
    let policy = |principal: Value| {
        let statement =
            json!({"Effect": "Allow", "Principal": principal, "Action": "lambda:InvokeFunction"});
        let policy = json!({"Version": "2012-10-17", "Statement": [statement]});
        Answer::Json(json!({"Policy": policy.to_string(), "RevisionId": "1"}))
    };
    ask(&policy(json!({"AWS": ROLE})), ("ok", "lets the role"));
    ask(
        &policy(json!({"AWS": "arn:aws:iam::111122223333:root"})),
        ("ok", "lets the role"),
    );
    ask(
        &policy(json!({"AWS": ["444455556666", "111122223333"]})),
        ("ok", "lets the role"),
    );
    ask(&policy(json!("*")), ("ok", "lets the role"));
    ask(
        &policy(json!({"AWS": "444455556666"})),
        ("PROBLEM", "add-permission"),
    );
    ask(
        &policy(json!({"Service": "s3.amazonaws.com"})),
        ("PROBLEM", "doesn't let it call"),
    );
    let error = |code: &str| {
        refused(&format!(
            "An error occurred ({code}) when calling the GetPolicy operation: no"
        ))
    };
    ask(
        &error("ResourceNotFoundException"),
        ("PROBLEM", "no resource policy"),
    );
    ask(
        &error("AccessDeniedException"),
        ("not checked: ", "AccessDeniedException"),
    );
}

#[test]
fn job_names() {
    let ask = |answer: &Answer, expected: (&str, &str)| {
        let question = Question::JobName {
            name: "birds-1".to_owned(),
            region: "us-east-1".to_owned(),
        };
        check(&question.judge(answer), &[expected]);
    };
    let error = |code: &str, message: &str| {
        refused(&format!(
            "An error occurred ({code}) when calling the DescribeLabelingJob operation: {message}"
        ))
    };
    ask(
        &error("ResourceNotFound", "no"),
        ("ok", "no labeling job is called birds-1"),
    );
    ask(
        &error("ValidationException", "Requested resource not found."),
        ("ok", "no labeling job"),
    );
    ask(
        &error("ValidationException", "1 validation error detected"),
        ("not checked: ", "1 validation"),
    );
    ask(&error("400", ""), ("not checked: ", "400"));
    let job = json!({"LabelingJobName": "birds-1", "LabelingJobStatus": "Completed"});
    ask(&Answer::Json(job), ("PROBLEM", "(Completed)"));
    ask(&Answer::Json(json!({})), ("not checked: ", "another form"));
}

#[test]
fn label_categories_of_the_function() {
    let categories = "s3://gt-jobs/categories.json";
    let ask = |n_without: Option<u64>, variables: Value, expected: (&str, &str)| {
        let answer = Answer::Json(json!({"Environment": {"Variables": variables}}));
        check(
            &[labels_offered(categories, n_without, &answer)],
            &[expected],
        );
    };
    ask(
        Some(3),
        json!({"LABEL_CATEGORIES_S3_URI": categories}),
        ("ok", "the job's label category file"),
    );
    ask(
        Some(3),
        json!({"LABEL_CATEGORIES_S3_URI": "s3://x/y"}),
        ("PROBLEM", "choose from s3://x/y"),
    );
    ask(
        Some(0),
        json!({"LABEL_CATEGORIES_S3_URI": "s3://x/y"}),
        ("ok", "each line"),
    );
    for (variables, expected) in [
        (
            json!({"LABEL_CATEGORIES_S3_URI": categories}),
            ("ok", "the job's label category file"),
        ),
        (
            json!({"LABEL_CATEGORIES_S3_URI": "s3://x/y"}),
            ("not checked: ", "no line of the manifest could be read"),
        ),
        (
            json!({}),
            ("not checked: ", "no line of the manifest could be read"),
        ),
    ] {
        ask(None, variables, expected);
    }
    ask(
        Some(3),
        json!({"LABEL_CATEGORIES": "a,b"}),
        ("not checked: ", "LABEL_CATEGORIES"),
    );
    ask(
        Some(3),
        json!({}),
        ("PROBLEM", "nothing to choose from; sam deploy"),
    );
    ask(
        Some(0),
        json!({"LABELS_FIELD": "names"}),
        ("not checked: ", "\"names\""),
    );
    let unseen = refused(
        "An error occurred (AccessDeniedException) when calling the GetFunctionConfiguration operation: no",
    );
    check(
        &[labels_offered(categories, Some(3), &unseen)],
        &[("not checked: ", "AccessDenied")],
    );
    check(
        &[labels_offered(categories, Some(0), &unseen)],
        &[("ok", "each line")],
    );
}
