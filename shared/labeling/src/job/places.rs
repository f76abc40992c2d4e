//! Which line of an output manifest a data object is.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};

use crate::consolidation::DataObject;

/// The lines of an output manifest, to find the one that a data object is.
///
/// Ground Truth names data objects by their zero-based place in the input manifest, and writes the output in the same
/// order. Where an annotation file also has the image's URI, it must be the line's; else the only line with that URI
/// is taken, as in streaming jobs, which have other names.
#[derive(Debug, Default)]
pub struct Places {
    lines: Vec<Place>,
    /// By hash of the image's URI; `None` when several lines have it.
    by_source: BTreeMap<u64, Option<u32>>,
}

#[derive(Debug, Clone, Copy)]
struct Place {
    line_number: u64,
    source: Option<u64>,
}

impl Places {
    /// Adds the next line that isn't blank. `source` is the image's URI; `None` for a line without a label of the
    /// job's own, which no data object can be.
    pub fn push(&mut self, line_number: u64, source: Option<&str>) {
        let source = source.map(hash);
        let idx = self.lines.len() as u32;
        if let Some(source) = source {
            let known = self.by_source.entry(source);
            known.and_modify(|place| *place = None).or_insert(Some(idx));
        }
        self.lines.push(Place {
            line_number,
            source,
        });
    }

    /// The number of the line that a data object is.
    #[must_use]
    pub fn find(&self, object: &DataObject) -> Option<u64> {
        let source = object.source.as_deref().map(hash);
        let idx = object.dataset_object_id.parse::<usize>().ok();
        let by_id = idx.and_then(|idx| self.lines.get(idx));
        let by_id = by_id.filter(|place| {
            place.source.is_some() && source.is_none_or(|source| place.source == Some(source))
        });
        let by_source = || {
            let idx = (*self.by_source.get(&source?)?)?;
            self.lines.get(idx as usize)
        };
        Some(by_id.or_else(by_source)?.line_number)
    }

    /// Numbers of the lines that a data object can be, in order.
    pub fn line_numbers(&self) -> impl Iterator<Item = u64> {
        let own = self.lines.iter().filter(|place| place.source.is_some());
        own.map(|place| place.line_number)
    }
}

fn hash(source: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    source.hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn object(id: &str, source: Option<&str>) -> DataObject {
        DataObject {
            dataset_object_id: id.to_owned(),
            source: source.map(str::to_owned),
            annotations: Vec::new(),
            problem: None,
        }
    }

    #[test]
    fn places() {
        let mut places = Places::default();
        for (line_number, source) in [(1, Some("a")), (2, None), (4, Some("b")), (5, Some("b"))] {
            places.push(line_number, source);
        }
        for (id, source, expected) in [
            ("0", None, Some(1)),
            ("0", Some("a"), Some(1)),
            ("1", None, None),
            ("2", None, Some(4)),
            ("3", Some("b"), Some(5)),
            ("4", None, None),
            // Another manifest's data object; then one with a name that is no place.
            ("0", Some("c"), None),
            ("2", Some("a"), Some(1)),
            ("0", Some("b"), None),
            ("image-7", Some("a"), Some(1)),
            ("image-7", None, None),
        ] {
            assert_eq!(
                places.find(&object(id, source)),
                expected,
                "{id} {source:?}"
            );
        }
        assert_eq!(places.line_numbers().collect::<Vec<_>>(), [1, 4, 5]);
    }
}
