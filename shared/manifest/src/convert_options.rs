//! What to convert, and what to do where there is a choice.

use crate::destination::Destination;
use crate::line::{METADATA_SUFFIX, SERVICE_KEYS, shown};

/// What to do with an image that has nothing labeled on it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum WhenEmpty {
    /// Leave it out; the line is counted as skipped.
    #[default]
    Skip,
    /// Send it: Custom Labels keeps it as an unlabeled image and doesn't train on it.
    Send,
}

/// What to do with more than 50 boxes on an image.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum WhenTooManyBoxes {
    /// Reject the line.
    #[default]
    Reject,
    /// Keep the 50 most confident ones in their order; of equally confident ones the earlier.
    KeepMostConfident,
}

/// What to do with a box that Custom Labels would not use: too small, or wholly off the image.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum WhenFaultyBox {
    /// Leave the box out, as Custom Labels does; the line is rejected when none is left.
    #[default]
    DropBox,
    /// Reject the line.
    Reject,
}

/// What to convert, and what to do where there is a choice.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ConvertOptions {
    /// The label attribute; found from the line when `None`, the default.
    pub label_attribute: Option<String>,
    /// The labeling job's name: its folder's. Default: unknown.
    pub job_name: Option<String>,
    /// Labels and boxes below this confidence (0 to 1) are left out, and a line that has no other goes to the
    /// review manifest. Not applied to a line whose confidences are all 0: Ground Truth writes 0 when an image
    /// had a single worker, and it says nothing then. Default: none.
    pub min_confidence: Option<f64>,
    /// Confidence (0 to 1) of labels that people gave and that lack one, as Lookout for Vision's manifests do. Default:
    /// such a line is rejected.
    pub missing_confidence: Option<f64>,
    /// Lines without a label, and multi-label lines without a class. Default: skip.
    pub unlabeled: WhenEmpty,
    /// Bounding box lines without a box. Default: skip.
    pub without_boxes: WhenEmpty,
    /// More than 50 boxes. Default: reject the line.
    pub too_many_boxes: WhenTooManyBoxes,
    /// Boxes that Custom Labels would not use. Default: drop the box.
    pub faulty_boxes: WhenFaultyBox,
    /// Words of verification jobs that confirm a label, beside those that are known; case, accents and surrounding space
    /// don't matter. With any, all words that aren't known reject it. Default: none.
    pub approving_words: Vec<String>,
    /// Which label attributes are sent at all; lines with labels of others are rejected. Default: all.
    pub destination: Option<Destination>,
}

/// Why no label attribute can have this name, whatever the line; `None` for names that one can have.
///
/// # Examples
///
/// ```
/// # use manifest::label_attribute_fault;
/// assert_eq!(label_attribute_fault("birds"), None);
/// assert!(label_attribute_fault("birds-metadata").is_some_and(|fault| fault.ends_with("name \"birds\"")));
/// ```
#[must_use]
pub fn label_attribute_fault(name: &str) -> Option<String> {
    let quoted = shown(name);
    if name.is_empty() || name == METADATA_SUFFIX {
        return Some("a label attribute's name has at least one character".to_owned());
    }
    if name == "source-ref" || name == "source" {
        return Some(format!("{name:?} is what was labeled, not a label of it"));
    }
    if SERVICE_KEYS.contains(&name) {
        return Some(format!(
            "{quoted:?} is what Custom Labels adds to entries, not a label"
        ));
    }
    let attribute = name.strip_suffix(METADATA_SUFFIX)?;
    Some(format!(
        "{quoted:?} is a label attribute's metadata: name {:?}",
        shown(attribute)
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_no_label_attribute_has() {
        for (name, fault) in [
            ("", Some("at least one character")),
            ("source-ref", Some("what was labeled")),
            ("source", Some("what was labeled")),
            ("birds-metadata", Some("name \"birds\"")),
            ("cl-errors", Some("Custom Labels adds")),
            ("cl-metadata", Some("Custom Labels adds")),
            ("-metadata", Some("at least one character")),
            ("birds", None),
            ("birds-ref", None),
            ("metadata", None),
        ] {
            let found = label_attribute_fault(name);
            match fault {
                Some(fault) => assert!(found.is_some_and(|found| found.contains(fault)), "{name}"),
                None => assert_eq!(found, None, "{name}"),
            }
        }
    }
}
