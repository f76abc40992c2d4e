//! The two values of a label attribute, read as far as any rule needs them.
//!
//! Reading is tolerant: a field of the wrong kind is `None`, and the rules decide what that means. Only a key
//! that stands twice, or too deep a nesting, is an error here: then nobody can say which value is meant.

use crate::envelope::{TYPE_BOXES, TYPE_MULTI_LABEL, TYPE_SINGLE_LABEL};
use crate::json::{JsonError, Kind, Number, Reader, Text};

#[derive(Debug, Default)]
pub(crate) struct Metadata<'a> {
    pub(crate) kind: Option<Text<'a>>,
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
    SingleLabel,
    MultiLabel,
    Boxes,
    Verification,
    Custom,
    Other,
}

impl<'a> Metadata<'a> {
    /// `None` when the value isn't an object.
    pub(crate) fn read(value: &'a str) -> Result<Option<Self>, JsonError> {
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
    pub(crate) fn pass(reader: &mut Reader<'a>) -> Result<Option<Self>, JsonError> {
        if !reader.enter_object()? {
            return Ok(None);
        }
        let mut metadata = Self::default();
        let mut seen = 0_u32;
        let mut is_first = true;
        while let Some(key) = reader.next_key(&mut is_first)? {
            let bit = match key.decoded().as_ref() {
                "type" => {
                    metadata.kind = reader.text_or_skip()?;
                    0
                }
                "class-name" => {
                    metadata.class_name = reader.text_or_skip()?;
                    1
                }
                "confidence" => {
                    metadata.confidence = reader.number_or_skip()?;
                    2
                }
                "human-annotated" => {
                    metadata.human_annotated = reader.text_or_skip()?;
                    3
                }
                "creation-date" => {
                    metadata.creation_date = reader.text_or_skip()?;
                    4
                }
                "job-name" => {
                    metadata.job_name = reader.text_or_skip()?;
                    5
                }
                "class-map" => {
                    metadata.class_map = read_map(
                        reader,
                        Reader::text_or_skip,
                        &mut metadata.has_duplicate_key,
                    )?;
                    6
                }
                "objects" => {
                    metadata.objects = read_objects(reader, &mut metadata)?;
                    7
                }
                "confidence-map" => {
                    metadata.confidence_map = read_map(
                        reader,
                        Reader::number_or_skip,
                        &mut metadata.has_duplicate_key,
                    )?;
                    8
                }
                "failure-reason" => {
                    metadata.failure_reason = reader.text_or_skip()?;
                    9
                }
                "creation_date" => {
                    metadata.is_irregular = true;
                    metadata.creation_date = metadata.creation_date.or(reader.text_or_skip()?);
                    10
                }
                "job_name" => {
                    metadata.is_irregular = true;
                    metadata.job_name = metadata.job_name.or(reader.text_or_skip()?);
                    11
                }
                "worker-response-ref" => {
                    metadata.has_worker_response_ref = true;
                    metadata.n_other_fields += 1;
                    metadata.worker_response_ref = reader.text_or_skip()?;
                    12
                }
                _ => {
                    metadata.n_other_fields += 1;
                    reader.skip()?;
                    continue;
                }
            };
            metadata.has_duplicate_key |= seen & (1 << bit) != 0;
            seen |= 1 << bit;
        }
        Ok(Some(metadata))
    }

    pub(crate) fn label_kind(&self) -> Option<LabelKind> {
        let kind = self.kind?.decoded();
        Some(match kind.as_ref() {
            TYPE_SINGLE_LABEL => LabelKind::SingleLabel,
            TYPE_MULTI_LABEL => LabelKind::MultiLabel,
            TYPE_BOXES => LabelKind::Boxes,
            "groundtruth/label-verification" => LabelKind::Verification,
            "groundtruth/custom" | "groundTruth/custom" => LabelKind::Custom,
            _ => LabelKind::Other,
        })
    }

    pub(crate) fn class_name_of(&self, class_id: &str) -> Option<Text<'a>> {
        let class_map = self.class_map.as_deref().unwrap_or_default();
        class_map
            .iter()
            .find(|(id, _)| id.is(class_id))
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
    let mut map: Vec<(Text<'a>, T)> = Vec::new();
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
    while reader.next_element(&mut is_first)? {
        let mut confidence = None;
        let mut n_confidences = 0;
        if reader.enter_object()? {
            let mut is_first_key = true;
            while let Some(key) = reader.next_key(&mut is_first_key)? {
                if key.is("confidence") {
                    confidence = reader.number_or_skip()?;
                    n_confidences += 1;
                } else {
                    metadata.is_irregular = true;
                    reader.skip()?;
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

/// Width, height, depth as written.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct SizeFields<'a> {
    pub(crate) width: Option<Number<'a>>,
    pub(crate) height: Option<Number<'a>>,
    pub(crate) depth: Option<Number<'a>>,
}

#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Annotation<'a> {
    pub(crate) class_id: Option<Number<'a>>,
    pub(crate) left: Option<Number<'a>>,
    pub(crate) top: Option<Number<'a>>,
    pub(crate) width: Option<Number<'a>>,
    pub(crate) height: Option<Number<'a>>,
}

/// What `annotations` turned out to be.
#[derive(Debug)]
pub(crate) enum Annotations<'a> {
    Missing,
    NotAList,
    List(Vec<Annotation<'a>>),
}

#[derive(Debug)]
pub(crate) struct BoxLabels<'a> {
    /// The sizes found in `image_size`.
    pub(crate) sizes: Vec<SizeFields<'a>>,
    /// `image_size` is an array, as the schema asks.
    pub(crate) size_is_array: bool,
    pub(crate) annotations: Annotations<'a>,
    /// Fields beside the known ones, at any level: the value can't be carried whole.
    pub(crate) is_irregular: bool,
    has_duplicate_key: bool,
}

impl<'a> BoxLabels<'a> {
    /// `None` when the value isn't an object.
    pub(crate) fn read(value: &'a str) -> Result<Option<Self>, JsonError> {
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

    /// Passes the next value; `None` when it isn't an object, which is then left unread.
    pub(crate) fn pass(reader: &mut Reader<'a>) -> Result<Option<Self>, JsonError> {
        if !reader.enter_object()? {
            return Ok(None);
        }
        let mut labels = Self {
            sizes: Vec::new(),
            size_is_array: false,
            annotations: Annotations::Missing,
            is_irregular: false,
            has_duplicate_key: false,
        };
        let (mut n_sizes, mut n_annotations) = (0, 0);
        let mut is_first = true;
        while let Some(key) = reader.next_key(&mut is_first)? {
            match key.decoded().as_ref() {
                "image_size" => {
                    n_sizes += 1;
                    labels.read_size(reader)?;
                }
                "annotations" => {
                    n_annotations += 1;
                    labels.annotations = labels.read_annotations(reader)?;
                }
                _ => {
                    labels.is_irregular = true;
                    reader.skip()?;
                }
            }
        }
        labels.has_duplicate_key |= n_sizes > 1 || n_annotations > 1;
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
        let mut size = SizeFields::default();
        reader.enter_object()?;
        let mut is_first = true;
        while let Some(key) = reader.next_key(&mut is_first)? {
            let place = match key.decoded().as_ref() {
                "width" => &mut size.width,
                "height" => &mut size.height,
                "depth" => &mut size.depth,
                _ => {
                    self.is_irregular = true;
                    reader.skip()?;
                    continue;
                }
            };
            self.has_duplicate_key |= std::mem::replace(place, reader.number_or_skip()?).is_some();
        }
        self.sizes.push(size);
        Ok(())
    }

    fn read_annotations(&mut self, reader: &mut Reader<'a>) -> Result<Annotations<'a>, JsonError> {
        if !reader.enter_array()? {
            reader.skip()?;
            return Ok(Annotations::NotAList);
        }
        let mut list = Vec::with_capacity(8);
        let mut is_first = true;
        while reader.next_element(&mut is_first)? {
            let mut annotation = Annotation::default();
            if !reader.enter_object()? {
                reader.skip()?;
                list.push(annotation);
                continue;
            }
            let mut is_first_key = true;
            while let Some(key) = reader.next_key(&mut is_first_key)? {
                let place = match key.decoded().as_ref() {
                    "class_id" => &mut annotation.class_id,
                    "left" => &mut annotation.left,
                    "top" => &mut annotation.top,
                    "width" => &mut annotation.width,
                    "height" => &mut annotation.height,
                    _ => {
                        self.is_irregular = true;
                        reader.skip()?;
                        continue;
                    }
                };
                self.has_duplicate_key |=
                    std::mem::replace(place, reader.number_or_skip()?).is_some();
            }
            list.push(annotation);
        }
        Ok(Annotations::List(list))
    }
}
