//! What the ids of a COCO file stand for: its categories and its images, and which of them can be used.

use std::collections::HashMap;
use std::collections::hash_map::Entry as Slot;

use super::super::Fault;
use super::super::label_names;
use super::super::parsed::{LabeledImage, Parsed};
use super::file::{Category, Image, Item};
use super::item::Id;
use crate::code::Code;
use crate::counted::counted;
use crate::line::shown;

/// What an id of the file stands for.
pub(super) enum Known<T> {
    One(T),
    /// Several things that differ.
    Several,
    /// Something that was left out.
    LeftOut,
}

/// Indices of classes by category id.
pub(super) type Categories = HashMap<Id, Known<usize>>;

/// The categories that can be used, by id.
pub(super) fn open_categories(items: Vec<Item<Category>>, parsed: &mut Parsed) -> Categories {
    let mut categories = Categories::new();
    let mut n_repeated = 0;
    for Item { place, id, read } in items {
        let category = read
            .map_err(|reason| Fault::new(Code::InvalidItem, reason))
            .and_then(|category| {
                label_names::check(&category.name)?;
                Ok((class_id(&category.id)?, category.name))
            });
        let (class_id, name) = match category {
            Ok(category) => category,
            Err(fault) => {
                parsed.leave_out(0, place, fault);
                if let Some(id) = id {
                    categories.entry(id).or_insert(Known::LeftOut);
                }
                continue;
            }
        };
        match categories.entry(Id::Number(i64::from(class_id))) {
            Slot::Vacant(free) => {
                free.insert(Known::One(parsed.classes.add(class_id, name)));
            }
            Slot::Occupied(mut taken) => {
                let first = match taken.get() {
                    Known::One(idx) => parsed.classes.list.get(*idx),
                    Known::Several | Known::LeftOut => None,
                };
                let reason = match first {
                    // VGG Image Annotator writes the list once for each image.
                    Some(first) if first.name == name => {
                        n_repeated += 1;
                        continue;
                    }
                    Some(first) => {
                        let reason = format!(
                            "its name is {:?}, and an earlier category with this id is {:?}: their boxes can't be told apart",
                            shown(&name),
                            shown(&first.name)
                        );
                        taken.insert(Known::Several);
                        reason
                    }
                    None => "an earlier category has this id".to_owned(),
                };
                parsed.leave_out(0, place, Fault::new(Code::DuplicateId, reason));
            }
        }
    }
    if n_repeated > 0 {
        parsed.notes.push(format!(
            "{} with id and name of an earlier one: taken as the same",
            counted(n_repeated, "category")
        ));
    }
    categories
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

/// Indices of images by image id.
pub(super) type Images = HashMap<Id, Known<usize>>;

/// The images that can be used, and which of them an id stands for.
pub(super) fn open_images(
    items: Vec<Item<Image>>,
    parsed: &mut Parsed,
) -> (Vec<LabeledImage>, Images) {
    let mut images: Vec<(Id, LabeledImage)> = Vec::with_capacity(items.len());
    let mut ids = Images::with_capacity(items.len());
    let mut n_repeated = 0;
    for (number, Item { place, id, read }) in (1..).zip(items) {
        let image = match read {
            Ok(image) => image,
            Err(reason) => {
                parsed.leave_out(0, place, Fault::new(Code::InvalidItem, reason));
                if let Some(id) = id {
                    ids.entry(id).or_insert(Known::LeftOut);
                }
                continue;
            }
        };
        let Slot::Occupied(mut taken) = ids.entry(image.id.clone()) else {
            ids.insert(image.id.clone(), Known::One(images.len()));
            images.push((image.id.clone(), labeled(number, place, image)));
            continue;
        };
        let first = match taken.get() {
            Known::One(first) => images.get(*first).map(|(_, first)| first),
            Known::Several | Known::LeftOut => None,
        };
        let reason = match first {
            None => "an earlier image has this id".to_owned(),
            Some(first)
                if first.name == image.file_name
                    && first.size == Some((image.width_px, image.height_px)) =>
            {
                n_repeated += 1;
                continue;
            }
            Some(first) => {
                let reason = format!(
                    "it is {:?}, and {} is {:?}: their boxes can't be told apart",
                    shown(&image.file_name),
                    first.place,
                    shown(&first.name)
                );
                taken.insert(Known::Several);
                reason
            }
        };
        parsed.leave_out(0, place, Fault::new(Code::DuplicateId, reason));
    }
    if n_repeated > 0 {
        parsed.notes.push(format!(
            "{} with id, name and size of an earlier one: taken as the same",
            counted(n_repeated, "image")
        ));
    }
    keep_those_told_apart(images, ids, parsed)
}

fn labeled(number: u64, place: String, image: Image) -> LabeledImage {
    LabeledImage {
        number,
        place,
        name: image.file_name,
        size: Some((image.width_px, image.height_px)),
        date: image.date_captured,
        ..LabeledImage::default()
    }
}

fn keep_those_told_apart(
    images: Vec<(Id, LabeledImage)>,
    mut ids: Images,
    parsed: &mut Parsed,
) -> (Vec<LabeledImage>, Images) {
    let mut kept = Vec::with_capacity(images.len());
    for (id, image) in images {
        if matches!(ids.get(&id), Some(Known::Several)) {
            let reason = format!(
                "a later image has this id and isn't {:?}: their boxes can't be told apart",
                shown(&image.name)
            );
            parsed.leave_out(0, image.place, Fault::new(Code::DuplicateId, reason));
            continue;
        }
        ids.insert(id, Known::One(kept.len()));
        kept.push(image);
    }
    (kept, ids)
}
