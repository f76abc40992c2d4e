//! An annotation of a COCO file: its box, and what stands in for one.

use super::item::{Field, Id, ReadItem, WHAT_ID, known, read_id};
use crate::json::{JsonError, Kind, Reader};

#[derive(Debug)]
pub(super) struct Annotation {
    pub(super) image_id: Id,
    pub(super) category_id: Result<Id, String>,
    /// Four finite numbers, or what there is instead.
    pub(super) bbox: Result<[f64; 4], String>,
    /// Left, top, width, height of the box around the segmentation, where bbox isn't a box.
    pub(super) around_polygon: Option<[f64; 4]>,
    /// By how many degrees the box is turned clockwise around its centre.
    pub(super) rotation_deg: f64,
    pub(super) is_crowd: bool,
}

pub(super) fn annotation(reader: &mut Reader<'_>) -> Result<ReadItem<Annotation>, JsonError> {
    let (mut id, mut image_id, mut category_id) = (Field::Missing, Field::Missing, Field::Missing);
    let (mut bbox, mut segmentation) = (Field::Missing, None);
    let mut rotation_deg = 0.0;
    let mut is_crowd = false;
    let mut is_first = true;
    while let Some(key) = reader.next_key(&mut is_first)? {
        match key.decoded().as_ref() {
            "id" => id = read_id(reader)?,
            "image_id" => image_id = read_id(reader)?,
            "category_id" => category_id = read_id(reader)?,
            "bbox" => bbox = four_numbers(reader)?,
            "segmentation" => {
                let start = reader.start()?;
                reader.skip()?;
                segmentation = Some(reader.since(start)?);
            }
            "attributes" => rotation_deg = rotation(reader)?,
            "iscrowd" => is_crowd = matches!(reader.skip()?, "1" | "true"),
            _ => {
                reader.skip()?;
            }
        }
    }
    let known = known(&id);
    let read = || {
        let bbox = bbox.good("bbox", "four numbers: left, top, width, height");
        let is_box = matches!(bbox, Ok([_, _, width, height]) if width > 0.0 && height > 0.0);
        Ok(Annotation {
            image_id: image_id.good("image_id", WHAT_ID)?,
            category_id: category_id.good("category_id", WHAT_ID),
            bbox,
            around_polygon: segmentation.filter(|_| !is_box).and_then(around_polygon),
            rotation_deg,
            is_crowd,
        })
    };
    Ok((known, read()))
}

/// Degrees of CVAT's attribute `rotation`; 0 where there is none.
fn rotation(reader: &mut Reader<'_>) -> Result<f64, JsonError> {
    let mut rotation = 0.0;
    if !reader.enter_object()? {
        reader.skip()?;
        return Ok(rotation);
    }
    let mut is_first = true;
    while let Some(key) = reader.next_key(&mut is_first)? {
        if !key.is("rotation") {
            reader.skip()?;
        } else if reader.kind()? == Kind::Text {
            let text = reader.text_or_skip()?.map(|text| text.decoded());
            rotation = text
                .and_then(|text| text.trim().parse().ok())
                .unwrap_or(0.0);
        } else {
            rotation = reader.number_or_skip()?.map_or(0.0, |number| number.value);
        }
    }
    Ok(if rotation.is_finite() { rotation } else { 0.0 })
}

/// The box around polygons: lists of x, y, x, y, …, or one such list.
fn around_polygon(segmentation: &str) -> Option<[f64; 4]> {
    let mut reader = Reader::new(segmentation);
    let mut bounds = Bounds::default();
    if !reader.enter_array().ok()? {
        return None;
    }
    let mut is_first = true;
    while reader.next_element(&mut is_first).ok()? {
        if !reader.enter_array().ok()? {
            bounds.add(reader.number_or_skip().ok()??.value);
            continue;
        }
        let mut is_first = true;
        while reader.next_element(&mut is_first).ok()? {
            bounds.add(reader.number_or_skip().ok()??.value);
        }
    }
    bounds.edges()
}

/// The least and the greatest of numbers that are x and y in turns.
#[derive(Default)]
struct Bounds {
    n: usize,
    x: Option<(f64, f64)>,
    y: Option<(f64, f64)>,
}

impl Bounds {
    fn add(&mut self, value: f64) {
        let range = if self.n.is_multiple_of(2) {
            &mut self.x
        } else {
            &mut self.y
        };
        self.n += 1;
        *range = Some(range.map_or((value, value), |(min, max)| {
            (min.min(value), max.max(value))
        }));
    }

    fn edges(&self) -> Option<[f64; 4]> {
        let ((left, right), (top, bottom)) = (self.x?, self.y?);
        let edges = [left, top, right - left, bottom - top];
        let is_good = self.n.is_multiple_of(2) && edges.iter().all(|edge| edge.is_finite());
        is_good.then_some(edges)
    }
}

fn four_numbers(reader: &mut Reader<'_>) -> Result<Field<[f64; 4]>, JsonError> {
    let start = reader.start()?;
    if !reader.enter_array()? {
        reader.skip()?;
        return Ok(Field::of(None, reader.since(start)?));
    }
    let mut numbers = Vec::with_capacity(4);
    let mut is_good = true;
    let mut is_first = true;
    while reader.next_element(&mut is_first)? {
        match reader.number_or_skip()? {
            Some(number) if number.value.is_finite() && numbers.len() < 4 => {
                numbers.push(number.value);
            }
            _ => is_good = false,
        }
    }
    let four = numbers.try_into().ok().filter(|_| is_good);
    Ok(Field::of(four, reader.since(start)?))
}
