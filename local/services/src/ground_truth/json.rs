//! JSON that is put together here.

use serde_json::Value;
use serde_json::value::{RawValue, to_raw_value};

/// Adds a member to a JSON object.
pub(super) fn insert(object: &mut Value, name: &str, value: Value) {
    if let Value::Object(members) = object {
        members.insert(name.to_owned(), value);
    }
}

/// A JSON value that is known to be one.
pub(super) fn raw(value: &Value) -> Box<RawValue> {
    to_raw_value(value).unwrap_or_else(|_| RawValue::NULL.to_owned())
}
