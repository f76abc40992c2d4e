//! Regions as VGG Image Annotator writes them into CSV: two cells of JSON.

use serde_json::Value;

use super::super::Fault;
use crate::code::Code;
use crate::line::shown;

/// A region's label and its left, top, width, height in pixels; `None` for an image without a region.
///
/// `wanted` names the attribute that is the label, where regions have several.
pub(super) fn region(
    shape: &str,
    attributes: &str,
    wanted: Option<&str>,
) -> Result<Option<(String, [f64; 4])>, Fault> {
    let shape = object(shape, "region_shape_attributes")?;
    if shape.as_object().is_none_or(serde_json::Map::is_empty) {
        return Ok(None);
    }
    let attributes = object(attributes, "region_attributes")?;
    Ok(Some((label(&attributes, wanted)?, edges(&shape)?)))
}

fn wrong(reason: String) -> Fault {
    Fault::new(Code::InvalidRow, reason)
}

fn object(text: &str, name: &str) -> Result<Value, Fault> {
    if text.is_empty() {
        return Ok(Value::Null);
    }
    let value: Value = serde_json::from_str(text)
        .map_err(|error| wrong(format!("{name} is not JSON: {error}")))?;
    if value.is_object() {
        Ok(value)
    } else {
        Err(wrong(format!("{name} is not a JSON object")))
    }
}

fn label(attributes: &Value, wanted: Option<&str>) -> Result<String, Fault> {
    let attributes = attributes.as_object();
    let found: Vec<(&String, &Value)> = attributes
        .into_iter()
        .flatten()
        .filter(|(name, value)| {
            wanted.is_none_or(|wanted| wanted == name.as_str()) && !is_blank(value)
        })
        .collect();
    let value = match found.as_slice() {
        [(_, value)] => value,
        [] => {
            return Err(
                wrong("region has no attribute that names what it shows".to_owned())
                    .with_remedy("give it one; --label NAME gives all boxes one label"),
            );
        }
        several => {
            let names: Vec<String> = several
                .iter()
                .map(|(name, _)| format!("{:?}", shown(name)))
                .collect();
            return Err(wrong(format!(
                "region has several attributes: {}",
                names.join(", ")
            ))
            .with_remedy("--label-column NAME says which one is the label"));
        }
    };
    match value {
        Value::String(text) => Ok(text.trim().to_owned()),
        // Checkboxes: the options that are ticked.
        Value::Object(options) => {
            let mut ticked = options.iter().filter(|(_, is)| is.as_bool() == Some(true));
            match (ticked.next(), ticked.next()) {
                (Some((option, _)), None) => Ok(option.clone()),
                _ => Err(wrong("region has not exactly one ticked option".to_owned())
                    .with_remedy("tick one option a region")),
            }
        }
        other => Ok(other.to_string()),
    }
}

fn is_blank(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.trim().is_empty(),
        Value::Object(options) => options.is_empty(),
        _ => false,
    }
}

fn edges(shape: &Value) -> Result<[f64; 4], Fault> {
    let side = |key: &str| shape.get(key).and_then(Value::as_f64);
    let name = shape
        .get("name")
        .and_then(Value::as_str)
        .unwrap_or_default();
    let found = match name {
        "rect" => side("x")
            .zip(side("y"))
            .zip(side("width").zip(side("height")))
            .map(|((x, y), (width, height))| [x, y, width, height]),
        "circle" => side("cx")
            .zip(side("cy"))
            .zip(side("r"))
            .map(|((x, y), r)| [x - r, y - r, 2.0 * r, 2.0 * r]),
        "ellipse" => side("cx")
            .zip(side("cy"))
            .zip(side("rx").zip(side("ry")))
            .map(|((x, y), (rx, ry))| [x - rx, y - ry, 2.0 * rx, 2.0 * ry]),
        "polygon" => range(shape.get("all_points_x"))
            .zip(range(shape.get("all_points_y")))
            .map(|((left, right), (top, bottom))| [left, top, right - left, bottom - top]),
        other => {
            return Err(
                wrong(format!("region is a {:?}, which has no box", shown(other)))
                    .with_remedy("draw rectangles, or polygons whose box is taken"),
            );
        }
    };
    found.ok_or_else(|| wrong(format!("region is a {name} without its numbers")))
}

fn range(numbers: Option<&Value>) -> Option<(f64, f64)> {
    let numbers: Option<Vec<f64>> = numbers?.as_array()?.iter().map(Value::as_f64).collect();
    let numbers = numbers.filter(|numbers| !numbers.is_empty())?;
    let min = numbers.iter().copied().fold(f64::INFINITY, f64::min);
    let max = numbers.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    Some((min, max))
}
