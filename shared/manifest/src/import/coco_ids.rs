//! What the ids of a COCO file stand for: its categories and its images, and which of them can be used.

use std::collections::HashMap;
use std::collections::hash_map::Entry as Slot;

use super::coco_file::{Category, Id, Image, Item};
use super::image_name::source_ref;
use super::{Fault, Import};
use crate::code::Code;
use crate::envelope::BoxLabel;
use crate::line::shown;
use crate::rules::LABEL_NAME_CHARS_MAX;

/// What an id of the file stands for.
pub(super) enum Known<T> {
    One(T),
    /// Several things that differ.
    Several,
    /// Something that was left out.
    LeftOut,
}

/// An image that may become an entry.
pub(super) struct OpenImage {
    /// Where it stands in `images`, from 0.
    pub(super) idx: usize,
    pub(super) place: String,
    pub(super) image: Image,
    pub(super) source_ref: String,
    pub(super) boxes: Vec<BoxLabel>,
    pub(super) n_annotations: u64,
}

pub(super) type Categories = HashMap<Id, Known<(u32, String)>>;

/// The categories that can be used, by id.
pub(super) fn open_categories(items: Vec<Item<Category>>, import: &mut Import) -> Categories {
    let mut names = Categories::new();
    for Item { place, id, read } in items {
        let category = read
            .map_err(|reason| Fault::new(Code::InvalidItem, reason))
            .and_then(|category| Ok((class_id(&category.id)?, check_name(category.name)?)));
        let (class_id, name) = match category {
            Ok(category) => category,
            Err(fault) => {
                import.leave_out(place, fault);
                if let Some(id) = id {
                    names.entry(id).or_insert(Known::LeftOut);
                }
                continue;
            }
        };
        match names.entry(Id::Number(i64::from(class_id))) {
            Slot::Vacant(free) => {
                free.insert(Known::One((class_id, name)));
            }
            Slot::Occupied(mut taken) => {
                let reason = match taken.get() {
                    Known::One((_, first)) if *first == name => {
                        "an earlier category has this id and the same name".to_owned()
                    }
                    Known::One((_, first)) => {
                        let reason = format!(
                            "its name is {:?}, and an earlier category with this id is {:?}: their boxes can't be told apart",
                            shown(&name),
                            shown(first)
                        );
                        taken.insert(Known::Several);
                        reason
                    }
                    Known::Several | Known::LeftOut => "an earlier category has this id".to_owned(),
                };
                import.leave_out(place, Fault::new(Code::DuplicateId, reason));
            }
        }
    }
    names
}

fn class_id(id: &Id) -> Result<u32, Fault> {
    let number = match id {
        Id::Number(number) => u32::try_from(*number).ok(),
        Id::Text(_) => None,
    };
    number.ok_or_else(|| {
        Fault::new(
            Code::InvalidItem,
            format!("its id is {id}, not a whole number from 0 to {}", u32::MAX),
        )
        .with_remedy("number the categories, and the annotations' category_id alike")
    })
}

fn check_name(name: String) -> Result<String, Fault> {
    if !(1..=LABEL_NAME_CHARS_MAX).contains(&name.chars().count()) {
        return Err(Fault::new(
            Code::InvalidLabelNameLength,
            format!(
                "its name {:?} has not 1 to {LABEL_NAME_CHARS_MAX} characters",
                shown(&name)
            ),
        ));
    }
    if name.chars().any(char::is_control) {
        return Err(Fault::new(
            Code::LabelNameNotPlain,
            format!("its name {:?} has a control character", shown(&name)),
        ));
    }
    if name.contains('\u{FFFD}') {
        return Err(Fault::new(
            Code::LabelNameNotPlain,
            format!(
                "its name {:?} has the character that stands for lost ones",
                shown(&name)
            ),
        )
        .with_remedy("export the file again, in UTF-8"));
    }
    Ok(name)
}

pub(super) type Images = HashMap<Id, Known<usize>>;

/// The images that can be used, and which of them an id stands for.
pub(super) fn open_images(
    items: Vec<Item<Image>>,
    folder: Option<&str>,
    import: &mut Import,
) -> (Vec<OpenImage>, Images) {
    let mut images: Vec<OpenImage> = Vec::with_capacity(items.len());
    let mut ids = Images::with_capacity(items.len());
    for (idx, Item { place, id, read }) in items.into_iter().enumerate() {
        let read = read
            .map_err(|reason| Fault::new(Code::InvalidItem, reason))
            .and_then(|image| {
                let source_ref = source_ref(folder, &image.file_name)?;
                Ok((image, source_ref))
            });
        let (image, source_ref) = match read {
            Ok(read) => read,
            Err(fault) => {
                import.leave_out(place, fault);
                if let Some(id) = id {
                    ids.entry(id).or_insert(Known::LeftOut);
                }
                continue;
            }
        };
        match ids.entry(image.id.clone()) {
            Slot::Vacant(free) => {
                free.insert(Known::One(images.len()));
                images.push(OpenImage {
                    idx,
                    place,
                    image,
                    source_ref,
                    boxes: Vec::new(),
                    n_annotations: 0,
                });
            }
            Slot::Occupied(mut taken) => {
                let first = match taken.get() {
                    Known::One(first) => images.get(*first),
                    Known::Several | Known::LeftOut => None,
                };
                let reason = match first {
                    None => "an earlier image has this id".to_owned(),
                    Some(first) if first.source_ref == source_ref => {
                        format!("{} is the same image", first.place)
                    }
                    Some(first) => {
                        let reason = format!(
                            "it is {:?}, and {} is {:?}: their boxes can't be told apart",
                            shown(&image.file_name),
                            first.place,
                            shown(&first.image.file_name)
                        );
                        taken.insert(Known::Several);
                        reason
                    }
                };
                import.leave_out(place, Fault::new(Code::DuplicateId, reason));
            }
        }
    }
    images.retain(|open| {
        let is_one = !matches!(ids.get(&open.image.id), Some(Known::Several));
        if !is_one {
            let reason = format!(
                "a later image has this id and isn't {:?}: their boxes can't be told apart",
                shown(&open.image.file_name)
            );
            import.leave_out(open.place.clone(), Fault::new(Code::DuplicateId, reason));
        }
        is_one
    });
    for (at, open) in images.iter().enumerate() {
        ids.insert(open.image.id.clone(), Known::One(at));
    }
    (images, ids)
}
