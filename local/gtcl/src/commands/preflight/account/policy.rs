//! IAM policy documents, as far as one action of one principal goes.

use serde_json::Value;

/// What a policy says of one action and one principal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Decision {
    /// Allowed, whatever the call.
    Allowed,
    /// A condition decides, which takes the call to know.
    Conditional,
    /// Denied, or not allowed by any statement.
    Denied,
}

/// What `policy` says of `action` and the principals that `is_principal` finds in a statement.
pub(super) fn decision(
    policy: &Value,
    action: &str,
    is_principal: impl Fn(&Value) -> bool,
) -> Decision {
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

/// The policy without those conditions of its allowing statements that hold.
pub(super) fn without_conditions(mut policy: Value, holds: impl Fn(&Value) -> bool) -> Value {
    let statements = match policy.get_mut("Statement") {
        Some(Value::Array(statements)) => statements.as_mut_slice(),
        Some(statement) => std::slice::from_mut(statement),
        None => &mut [],
    };
    for statement in statements {
        let allows = text_at(statement, "Effect") == Some("Allow");
        if allows
            && statement.get("Condition").is_some_and(&holds)
            && let Some(fields) = statement.as_object_mut()
        {
            fields.remove("Condition");
        }
    }
    policy
}

/// A policy document, which stands as JSON or as a text with JSON in it.
pub(super) fn document(value: &Value) -> Option<Value> {
    match value {
        Value::Object(_) => Some(value.clone()),
        Value::String(text) => serde_json::from_str(text).ok(),
        _ => None,
    }
}

/// The texts of a field that holds one or a list of them.
pub(super) fn texts(value: Option<&Value>) -> impl Iterator<Item = &str> {
    let values = match value {
        Some(Value::Array(values)) => values.as_slice(),
        Some(value) => std::slice::from_ref(value),
        None => &[],
    };
    values.iter().filter_map(Value::as_str)
}

/// A field that holds a text.
pub(super) fn text_at<'a>(value: &'a Value, field: &str) -> Option<&'a str> {
    value.get(field).and_then(Value::as_str)
}
