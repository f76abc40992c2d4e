//! The two values of a label attribute, read as far as any rule needs them.
//!
//! Reading is tolerant: a field of the wrong kind is `None`, and the rules decide what that means. Only a key
//! that stands twice, or too deep a nesting, is an error here: then nobody can say which value is meant.

use crate::json::{JsonError, Key, Kind, Reader, Text};
use crate::number::Number;
use crate::task_type::TaskType;

#[derive(Debug, Default)]
pub(crate) struct Metadata<'a> {
    /// `type` as it came.
    pub(crate) kind: Option<Text<'a>>,
    pub(crate) label_kind: Option<LabelKind>,
    pub(crate) class_name: Option<Text<'a>>,
    pub(crate) confidence: Option<Number<'a>>,
    pub(crate) human_annotated: Option<Text<'a>>,
    pub(crate) creation_date: Option<Text<'a>>,
    pub(crate) job_name: Option<Text<'a>>,
    pub(crate) failure_reason: Option<Text<'a>>,
    /// Class id → class name; `None` when it isn't an object of strings.
    pub(crate) class_map: Option<Vec<(Text<'a>, Text<'a>)>>,
    /// Class id → confidence; `None` when it isn't an object of numbers.
    pub(crate) confidence_map: Option<Vec<(Text<'a>, Number<'a>)>>,
    /// Confidence of each box; `None` in it for an element without one.
    pub(crate) objects: Option<Vec<Option<Number<'a>>>>,
    /// Where the workers' answers are, of a job without a consolidation function; `None` when it isn't a text.
    pub(crate) worker_response_ref: Option<Text<'a>>,
    pub(crate) has_worker_response_ref: bool,
    /// Fields that Custom Labels has no use for: they are not carried over.
    pub(crate) n_other_fields: u32,
    /// `job_name`, `creation_date` or fields beside `confidence` in `objects`: the value can't be carried whole.
    pub(crate) is_irregular: bool,
    has_duplicate_key: bool,
}

/// The known values of a metadata's `type`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LabelKind {
    /// That of a built-in job whose labels have a consolidation.
    Task(TaskType),
    Verification,
    Custom,
    Other,
}

impl LabelKind {
    fn of_type(text: Text<'_>) -> Self {
        let text = text.decoded();
        match (TaskType::of_metadata(&text), text.as_ref()) {
            (Some(task_type), _) => Self::Task(task_type),
            (None, "groundtruth/label-verification") => Self::Verification,
            (None, "groundtruth/custom" | "groundTruth/custom") => Self::Custom,
            (None, _) => Self::Other,
        }
    }
}

/// What metadata is looked into for.
#[derive(Debug, Clone, Copy)]
enum Field {
    Objects,
    ClassMap,
    Type,
    HumanAnnotated,
    CreationDate,
    JobName,
    ClassName,
    Confidence,
    ConfidenceMap,
    FailureReason,
    CreationDateOfCustomJob,
    JobNameOfCustomJob,
    WorkerResponseRef,
}

impl Field {
    const KEYS: [(&str, Self); 13] = [
        ("\"objects\":", Self::Objects),
        ("\"class-map\":", Self::ClassMap),
        ("\"type\":", Self::Type),
        ("\"human-annotated\":", Self::HumanAnnotated),
        ("\"creation-date\":", Self::CreationDate),
        ("\"job-name\":", Self::JobName),
        ("\"class-name\":", Self::ClassName),
        ("\"confidence\":", Self::Confidence),
        ("\"confidence-map\":", Self::ConfidenceMap),
        ("\"failure-reason\":", Self::FailureReason),
        ("\"creation_date\":", Self::CreationDateOfCustomJob),
        ("\"job_name\":", Self::JobNameOfCustomJob),
        ("\"worker-response-ref\":", Self::WorkerResponseRef),
    ];
}

impl<'a> Metadata<'a> {
    /// `None` when the value isn't an object.
    pub(crate) fn read(value: &'a str) -> Result<Option<Box<Self>>, JsonError> {
        match Self::pass(&mut Reader::new(value))? {
            Some(metadata) => metadata.checked().map(|()| Some(metadata)),
            None => Ok(None),
        }
    }

    /// Refuses metadata that has a key twice.
    pub(crate) fn checked(&self) -> Result<(), JsonError> {
        if self.has_duplicate_key {
            return Err(JsonError::DuplicateKey);
        }
        Ok(())
    }

