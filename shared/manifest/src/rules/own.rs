//! What we find remarkable in a line though Custom Labels has no code for it.
//!
//! Source of the limit and the names: guidelines and quotas, "Maximum number of labels per image"; DatasetLabel, pattern
//! `.{1,}`. What Custom Labels does with such a line isn't documented, so none of this spoils it.

use std::collections::HashSet;

use super::{Finding, LABELS_PER_IMAGE_MAX, Place};
use crate::code::Code;
use crate::json::Text;
use crate::line::Line;
use crate::pair::{Annotations, LabelKind};
use crate::task_type::TaskType;

/// What is wrong with a name that isn't plain.
pub(crate) const NOT_PLAIN: &str = "has a control character or half of a surrogate pair";

/// Our own findings on a line that stays, in the order of the line.
pub(super) fn own_findings(line: &Line<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut n_image_level = 0;
    for (label, metadata) in line.pairs() {
        let attribute = label.key.as_ref();
        let Ok(Some(metadata)) = metadata.metadata() else {
            continue;
        };
        let class_map = metadata.class_map.as_deref().unwrap_or_default();
        let names = class_map.iter().map(|(_, name)| *name);
        if let Some(name) = names
            .chain(metadata.class_name)
            .find(|name| !is_plain(*name))
        {
            findings.push(Finding {
                code: Code::LabelNameNotPlain,
                place: Place::Metadata(attribute.to_owned()),
                message: format!("label name {:?} {NOT_PLAIN}", name.decoded()),
                detail: String::new(),
            });
        }
        n_image_level +=
            usize::from(metadata.label_kind == Some(LabelKind::Task(TaskType::SingleLabel)));
        if metadata.label_kind != Some(LabelKind::Task(TaskType::BoundingBox)) {
            continue;
        }
        let Ok(Some(labels)) = label.box_labels() else {
            continue;
        };
        let Annotations::List(annotations) = &labels.annotations else {
            continue;
        };
        let mut seen = HashSet::new();
        for (annotation_idx, annotation) in annotations.iter().enumerate() {
            let pixels = annotation.pixels.map(f64::to_bits);
            if !seen.insert((annotation.class_id, pixels)) {
                findings.push(Finding {
                    code: Code::RepeatedBox,
                    place: Place::Annotation {
                        attribute: attribute.to_owned(),
                        annotation_idx,
                    },
                    message: "an earlier box has the same class and place".to_owned(),
                    detail: String::new(),
                });
            }
        }
    }
    if n_image_level > LABELS_PER_IMAGE_MAX {
        findings.push(Finding {
            code: Code::TooManyLabels,
            place: Place::Line,
            message: format!(
                "image has {n_image_level} labels; {LABELS_PER_IMAGE_MAX} are possible"
            ),
            detail: String::new(),
        });
    }
    findings
}

/// Whether a name is text of one line: no control characters, no half of a surrogate pair.
pub(crate) fn is_plain(name: Text<'_>) -> bool {
    // Only an escape can stand for such a character in JSON; half of a pair is decoded to U+FFFD.
    let is_odd = |char: char| char.is_control() || char == char::REPLACEMENT_CHARACTER;
    !name.has_escape() || !name.decoded().chars().any(is_odd)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn codes(line: &str) -> Vec<(Code, Place)> {
        let line = Line::open(line.as_bytes()).unwrap();
        let findings = own_findings(&line).into_iter();
        findings.map(|found| (found.code, found.place)).collect()
    }

    fn labels(n: usize, name: &str) -> String {
        let pairs: String = (0..n)
            .map(|n| {
                format!(
                    r#","a{n}":1,"a{n}-metadata":{{"class-name":"{name}","confidence":1,"type":"groundtruth/image-classification"}}"#
                )
            })
            .collect();
        format!(r#"{{"source-ref":"s3://birds/1.jpg"{pairs}}}"#)
    }

    #[test]
    fn labels_of_an_image() {
        assert_eq!(codes(&labels(50, "owl")), []);
        assert_eq!(
            codes(&labels(51, "owl")),
            [(Code::TooManyLabels, Place::Line)]
        );
        let control = codes(&labels(1, r"o\u0007wl"));
        let place = Place::Metadata("a0".to_owned());
        assert_eq!(control, [(Code::LabelNameNotPlain, place)]);
        assert_eq!(codes(&labels(1, r"o\ud83dwl")).len(), 1);
        assert_eq!(codes(&labels(1, r"o\u00e9wl\ud83d\ude00")), []);
    }

    #[test]
    fn boxes_that_stand_twice() {
        let line = |second: &str| {
            format!(
                r#"{{"source-ref":"s3://birds/1.jpg","b":{{"annotations":[{{"class_id":1,"left":1,"top":2,"width":3,"height":4}},{second}]}},"b-metadata":{{"class-map":{{"1":"a\tb","2":"c"}},"type":"groundtruth/object-detection"}}}}"#
            )
        };
        let name = (Code::LabelNameNotPlain, Place::Metadata("b".to_owned()));
        let place = Place::Annotation {
            attribute: "b".to_owned(),
            annotation_idx: 1,
        };
        assert_eq!(
            codes(&line(
                r#"{"class_id":1,"left":1.0,"top":2,"width":3,"height":4}"#
            )),
            [name.clone(), (Code::RepeatedBox, place)]
        );
        for other in [
            r#"{"class_id":2,"left":1,"top":2,"width":3,"height":4}"#,
            r#"{"class_id":1,"left":2,"top":2,"width":3,"height":4}"#,
        ] {
            assert_eq!(codes(&line(other)), std::slice::from_ref(&name));
        }
    }
}
