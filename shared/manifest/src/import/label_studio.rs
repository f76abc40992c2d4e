//! Labels and boxes from Label Studio's JSON export: a list of tasks with their annotations.
//!
//! Rectangles, ellipses and polygons become boxes (the box around, where they are rotated or no box), choices become
//! image-level labels. A task that several people annotated is left out: nothing says whose answer counts.

use serde_json::Value;

use super::image_name::{has_any_image_extension, is_uri};
use super::parsed::{LabeledBox, LabeledImage, LabelsKind, Parsed, Unit};
use super::{Fault, FileError};
use crate::code::Code;
use crate::counted::counted;
use crate::encoding::text_bytes;
use crate::line::shown;

/// Reads an export. An image's number is its task's place, from 1.
///
/// # Errors
///
/// [`FileError`] for what isn't such an export.
pub fn parse(file: &[u8]) -> Result<Parsed, FileError> {
    let not_one = |reason: String| {
        FileError::new(
            reason,
            "export from Label Studio as JSON: a list of tasks with data and annotations",
        )
    };
    let tasks: Value = serde_json::from_slice(text_bytes(file)?)
        .map_err(|error| not_one(format!("file is not valid JSON: {error}")))?;
    let Value::Array(tasks) = tasks else {
        return Err(not_one("file is JSON, but not a list of tasks".to_owned()));
    };
    if !tasks
        .iter()
        .any(|task| task.get("data").is_some_and(Value::is_object))
    {
        return Err(not_one(
            "file is a JSON list, but not of tasks with data".to_owned(),
        ));
    }
    let mut reading = Reading::default();
    for (idx, task) in tasks.iter().enumerate() {
        reading.task(idx, task);
    }
    Ok(reading.finish())
}

#[derive(Default)]
struct Reading {
    parsed: Parsed,
    n_choices: u64,
    n_boxes: u64,
    n_rotated: u64,
}

impl Reading {
    fn task(&mut self, idx: usize, task: &Value) {
        let place = match task.get("id") {
            Some(id) => format!("task {id}, place {}", idx + 1),
            None => format!("task in place {}", idx + 1),
        };
        let name = task.get("data").and_then(image_of);
        let results = results_of(task);
        let (Some(name), Ok(results)) = (name, &results) else {
            let reason = results
                .err()
                .unwrap_or_else(|| "its data names no image".to_owned());
            let fault = Fault::new(Code::InvalidItem, reason)
                .with_remedy("keep one annotation of a task, and an image in its data");
            self.parsed.leave_out(0, place, fault);
            return;
        };
        let mut image = LabeledImage {
            number: idx as u64 + 1,
            place: place.clone(),
            name: name.to_owned(),
            ..LabeledImage::default()
        };
        for (nth, result) in (1..).zip(results.iter()) {
            if let Err(reason) = self.result(result, &mut image) {
                image.n_unusable += 1;
                let fault = Fault::new(Code::InvalidItem, reason)
                    .with_remedy("label with rectangles, ellipses, polygons or choices");
                self.parsed
                    .leave_out(0, format!("{place}, result {nth}"), fault);
            }
        }
        self.parsed.images.push(image);
    }

    fn result(&mut self, result: &Value, image: &mut LabeledImage) -> Result<(), String> {
        let kind = result
            .get("type")
            .and_then(Value::as_str)
            .unwrap_or_default();
        let value = result.get("value").unwrap_or(&Value::Null);
        let side = |key: &str| {
            let side = result.get(key).and_then(Value::as_u64)?;
            u32::try_from(side).ok().filter(|side| *side > 0)
        };
        image.size = image
            .size
            .or(side("original_width").zip(side("original_height")));
        let names = |key: &str| -> Vec<&str> {
            let names = value.get(key).and_then(Value::as_array);
            names
                .into_iter()
                .flatten()
                .filter_map(Value::as_str)
                .collect()
        };
        if kind == "choices" {
            for name in names("choices") {
                self.n_choices += 1;
                image.labels.push(name.to_owned());
            }
            return Ok(());
        }
        // Settings of the task, such as its rotation, and relations say nothing of what is there.
        if matches!(kind, "relation" | "textarea" | "rating" | "") {
            return Ok(());
        }
        let edges = self.shares(kind, value, image.size)?;
        let labels = names(kind);
        let [label] = labels.as_slice() else {
            return Err(format!(
                "it has {}, not one",
                counted(labels.len() as u64, "label")
            ));
        };
        self.n_boxes += 1;
        image.boxes.push(LabeledBox {
            place: image.place.clone(),
            class: self.parsed.classes.named(label),
            edges: edges.map(|percent| percent / 100.0),
            unit: Unit::Shares,
        });
        Ok(())
    }