    /// Passes the next value; `None` when it isn't an object, which is then left unread.
    pub(crate) fn pass(reader: &mut Reader<'a>) -> Result<Option<Box<Self>>, JsonError> {
        if !reader.enter_object()? {
            return Ok(None);
        }
        let mut metadata = Box::<Self>::default();
        let mut seen = 0_u32;
        let mut is_first = true;
        while let Some(key) = reader.next_known_key(&mut is_first, &Field::KEYS)? {
            let Key::Known(field) = key else {
                metadata.n_other_fields += 1;
                reader.skip()?;
                continue;
            };
            metadata.has_duplicate_key |= seen & (1 << field as u32) != 0;
            seen |= 1 << field as u32;
            match field {
                Field::Type => {
                    metadata.kind = reader.text_or_skip()?;
                    metadata.label_kind = metadata.kind.map(LabelKind::of_type);
                }
                Field::ClassName => metadata.class_name = reader.text_or_skip()?,
                Field::Confidence => metadata.confidence = reader.number_or_skip()?,
                Field::HumanAnnotated => metadata.human_annotated = reader.text_or_skip()?,
                Field::CreationDate => metadata.creation_date = reader.text_or_skip()?,
                Field::JobName => metadata.job_name = reader.text_or_skip()?,
                Field::ClassMap => {
                    metadata.class_map = read_map(
                        reader,
                        Reader::text_or_skip,
                        &mut metadata.has_duplicate_key,
                    )?;
                }
                Field::Objects => metadata.objects = read_objects(reader, &mut metadata)?,
                Field::ConfidenceMap => {
                    metadata.confidence_map = read_map(
                        reader,
                        Reader::number_or_skip,
                        &mut metadata.has_duplicate_key,
                    )?;
                }
                Field::FailureReason => metadata.failure_reason = reader.text_or_skip()?,
                Field::CreationDateOfCustomJob => {
                    metadata.is_irregular = true;
                    metadata.creation_date = metadata.creation_date.or(reader.text_or_skip()?);
                }
                Field::JobNameOfCustomJob => {
                    metadata.is_irregular = true;
                    metadata.job_name = metadata.job_name.or(reader.text_or_skip()?);
                }
                Field::WorkerResponseRef => {
                    metadata.has_worker_response_ref = true;
                    metadata.n_other_fields += 1;
                    metadata.worker_response_ref = reader.text_or_skip()?;
                }
            }
        }
        Ok(Some(metadata))
    }

    /// Where a class stands in the class map.
    pub(crate) fn class_idx_of(&self, class_id: &str) -> Option<usize> {
        let class_map = self.class_map.as_deref().unwrap_or_default();
        class_map.iter().position(|(id, _)| id.is(class_id))
    }

    pub(crate) fn class_name_of(&self, class_id: &str) -> Option<Text<'a>> {
        let class_map = self.class_map.as_deref()?;
        class_map
            .get(self.class_idx_of(class_id)?)
            .map(|(_, name)| *name)
    }
}

type Pairs<'a, T> = Option<Vec<(Text<'a>, T)>>;

fn read_map<'a, T>(
    reader: &mut Reader<'a>,
    mut read: impl FnMut(&mut Reader<'a>) -> Result<Option<T>, JsonError>,
    has_duplicate_key: &mut bool,
) -> Result<Pairs<'a, T>, JsonError> {
    if !reader.enter_object()? {
        reader.skip()?;
        return Ok(None);
    }
    let mut map: Vec<(Text<'a>, T)> = Vec::with_capacity(4);
    let mut is_regular = true;
    let mut is_first = true;
    while let Some(key) = reader.next_key(&mut is_first)? {
        match read(reader)? {
            Some(value) => map.push((key, value)),
            None => is_regular = false,
        }
    }
    *has_duplicate_key |= has_duplicates(&map);
    Ok(is_regular.then_some(map))
}

