//! A judged line as Custom Labels lists it.

use std::borrow::Cow;

use super::{Finding, Kept, Place};
use crate::code::Stage;
use crate::json::{JsonError, Reader, write_text};
use crate::line::{Line, METADATA_SUFFIX, SERVICE_KEYS};

/// The line as ListDatasetEntries returns it: with `cl-errors` where they belong and `cl-metadata`.
///
/// Warnings and image errors don't show there. Keys the service had added before are replaced.
#[must_use]
pub fn annotate(line: &[u8], kept: &Kept) -> String {
    let text = String::from_utf8_lossy(line);
    let Ok(opened) = Line::open(line) else {
        return text.into_owned();
    };
    let errors: Vec<&Finding> = kept
        .findings
        .iter()
        .filter(|finding| finding.code.stage() == Stage::Dataset)
        .collect();
    let mut out = String::with_capacity(line.len() + 64);
    out.push('{');
    for member in opened
        .members
        .iter()
        .filter(|member| !SERVICE_KEYS.contains(&member.key.as_ref()))
    {
        if out.len() > 1 {
            out.push(',');
        }
        out.push('"');
        out.push_str(member.raw_key);
        out.push_str("\":");
        let attribute = member.key.as_ref();
        let here = |place: &Place| match place {
            Place::Attribute(name) => name == attribute,
            Place::Metadata(name) => attribute.strip_suffix(METADATA_SUFFIX) == Some(name),
            Place::Line | Place::Annotation { .. } => false,
        };
        let on_boxes: Vec<&Finding> = errors.iter().copied().filter(|finding| matches!(&finding.place, Place::Annotation { attribute: name, .. } if name == attribute)).collect();
        let plain = without_service_keys(member.value);
        let value = if on_boxes.is_empty() {
            None
        } else {
            annotate_boxes(&plain, &on_boxes)
        };
        let value = value.as_deref().unwrap_or(&plain);
        push_with_errors(
            &mut out,
            value,
            errors
                .iter()
                .copied()
                .filter(|finding| here(&finding.place)),
        );
    }
    out.push_str(if out.len() > 1 {
        ",\"cl-metadata\":{\"is_labeled\":"
    } else {
        "\"cl-metadata\":{\"is_labeled\":"
    });
    out.push_str(if kept.is_labeled { "true}}" } else { "false}}" });
    let whole = std::mem::take(&mut out);
    push_with_errors(
        &mut out,
        &whole,
        errors
            .iter()
            .copied()
            .filter(|finding| finding.place == Place::Line),
    );
    out
}

/// The value without the `cl-…` keys that an earlier answer put into it, at any depth.
fn without_service_keys(value: &str) -> Cow<'_, str> {
    if !value.contains("\"cl-") {
        return Cow::Borrowed(value);
    }
    let mut out = String::with_capacity(value.len());
    match copy_without_service_keys(&mut Reader::new(value), &mut out) {
        Ok(()) => Cow::Owned(out),
        Err(_) => Cow::Borrowed(value),
    }
}

fn copy_without_service_keys(reader: &mut Reader<'_>, out: &mut String) -> Result<(), JsonError> {
    let mut is_first = true;
    let mut separator = "";
    if reader.enter_object()? {
        out.push('{');
        while let Some(key) = reader.next_key(&mut is_first)? {
            if key.is("cl-errors") || key.is("cl-warnings") {
                reader.skip()?;
                continue;
            }
            out.push_str(separator);
            out.push('"');
            out.push_str(key.raw);
            out.push_str("\":");
            copy_without_service_keys(reader, out)?;
            separator = ",";
        }
        out.push('}');
    } else if reader.enter_array()? {
        out.push('[');
        while reader.next_element(&mut is_first)? {
            out.push_str(separator);
            copy_without_service_keys(reader, out)?;
            separator = ",";
        }
        out.push(']');
    } else {
        out.push_str(reader.skip()?);
    }
    Ok(())
}

/// Appends a JSON value; when it is an object and there are errors, with `cl-errors` as its last key.
fn push_with_errors<'f>(out: &mut String, value: &str, errors: impl Iterator<Item = &'f Finding>) {
    let mut errors = errors.peekable();
    let body = value
        .trim_ascii_end()
        .strip_suffix('}')
        .filter(|_| errors.peek().is_some());
    let Some(body) = body else {
        out.push_str(value);
        return;
    };
    out.push_str(body);
    out.push_str(if body.trim_ascii() == "{" {
        "\"cl-errors\":["
    } else {
        ",\"cl-errors\":["
    });
    for (idx, error) in errors.enumerate() {
        out.push_str(if idx == 0 {
            "{\"code\":"
        } else {
            ",{\"code\":"
        });
        write_text(out, error.code.as_str());
        out.push_str(",\"message\":");
        write_text(out, &error.message);
        out.push('}');
    }
    out.push_str("]}");
}

/// The label value with `cl-errors` put into its annotations.
fn annotate_boxes(value: &str, errors: &[&Finding]) -> Option<String> {
    let mut out = String::with_capacity(value.len() + 128 * errors.len());
    let mut reader = Reader::new(value);
    reader.enter_object().ok().filter(|is_object| *is_object)?;
    out.push('{');
    let mut is_first = true;
    while let Some(key) = reader.next_key(&mut is_first).ok()? {
        if out.len() > 1 {
            out.push(',');
        }
        out.push('"');
        out.push_str(key.raw);
        out.push_str("\":");
        if !key.is("annotations") || !reader.enter_array().ok()? {
            out.push_str(reader.skip().ok()?);
            continue;
        }
        out.push('[');
        let mut is_first_box = true;
        let mut idx = 0;
        while reader.next_element(&mut is_first_box).ok()? {
            if idx > 0 {
                out.push(',');
            }
            let annotation = reader.skip().ok()?;
            let here = |finding: &&&Finding| matches!(finding.place, Place::Annotation { annotation_idx, .. } if annotation_idx == idx);
            push_with_errors(&mut out, annotation, errors.iter().filter(here).copied());
            idx += 1;
        }
        out.push(']');
    }
    out.push('}');
    Some(out)
}
