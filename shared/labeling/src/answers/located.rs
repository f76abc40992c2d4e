//! Shapes that have a label and a place: no label of the whole image, whatever form the place has.

use crate::json::Json;

/// Keys that hold a place by themselves, in lower case without `_` and `-`.
const PLACES: [&str; 19] = [
    "bbox",
    "bndbox",
    "boundingbox",
    "box",
    "coordinates",
    "coords",
    "corners",
    "geometry",
    "mask",
    "path",
    "points",
    "polygon",
    "position",
    "rect",
    "rectangle",
    "region",
    "rle",
    "segmentation",
    "vertices",
];

/// Keys that say a place together, two of them at least, in lower case without `_` and `-`.
const EDGES: [&str; 26] = [
    "bottom", "centerx", "centery", "cx", "cy", "h", "height", "left", "right", "startx", "starty",
    "top", "w", "width", "x", "x0", "x1", "x2", "xmax", "xmin", "y", "y0", "y1", "y2", "ymax",
    "ymin",
];

/// The key that says where the labeled thing is, if the object is a shape with a label or a list of such.
pub(super) fn place_key<'v>(value: &'v Json<'_>) -> Option<&'v str> {
    if let Some(list) = value.as_list() {
        return list
            .iter()
            .filter(|item| item.as_object().is_some())
            .find_map(place_key);
    }
    let entries = value.as_object()?;
    let is_named = |(key, _): &(std::borrow::Cow<'_, str>, Json<'_>)| {
        matches!(
            plain(key).as_str(),
            "label" | "labels" | "class" | "classname" | "category" | "name" | "title" | "tag"
        )
    };
    if !entries.iter().any(is_named) {
        return None;
    }
    let whole = entries.iter().find(|(key, value)| {
        PLACES.contains(&plain(key).as_str()) && matches!(value, Json::List(_) | Json::Object(_))
    });
    let edges = entries
        .iter()
        .filter(|(key, value)| EDGES.contains(&plain(key).as_str()) && is_number(value));
    let edges: Vec<&str> = edges.map(|(key, _)| key.as_ref()).collect();
    match (whole, edges.as_slice()) {
        (Some((key, _)), _) => Some(key),
        (None, [first, _, ..]) => Some(first),
        _ => None,
    }
}

fn plain(key: &str) -> String {
    let chars = key.chars().filter(|char| !matches!(char, '_' | '-'));
    chars.flat_map(char::to_lowercase).collect()
}

fn is_number(value: &Json<'_>) -> bool {
    match value {
        Json::Number(_) => true,
        Json::Text(text) => text.trim().parse::<f64>().is_ok(),
        _ => false,
    }
}