fn has_duplicates<T>(map: &[(Text<'_>, T)]) -> bool {
    if map.len() <= 16 {
        return map.iter().enumerate().any(|(idx, (key, _))| {
            map.iter()
                .take(idx)
                .any(|(earlier, _)| earlier.decoded() == key.decoded())
        });
    }
    let mut keys: Vec<_> = map.iter().map(|(key, _)| key.decoded()).collect();
    keys.sort_unstable();
    keys.windows(2).any(|pair| pair.first() == pair.last())
}

fn read_objects<'a>(
    reader: &mut Reader<'a>,
    metadata: &mut Metadata<'a>,
) -> Result<Option<Vec<Option<Number<'a>>>>, JsonError> {
    if !reader.enter_array()? {
        reader.skip()?;
        return Ok(None);
    }
    let mut objects = Vec::with_capacity(8);
    let mut is_first = true;
    let mut is_usual = true;
    while reader.next_element(&mut is_first)? {
        if is_usual {
            if let Some(confidence) = usual_confidence(reader) {
                objects.push(Some(confidence));
                continue;
            }
            is_usual = false;
        }
        let mut confidence = None;
        let mut n_confidences = 0;
        if reader.enter_object()? {
            let mut is_first_key = true;
            while let Some(key) =
                reader.next_known_key(&mut is_first_key, &[("\"confidence\":", ())])?
            {
                match key {
                    Key::Known(()) => {
                        confidence = reader.number_or_skip()?;
                        n_confidences += 1;
                    }
                    Key::Other(_) => {
                        metadata.is_irregular = true;
                        reader.skip()?;
                    }
                }
            }
        } else {
            reader.skip()?;
        }
        metadata.has_duplicate_key |= n_confidences > 1;
        objects.push(confidence);
    }
    Ok(Some(objects))
}

/// As [`Annotation::usual`], for one of `objects`.
#[inline(always)]
fn usual_confidence<'a>(reader: &mut Reader<'a>) -> Option<Number<'a>> {
    let mut ahead = reader.clone();
    let confidence = ahead.number_behind("{\"confidence\":")?;
    ahead.expect("}")?;
    *reader = ahead;
    Some(confidence)
}

/// Width, height, depth as written.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct SizeFields<'a> {
    pub(crate) width: Option<Number<'a>>,
    pub(crate) height: Option<Number<'a>>,
    pub(crate) depth: Option<Number<'a>>,
}

/// What a box label is looked into for.
#[derive(Debug, Clone, Copy)]
enum Part {
    ImageSize,
    Annotations,
}

impl Part {
    const KEYS: [(&str, Self); 2] = [
        ("\"image_size\":", Self::ImageSize),
        ("\"annotations\":", Self::Annotations),
    ];
}

/// A box as written. Small, because a line may have many of them.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Annotation<'a> {
    /// `None` when it is missing or no integer.
    pub(crate) class_id: Option<&'a str>,
    /// Left, top, width, height as they came; empty where one is missing or no number.
    pub(crate) raw: [&'a str; 4],
    /// The same as numbers; NaN where one is missing or no number.
    pub(crate) pixels: [f64; 4],
    /// None of the four is written with a fraction or an exponent.
    pub(crate) is_whole: bool,
}

impl<'a> Annotation<'a> {
    const MISSING: Self = Self {
        class_id: None,
        raw: [""; 4],
        pixels: [f64::NAN; 4],
        is_whole: true,
    };

    /// The keys and their places in `raw` and `pixels`; beyond them for the class id.
    const KEYS: [(&'static str, usize); 5] = [
        ("\"class_id\":", 4),
        ("\"left\":", 0),
        ("\"top\":", 1),
        ("\"width\":", 2),
        ("\"height\":", 3),
    ];

    /// Passes a box written without white space and in the order of Ground Truth's documentation; `None` leaves another
    /// one unread. Nothing can be nested in it, and no key can stand twice.
    #[inline(always)]
    fn usual(reader: &mut Reader<'a>) -> Option<Self> {
        let mut ahead = reader.clone();
        let mut annotation = Self::MISSING;
        annotation.set(4, Some(ahead.number_behind("{\"class_id\":")?));
        annotation.set(0, Some(ahead.number_behind(",\"left\":")?));
        annotation.set(1, Some(ahead.number_behind(",\"top\":")?));
        annotation.set(2, Some(ahead.number_behind(",\"width\":")?));
        annotation.set(3, Some(ahead.number_behind(",\"height\":")?));
        ahead.expect("}")?;
        *reader = ahead;
        Some(annotation)
    }

    #[inline(always)]
    fn set(&mut self, place: usize, number: Option<Number<'a>>) {
        let Some(number) = number else {
            return;
        };
        match (self.raw.get_mut(place), self.pixels.get_mut(place)) {
            (Some(raw), Some(value)) => {
                (*raw, *value) = (number.raw, number.value);
                self.is_whole &= number.is_integer();
            }
            _ => self.class_id = number.is_integer().then_some(number.raw),
        }
    }
}

/// What `annotations` turned out to be.
#[derive(Debug, Default)]
pub(crate) enum Annotations<'a> {
    #[default]
    Missing,
    NotAList,
    List(Vec<Annotation<'a>>),
}

#[derive(Debug, Default)]
pub(crate) struct BoxLabels<'a> {
    /// The first size in `image_size`.
    size: SizeFields<'a>,
    n_sizes: u32,
    /// `image_size` is an array, as the schema asks.
    pub(crate) size_is_array: bool,
    pub(crate) annotations: Annotations<'a>,
    /// Fields beside the known ones, at any level: the value can't be carried whole.
    pub(crate) is_irregular: bool,
    has_duplicate_key: bool,
}