    /// Left, top, width, height in per cent of the image.
    fn shares(
        &mut self,
        kind: &str,
        value: &Value,
        size: Option<(u32, u32)>,
    ) -> Result<[f64; 4], String> {
        let rotation = value.get("rotation").and_then(Value::as_f64).unwrap_or(0.0);
        if kind == "rectanglelabels" {
            let edges = numbers(value, ["x", "y", "width", "height"])?;
            if rotation % 360.0 == 0.0 {
                return Ok(edges);
            }
            self.n_rotated += 1;
            return around(&rotated(edges, rotation, size)?);
        }
        match kind {
            "ellipselabels" if rotation % 180.0 == 0.0 => {
                let [x, y, across, down] = numbers(value, ["x", "y", "radiusX", "radiusY"])?;
                around(&[(x - across, y - down), (x + across, y + down)])
            }
            "polygonlabels" => {
                let points = value.get("points").and_then(Value::as_array);
                let points = points.into_iter().flatten();
                let points =
                    points.map(|point| Some((point.get(0)?.as_f64()?, point.get(1)?.as_f64()?)));
                around(&points.collect::<Option<Vec<_>>>().unwrap_or_default())
            }
            other => Err(format!(
                "it is of type {:?}, which has no box",
                shown(other)
            )),
        }
    }

    fn finish(mut self) -> Parsed {
        if self.n_boxes > 0 {
            self.parsed.kind = LabelsKind::OfBoxes;
            if self.n_choices > 0 {
                self.parsed.notes.push(format!(
                    "{} of whole images left out: the export has boxes, too, and an entry has one kind",
                    counted(self.n_choices, "choice")
                ));
                self.parsed
                    .images
                    .iter_mut()
                    .for_each(|image| image.labels.clear());
            }
        }
        if self.n_rotated > 0 {
            self.parsed.notes.push(format!(
                "{} rotated: the box around the rotated one was taken",
                counted(self.n_rotated, "box")
            ));
        }
        self.parsed
    }
}

/// Four fields that are numbers.
fn numbers(value: &Value, keys: [&str; 4]) -> Result<[f64; 4], String> {
    let mut found = [0.0; 4];
    for (place, key) in found.iter_mut().zip(keys) {
        let number = value.get(key).and_then(Value::as_f64);
        *place = number.ok_or_else(|| format!("its {key} is missing or not a number"))?;
    }
    Ok(found)
}

/// The box around points.
fn around(points: &[(f64, f64)]) -> Result<[f64; 4], String> {
    if points.is_empty() {
        return Err("it has no points".to_owned());
    }
    let range = |values: &mut dyn Iterator<Item = f64>| {
        let none = (f64::INFINITY, f64::NEG_INFINITY);
        values.fold(none, |(min, max), value| (min.min(value), max.max(value)))
    };
    let (left, right) = range(&mut points.iter().map(|(x, _)| *x));
    let (top, bottom) = range(&mut points.iter().map(|(_, y)| *y));
    Ok([left, top, right - left, bottom - top])
}

/// The image in a task's data: the value at `image`, else the only one that names an image.
fn image_of(data: &Value) -> Option<&str> {
    if let Some(image) = data.get("image").and_then(Value::as_str) {
        return Some(image);
    }
    let texts = data.as_object()?.values().filter_map(Value::as_str);
    let mut images = texts
        .filter(|text| has_any_image_extension(text) || is_uri(text) || text.starts_with("/data/"));
    images.next().filter(|_| images.next().is_none())
}

/// What the only annotation of a task says; nothing where nobody annotated it.
fn results_of(task: &Value) -> Result<Vec<&Value>, String> {
    let annotations = task.get("annotations").or_else(|| task.get("completions"));
    let annotations = annotations.and_then(Value::as_array).map(Vec::as_slice);
    let is_kept = |annotation: &&Value| {
        annotation.get("was_cancelled").and_then(Value::as_bool) != Some(true)
    };
    let kept: Vec<&Value> = annotations
        .unwrap_or_default()
        .iter()
        .filter(is_kept)
        .collect();
    let is_truth = |annotation: &&&Value| {
        annotation.get("ground_truth").and_then(Value::as_bool) == Some(true)
    };
    let mut truths = kept.iter().filter(is_truth);
    let chosen = match (truths.next(), truths.next(), kept.as_slice()) {
        (Some(truth), None, _) => truth,
        (_, _, [only]) => only,
        (_, _, []) => return Ok(Vec::new()),
        (_, _, several) => {
            return Err(format!(
                "it has {} of different people, and none is the ground truth",
                counted(several.len() as u64, "annotation")
            ));
        }
    };
    let results = chosen.get("result").and_then(Value::as_array);
    Ok(results.into_iter().flatten().collect())
}

