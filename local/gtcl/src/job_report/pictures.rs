//! The pictures of a report's page, as many as it has room for.

use std::collections::BTreeMap;

use futures_util::{StreamExt as _, stream};
use manifest::rules::IMAGE_BYTES_MAX;
use report::{Job, Page, Picture, Pictures};

use super::has_boxes;
use super::thumbnail::{self, Turn};
use crate::image_facts::{Images, LookError};

/// Images that are decoded at the same time.
const AT_ONCE: usize = 4;

/// Loads pictures for a page in the order in which it wants them, until one doesn't fit: that one and those after it are
/// left out. When no image can be read at all, the second value says why and what to do.
pub async fn load(job: &Job, page: &Page<'_>, images: &Images) -> (Pictures, Option<String>) {
    let turns = turns(job);
    let mut room = page.bytes_for_pictures();
    let mut pictures = Pictures::new();
    let wanted = page.wanted_pictures();
    let default = if has_boxes(job) {
        Turn::ForBoxes(None)
    } else {
        Turn::Upright
    };
    let loading = wanted.iter().map(|source| {
        let turn = turns.get(source).copied().unwrap_or(default);
        one(images, source, turn)
    });
    let mut loading = stream::iter(loading).buffered(AT_ONCE);
    let mut trouble = None;
    for source in &wanted {
        match loading.next().await {
            Some(Ok(picture)) => {
                let Some(left) = room.checked_sub(picture.n_bytes_in_page()) else {
                    break;
                };
                room = left;
                pictures.insert((*source).to_owned(), picture);
            }
            Some(Err((reason, remedy))) => {
                trouble = Some(format!("{reason}; {remedy}"));
                break;
            }
            None => break,
        }
    }
    if trouble.is_some() && pictures.is_empty() {
        return (pictures, trouble);
    }
    for source in &wanted {
        pictures
            .entry((*source).to_owned())
            .or_insert(Picture::LeftOut);
    }
    (pictures, trouble)
}

async fn one(images: &Images, source: &str, turn: Turn) -> Result<Picture, (String, String)> {
    let bytes = match images.read(source, IMAGE_BYTES_MAX).await {
        Ok(bytes) => bytes,
        Err(LookError::Image(reason) | LookError::Denied(reason)) => {
            return Ok(Picture::Broken(without_folder(&reason, images)));
        }
        Err(LookError::All { reason, remedy }) => return Err((reason, remedy)),
    };
    let made = tokio::task::spawn_blocking(move || thumbnail::of(bytes, turn)).await;
    Ok(made.unwrap_or_else(|_| Picture::Broken("it can't be decoded".to_owned())))
}

/// The same images make the same page, wherever they lie.
fn without_folder(reason: &str, images: &Images) -> String {
    match images {
        Images::Folder(folder) => reason.replace(&format!("{}/", folder.display()), ""),
        Images::S3(_) => reason.to_owned(),
    }
}

/// How images with boxes are turned, by their URIs.
fn turns(job: &Job) -> BTreeMap<&str, Turn> {
    let disputed = job.quality.iter().flat_map(|quality| &quality.disputed);
    let disputed =
        disputed.filter_map(|object| Some((object.source_ref.as_deref()?, object.image_size_px)));
    let wrong = job.truth.iter().flat_map(|truth| &truth.wrong);
    let wrong = wrong.map(|wrong| (wrong.source_ref.as_str(), wrong.image_size_px));
    let with_boxes = wrong.chain(disputed).filter(|_| has_boxes(job));
    let turns = with_boxes.map(|(source, size)| (source, Turn::ForBoxes(size)));
    turns.collect()
}
