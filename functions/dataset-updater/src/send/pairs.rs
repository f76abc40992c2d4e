//! Whether two entries say the same: by their label pairs, as JSON values.
//!
//! An entry may come back from the service with other spaces, another order of keys, numbers written otherwise, and with
//! keys that the service has added. What counts are the label attributes and their metadata.

use serde_json::Value;
use xxhash_rust::xxh3::Xxh3;

use crate::send::service_keys::strip;

const SOURCE_REF: &str = "source-ref";

/// A hash of an entry's label pairs, whatever their order; `None` for what isn't a JSON object. Two of 250,000 different entries
/// share a hash with a probability below 2 in a thousand million.
#[must_use]
pub fn fingerprint(entry: &str) -> Option<u64> {
    serde_json::from_str(entry).ok().and_then(fingerprint_of)
}

/// As [`fingerprint`], of an entry that is parsed already.
#[must_use]
pub fn fingerprint_of(mut entry: Value) -> Option<u64> {
    strip(&mut entry);
    let fields = entry.as_object()?;
    let mut sum = 0_u64;
    for (key, label) in fields {
        let Some(metadata) = fields.get(&format!("{key}-metadata")) else {
            continue;
        };
        let mut hasher = Xxh3::new();
        add_text(&mut hasher, key);
        add(&mut hasher, label);
        add(&mut hasher, metadata);
        sum = sum.wrapping_add(hasher.digest());
    }
    Some(sum)
}

fn add(hasher: &mut Xxh3, value: &Value) {
    match value {
        Value::Null => hasher.update(b"0"),
        Value::Bool(is_true) => hasher.update(if *is_true { b"t" } else { b"f" }),
        Value::Number(number) => {
            hasher.update(b"n");
            let number = number.as_f64().unwrap_or(f64::NAN);
            // Of the two zeros, one.
            hasher.update(&(number + 0.0).to_bits().to_le_bytes());
        }
        Value::String(text) => add_text(hasher, text),
        Value::Array(values) => {
            hasher.update(b"[");
            values.iter().for_each(|value| add(hasher, value));
            hasher.update(b"]");
        }
        Value::Object(fields) => {
            let mut fields: Vec<_> = fields.iter().collect();
            fields.sort_unstable_by_key(|(key, _)| *key);
            hasher.update(b"{");
            for (key, value) in fields {
                add_text(hasher, key);
                add(hasher, value);
            }
            hasher.update(b"}");
        }
    }
}

fn add_text(hasher: &mut Xxh3, text: &str) {
    hasher.update(b"s");
    hasher.update(&(text.len() as u64).to_le_bytes());
    hasher.update(text.as_bytes());
}

/// Whether an entry of the dataset has all that `sent` has but for its source-ref. More than that doesn't matter: label
/// attributes of others, or fields that the service adds.
#[must_use]
pub fn holds(existing: &str, sent: &str) -> bool {
    let (Ok(Value::Object(existing)), Ok(Value::Object(sent))) =
        (serde_json::from_str(existing), serde_json::from_str(sent))
    else {
        return false;
    };
    sent.iter()
        .filter(|(key, _)| *key != SOURCE_REF)
        .all(|(key, value)| existing.get(key).is_some_and(|it| covers(it, value)))
}

fn covers(existing: &Value, sent: &Value) -> bool {
    match (existing, sent) {
        (Value::Object(existing), Value::Object(sent)) => sent
            .iter()
            .all(|(key, value)| existing.get(key).is_some_and(|it| covers(it, value))),
        (Value::Array(existing), Value::Array(sent)) => {
            existing.len() == sent.len()
                && existing
                    .iter()
                    .zip(sent)
                    .all(|(it, value)| covers(it, value))
        }
        (Value::Number(existing), Value::Number(sent)) => existing.as_f64() == sent.as_f64(),
        (existing, sent) => existing == sent,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SENT: &str = r#"{"source-ref":"s3://b/k","a":1,"a-metadata":{"class-name":"x","confidence":0.9},"b":{"annotations":[{"left":1}]},"b-metadata":{"objects":[]}}"#;

    fn check(returned: &str, is_same: bool, is_held: bool) {
        assert_eq!(
            fingerprint(returned) == fingerprint(SENT),
            is_same,
            "{returned}"
        );
        assert_eq!(holds(returned, SENT), is_held, "{returned}");
    }

    #[test]
    fn what_the_service_may_do_changes_nothing() {
        check(SENT, true, true);
        check(
            r#"{ "b-metadata": {"objects": []}, "b": {"annotations": [ {"left": 1.0} ]},
            "a-metadata": {"confidence": 9e-1, "class-name": "\u0078"}, "source-ref": "s3://b/k", "a": 1.0,
            "cl-metadata": {"is_labeled": true}, "new-key-of-the-service": 1 }"#,
            true,
            true,
        );
        let with_errors = SENT
            .replace(r#"{"left":1}"#, r#"{"left":1,"cl-errors":[{"code":"A"}]}"#)
            .replace(r#""objects":[]"#, r#""objects":[],"cl-errors":[]"#);
        check(&with_errors, true, true);
    }

    #[test]
    fn more_than_was_sent_is_another_hash_and_holds_it() {
        check(
            &SENT.replace(r#""confidence""#, r#""added":1,"confidence""#),
            false,
            true,
        );
        check(
            &SENT.replace(r#""a":1"#, r#""c":1,"c-metadata":{},"a":1"#),
            false,
            true,
        );
    }

    #[test]
    fn other_labels_are_others() {
        for (from, to) in [
            (r#""a":1"#, r#""a":2"#),
            (r#""a":1"#, r#""a":"1""#),
            (r#""a":1"#, r#""z":1"#),
            (r#""x""#, r#""y""#),
            ("0.9", "0.91"),
            (r#"{"left":1}"#, r#"{"left":1},{"left":1}"#),
            (r#"{"left":1}"#, ""),
            (r#""objects":[]"#, r#""objects":[0]"#),
        ] {
            check(&SENT.replace(from, to), false, false);
        }
        for nothing in ["", "[]", "null", r#"{"source-ref":"s3://b/k"}"#] {
            check(nothing, false, false);
        }
    }
}