/// The corners of a rectangle that is turned clockwise around its upper left corner, all in per cent.
fn rotated(
    [x, y, width, height]: [f64; 4],
    degrees: f64,
    size: Option<(u32, u32)>,
) -> Result<Vec<(f64, f64)>, String> {
    let (width_px, height_px) = size.ok_or("it is rotated, and the image's size isn't there")?;
    let (across, down) = (f64::from(width_px) / 100.0, f64::from(height_px) / 100.0);
    let (sin, cos) = degrees.to_radians().sin_cos();
    let corners = [(0.0, 0.0), (width, 0.0), (width, height), (0.0, height)];
    let turned = corners.map(|(dx, dy)| {
        let (dx, dy) = (dx * across, dy * down);
        (
            x + (dx * cos - dy * sin) / across,
            y + (dx * sin + dy * cos) / down,
        )
    });
    Ok(turned.to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn task(id: u32, results: &str) -> String {
        format!(
            r#"{{"id":{id},"data":{{"image":"s3://b/{id}.jpg"}},"annotations":[{{"result":[]  ,"was_cancelled":true}},{{"result":[{results}]}}]}}"#
        )
    }

    fn shape(kind: &str, value: &str) -> String {
        format!(
            r#"{{"type":"{kind}","original_width":200,"original_height":100,"value":{{{value},"{kind}":["cat"]}}}}"#
        )
    }

    fn edges(kind: &str, value: &str) -> [f64; 4] {
        let file = format!("[{}]", task(1, &shape(kind, value)));
        let parsed = parse(file.as_bytes()).unwrap();
        assert_eq!(parsed.left_out, []);
        assert_eq!(parsed.images[0].size, Some((200, 100)));
        parsed.images[0].boxes[0].edges
    }

    #[test]
    fn shapes() {
        let close = |found: [f64; 4], expected: [f64; 4]| {
            for (found, expected) in found.iter().zip(expected) {
                assert!((found - expected).abs() < 1e-9, "{found} {expected}");
            }
        };
        let rectangle = r#""x":10,"y":20,"width":30,"height":40"#;
        close(edges("rectanglelabels", rectangle), [0.1, 0.2, 0.3, 0.4]);
        // 60 x 40 px turned by 90 degrees around its corner at 100, 20 px: from 60 to 100, from 20 to 80.
        let turned = r#""x":50,"y":20,"width":30,"height":40,"rotation":90"#;
        close(edges("rectanglelabels", turned), [0.3, 0.2, 0.2, 0.6]);
        close(
            edges(
                "ellipselabels",
                r#""x":50,"y":50,"radiusX":10,"radiusY":20"#,
            ),
            [0.4, 0.3, 0.2, 0.4],
        );
        close(
            edges("polygonlabels", r#""points":[[10,20],[30,20],[20,60]]"#),
            [0.1, 0.2, 0.2, 0.4],
        );
    }

    #[test]
    fn tasks_that_cannot_be_used_cost_no_other() {
        let choice = r#"{"type":"choices","value":{"choices":["cat","dog"]}}"#;
        let two =
            r#"{"id":3,"data":{"image":"3.jpg"},"annotations":[{"result":[]},{"result":[]}]}"#;
        let brush = shape("brushlabels", r#""rle":[1]"#);
        let file = format!(
            "[{},{},{two},{}]",
            task(1, choice),
            r#"{"id":2,"data":{"text":"x"}}"#,
            task(4, &brush)
        );
        let parsed = parse(file.as_bytes()).unwrap();
        assert_eq!(parsed.images[0].labels, ["cat", "dog"]);
        assert_eq!(parsed.images[1].n_unusable, 1);
        let places: Vec<&str> = parsed
            .left_out
            .iter()
            .map(|one| one.place.as_str())
            .collect();
        assert_eq!(
            places,
            [
                "task 2, place 2",
                "task 3, place 3",
                "task 4, place 4, result 1"
            ]
        );
        for other in ["{}", "[]", "[{\"image_id\":1}]", "x"] {
            assert!(parse(other.as_bytes()).is_err(), "{other}");
        }
    }
}
