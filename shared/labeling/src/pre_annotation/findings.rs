//! What a model found in an image, for workers to start from.

use manifest::ImageHeader;

use super::initial_value::InitialBox;
use super::task_input::{Suggestion, TaskInput};

/// One thing that a model found.
#[derive(Debug, Clone, PartialEq)]
pub struct Finding {
    /// Name of the label.
    pub label: String,
    /// The model's confidence, 0 to 1.
    pub confidence: f64,
    /// Where, for models that find objects.
    pub bounds: Option<Bounds>,
}

/// A box as shares of the image's width and height, from its upper left corner. Rekognition's may reach over the edge.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bounds {
    /// Left edge, of the width.
    pub left: f64,
    /// Top edge, of the height.
    pub top: f64,
    /// Width, of the width.
    pub width: f64,
    /// Height, of the height.
    pub height: f64,
}

/// What became of a model's findings. Findings = boxes + labels + unknown + without area + without image size.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Added {
    /// Boxes in `initialValue`.
    pub n_boxes: usize,
    /// Labels in `suggestedLabels`.
    pub n_labels: usize,
    /// Left out: the name is not one of the task's label categories, so a worker couldn't choose it.
    pub n_unknown: usize,
    /// Left out: not a pixel of the box lies on the image.
    pub n_without_area: usize,
    /// Left out: boxes of an image whose size its header doesn't say.
    pub n_without_size: usize,
}

/// Puts findings into a task input: boxes in whole pixels, cut at the image's edges, in the model's order; labels of the
/// whole image most confident first, in the model's order among equals.
pub(super) fn add(task_input: &mut TaskInput, findings: &[Finding], image: ImageHeader) -> Added {
    let mut added = Added::default();
    let mut boxes = Vec::new();
    let mut suggestions = Vec::new();
    for finding in findings {
        let is_category =
            task_input.labels.is_empty() || task_input.labels.contains(&finding.label);
        match (finding.bounds, image) {
            _ if !is_category => added.n_unknown += 1,
            (None, _) => suggestions.push(Suggestion {
                label: finding.label.clone(),
                confidence: (finding.confidence * 1e4).round() / 1e4,
            }),
            (
                Some(bounds),
                ImageHeader::Size {
                    width_px,
                    height_px,
                },
            ) => match in_pixels(&finding.label, bounds, width_px, height_px) {
                Some(found) => boxes.push(found),
                None => added.n_without_area += 1,
            },
            (Some(_), _) => added.n_without_size += 1,
        }
    }
    suggestions.sort_by(|a, b| b.confidence.total_cmp(&a.confidence));
    added.n_boxes = boxes.len();
    added.n_labels = suggestions.len();
    if !boxes.is_empty() {
        task_input.initial_value = Some(boxes);
    }
    if !suggestions.is_empty() {
        task_input.suggested_labels = Some(suggestions);
    }
    added
}

fn in_pixels(label: &str, bounds: Bounds, width_px: u32, height_px: u32) -> Option<InitialBox> {
    let (left, width) = side(bounds.left, bounds.width, f64::from(width_px))?;
    let (top, height) = side(bounds.top, bounds.height, f64::from(height_px))?;
    Some(InitialBox {
        label: label.to_owned(),
        left,
        top,
        width,
        height,
    })
}

/// Begin and length in whole pixels, within the image; `None` when nothing is left of it.
fn side(begin: f64, length: f64, image: f64) -> Option<(f64, f64)> {
    let end = ((begin + length) * image).round().clamp(0.0, image);
    let begin = (begin * image).round().clamp(0.0, image);
    (end - begin >= 1.0).then_some((begin, end - begin))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pre_annotation::{Config, Request, respond};

    const SIZE: ImageHeader = ImageHeader::Size {
        width_px: 200,
        height_px: 100,
    };

    fn finding(label: &str, confidence: f64, bounds: Option<[f64; 4]>) -> Finding {
        Finding {
            label: label.to_owned(),
            confidence,
            bounds: bounds.map(|[left, top, width, height]| Bounds {
                left,
                top,
                width,
                height,
            }),
        }
    }

    fn check(findings: &[Finding], image: ImageHeader, expected: &str, counts: [usize; 5]) {
        let request = Request::parse(br#"{"dataObject":{"source-ref":"s3://bkt/k"}}"#).unwrap();
        let config = Config {
            labels: vec!["cat".to_owned(), "dog".to_owned()],
            ..Config::default()
        };
        let mut response = respond(&request, &config);
        let added = response.add_findings(findings, image);
        let task_input = serde_json::to_value(&response.task_input).unwrap();
        let found = ["initialValue", "suggestedLabels"].map(|key| task_input.get(key));
        assert_eq!(serde_json::to_string(&found).unwrap(), expected);
        let [n_boxes, n_labels, n_unknown, n_without_area, n_without_size] = counts;
        let expected = Added {
            n_boxes,
            n_labels,
            n_unknown,
            n_without_area,
            n_without_size,
        };
        assert_eq!(added, expected, "{findings:?}");
        assert_eq!(counts.iter().sum::<usize>(), findings.len());
    }

    #[test]
    fn boxes_are_whole_pixels_within_the_image() {
        check(
            &[
                finding("dog", 0.5, Some([0.1, 0.2, 0.5, 0.333])),
                finding("cat", 0.9, Some([-0.1, 0.9, 0.2, 0.5])),
            ],
            SIZE,
            r#"[[{"height":33.0,"label":"dog","left":20.0,"top":20.0,"width":100.0},{"height":10.0,"label":"cat","left":0.0,"top":90.0,"width":20.0}],null]"#,
            [2, 0, 0, 0, 0],
        );
        check(
            &[
                finding("dog", 0.5, Some([0.1, 0.2, 0.002, 0.5])),
                finding("dog", 0.5, Some([1.0, 0.2, 0.1, 0.5])),
                finding("dog", 0.5, Some([f64::NAN, 0.2, 0.1, 0.5])),
            ],
            SIZE,
            "[null,null]",
            [0, 0, 0, 3, 0],
        );
        for image in [ImageHeader::Other, ImageHeader::Unfinished] {
            let found = finding("dog", 0.5, Some([0.1, 0.2, 0.5, 0.5]));
            check(&[found], image, "[null,null]", [0, 0, 0, 0, 1]);
        }
    }

    #[test]
    fn labels_are_sorted_and_known() {
        check(
            &[
                finding("cat", 0.612_34, None),
                finding("whale", 0.99, None),
                finding("dog", 0.7, None),
            ],
            ImageHeader::Other,
            r#"[null,[{"confidence":0.7,"label":"dog"},{"confidence":0.6123,"label":"cat"}]]"#,
            [0, 2, 1, 0, 0],
        );
        check(&[], SIZE, "[null,null]", [0, 0, 0, 0, 0]);
    }
}