impl<'a> BoxLabels<'a> {
    /// `None` when the value isn't an object.
    pub(crate) fn read(value: &'a str) -> Result<Option<Box<Self>>, JsonError> {
        match Self::pass(&mut Reader::new(value))? {
            Some(labels) => labels.checked().map(|()| Some(labels)),
            None => Ok(None),
        }
    }

    /// Refuses a label that has a key twice.
    pub(crate) fn checked(&self) -> Result<(), JsonError> {
        if self.has_duplicate_key {
            return Err(JsonError::DuplicateKey);
        }
        Ok(())
    }

    /// The size when `image_size` holds exactly one.
    pub(crate) fn only_size(&self) -> Option<&SizeFields<'a>> {
        (self.n_sizes == 1).then_some(&self.size)
    }

    /// The first size when `image_size` holds any.
    pub(crate) fn first_size(&self) -> Option<&SizeFields<'a>> {
        (self.n_sizes > 0).then_some(&self.size)
    }

    /// Passes the next value; `None` when it isn't an object, which is then left unread.
    pub(crate) fn pass(reader: &mut Reader<'a>) -> Result<Option<Box<Self>>, JsonError> {
        if !reader.enter_object()? {
            return Ok(None);
        }
        let mut labels = Box::<Self>::default();
        let mut seen = 0_u32;
        let mut is_first = true;
        while let Some(key) = reader.next_known_key(&mut is_first, &Part::KEYS)? {
            let Key::Known(part) = key else {
                labels.is_irregular = true;
                reader.skip()?;
                continue;
            };
            labels.has_duplicate_key |= seen & (1 << part as u32) != 0;
            seen |= 1 << part as u32;
            match part {
                Part::ImageSize => labels.read_size(reader)?,
                Part::Annotations => labels.annotations = labels.read_annotations(reader)?,
            }
        }
        Ok(Some(labels))
    }

    fn read_size(&mut self, reader: &mut Reader<'a>) -> Result<(), JsonError> {
        if !reader.enter_array()? {
            self.read_one_size(reader)?;
            return Ok(());
        }
        self.size_is_array = true;
        let mut is_first = true;
        while reader.next_element(&mut is_first)? {
            self.read_one_size(reader)?;
        }
        Ok(())
    }

    fn read_one_size(&mut self, reader: &mut Reader<'a>) -> Result<(), JsonError> {
        if reader.kind()? != Kind::Object {
            reader.skip()?;
            return Ok(());
        }
        const KEYS: [(&str, u32); 3] = [("\"width\":", 0), ("\"height\":", 1), ("\"depth\":", 2)];
        let mut others = SizeFields::default();
        let size = match self.n_sizes {
            0 => &mut self.size,
            _ => &mut others,
        };
        let mut seen = 0_u32;
        reader.enter_object()?;
        let mut is_first = true;
        while let Some(key) = reader.next_known_key(&mut is_first, &KEYS)? {
            let Key::Known(side) = key else {
                self.is_irregular = true;
                reader.skip()?;
                continue;
            };
            self.has_duplicate_key |= seen & (1 << side) != 0;
            seen |= 1 << side;
            let number = reader.number_or_skip()?;
            match side {
                0 => size.width = number,
                1 => size.height = number,
                _ => size.depth = number,
            }
        }
        self.n_sizes = self.n_sizes.saturating_add(1);
        Ok(())
    }

    fn read_annotations(&mut self, reader: &mut Reader<'a>) -> Result<Annotations<'a>, JsonError> {
        if !reader.enter_array()? {
            reader.skip()?;
            return Ok(Annotations::NotAList);
        }
        let mut list = Vec::with_capacity(8);
        let mut is_first = true;
        let mut is_usual = true;
        while reader.next_element(&mut is_first)? {
            if is_usual {
                if let Some(annotation) = Annotation::usual(reader) {
                    list.push(annotation);
                    continue;
                }
                is_usual = false;
            }
            let mut annotation = Annotation::MISSING;
            if !reader.enter_object()? {
                reader.skip()?;
                list.push(annotation);
                continue;
            }
            let mut seen = 0_u32;
            let mut is_first_key = true;
            while let Some(key) = reader.next_known_key(&mut is_first_key, &Annotation::KEYS)? {
                let Key::Known(place) = key else {
                    self.is_irregular = true;
                    reader.skip()?;
                    continue;
                };
                let bit = 1 << place;
                self.has_duplicate_key |= seen & bit != 0;
                seen |= bit;
                annotation.set(place, reader.number_or_skip()?);
            }
            list.push(annotation);
        }
        Ok(Annotations::List(list))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The boxes, and whether the label has fields beside the known ones and keys twice.
    fn read(boxes: &str) -> Option<(Vec<Annotation<'_>>, bool, bool)> {
        let labels = BoxLabels::pass(&mut Reader::new(boxes)).ok()??;
        match labels.annotations {
            Annotations::List(list) => Some((list, labels.is_irregular, labels.has_duplicate_key)),
            _ => None,
        }
    }

    #[test]
    fn boxes_are_the_same_however_they_are_written() {
        const USUAL: &str = r#"{"class_id":7,"left":1.5,"top":2,"width":30.25,"height":-4e1}"#;
        for (one, is_same) in [
            (USUAL, true),
            (
                r#"{"class_id": 7, "left": 1.5, "top": 2, "width": 30.25, "height": -4e1}"#,
                true,
            ),
            (
                r#"{"class_id":7,"top":2,"left":1.5,"height":-4e1,"width":30.25}"#,
                true,
            ),
            (
                r#"{"class_id":7,"left":1.5,"top":2,"width":30.25,"height":-4e1 }"#,
                true,
            ),
            (r#"{"class_id":7,"left":1.5,"top":2,"width":30.25}"#, false),
            (
                r#"{"class_id":7.0,"left":1.5,"top":2,"width":30.25,"height":-4e1}"#,
                false,
            ),
        ] {
            for list in [
                format!("{USUAL},{one}"),
                format!("{one},{USUAL}"),
                format!("{one},{one}"),
            ] {
                let text = format!(r#"{{"annotations":[{list}]}}"#);
                let (found, is_irregular, has_duplicate_key) = read(&text).unwrap();
                let usual = format!(r#"{{"annotations":[{USUAL},{USUAL}]}}"#);
                let (expected, ..) = read(&usual).unwrap();
                assert_eq!(
                    format!("{found:?}") == format!("{expected:?}"),
                    is_same,
                    "{list}"
                );
                assert!(!is_irregular && !has_duplicate_key, "{list}");
            }
        }
        for (tail, marks) in [
            (r#","left":1}"#, Some((false, true))),
            (r#","x":1}"#, Some((true, false))),
            (r#"}"#, Some((false, false))),
            ("]", None),
            (".}", None),
            (",}", None),
        ] {
            let text = format!(
                r#"{{"annotations":[{USUAL},{}{tail}]}}"#,
                USUAL.trim_end_matches('}')
            );
            assert_eq!(read(&text).map(|(_, a, b)| (a, b)), marks, "{text}");
        }
    }

    #[test]
    fn confidences_are_the_same_however_they_are_written() {
        for (objects, expected) in [
            (
                r#"{"confidence":0.5},{"confidence":0.25}"#,
                Some((false, false)),
            ),
            (
                r#"{"confidence": 0.5},{"confidence":0.25}"#,
                Some((false, false)),
            ),
            (
                r#"{"confidence":0.5},{ "confidence":0.25 }"#,
                Some((false, false)),
            ),
            (
                r#"{"confidence":0.5},{"confidence":0.25,"x":1}"#,
                Some((true, false)),
            ),
            (
                r#"{"confidence":0.5,"confidence":0.5},{"confidence":0.25}"#,
                Some((false, true)),
            ),
            (r#"{"confidence":0.5},{"confidence":0.25"#, None),
            (r#"{"confidence":0.5},{"confidence":0.25.}"#, None),
        ] {
            let text = format!(r#"{{"objects":[{objects}]}}"#);
            let found = Metadata::pass(&mut Reader::new(&text)).ok().flatten();
            let marks = found
                .as_ref()
                .map(|found| (found.is_irregular, found.has_duplicate_key));
            assert_eq!(marks, expected, "{text}");
            if let Some(found) = found {
                let values: Vec<f64> = found
                    .objects
                    .iter()
                    .flatten()
                    .flatten()
                    .map(|number| number.value)
                    .collect();
                assert_eq!(values, [0.5, 0.25], "{text}");
            }
        }
    }
}
