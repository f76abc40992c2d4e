//! Sizes of images that a file of labels doesn't say, looked up in a folder or in S3.

use std::path::{Component, Path, PathBuf};

use futures_util::{StreamExt as _, stream};
use manifest::import::Parsed;
use manifest::{SourceRef, counted};

use super::Places;
use crate::error::CommandError;
use crate::image_facts::{Images, LookError, look_at_file};

/// Images that are looked at at the same time.
const N_LOOKS_MAX: usize = 16;

/// An image whose size is needed.
struct Wanted {
    idx: usize,
    source_ref: String,
    name: String,
}

/// Looks up the sizes that are needed and unknown.
///
/// # Errors
///
/// When there is no folder, or S3 can't be asked. What is wrong with one image costs that image only.
pub(super) async fn look_up(parsed: &mut Parsed, places: &Places) -> Result<(), CommandError> {
    let wanted: Vec<Wanted> = parsed
        .without_size(places.when_empty())
        .map(|image| Wanted {
            idx: image.idx,
            source_ref: image.source_ref.to_owned(),
            name: image.name.to_owned(),
        })
        .collect();
    if wanted.is_empty() {
        return Ok(());
    }
    let images = match &places.images_from {
        Some(folder) => {
            if let Err(error) = std::fs::read_dir(folder) {
                return Err(CommandError::new(format!(
                    "folder of the images {} could not be read: {error}",
                    folder.display()
                ))
                .with_help("give --images-from the folder that holds them"));
            }
            Images::Folder(folder.clone())
        }
        None => Images::S3(aws::Clients::s3_from_profile().await),
    };
    let n_wanted = wanted.len() as u64;
    let looks = stream::iter(wanted).map(|one| {
        let images = images.clone();
        async move { (one.idx, size_of(&images, &one).await) }
    });
    let mut looks = looks.buffered(N_LOOKS_MAX);
    while let Some((idx, size)) = looks.next().await {
        match size {
            Ok(size) => parsed.set_size(idx, Ok(size)),
            Err(LookError::Image(reason) | LookError::Denied(reason)) => {
                parsed.set_size(idx, Err(reason));
            }
            Err(LookError::All { reason, remedy }) => {
                return Err(CommandError::new(format!(
                    "{} doesn't say the size of {}, and images can't be looked at: {reason}",
                    places.file,
                    counted(n_wanted, "image")
                ))
                .with_help(format!(
                    "--images-from FOLDER looks at images on this machine; for those in S3: {remedy}"
                )));
            }
        }
    }
    Ok(())
}

async fn size_of(images: &Images, wanted: &Wanted) -> Result<(u32, u32), LookError> {
    let facts = match images {
        Images::Folder(folder) => match file_in(folder, wanted) {
            Some(path) => look_at_file(&path).await?,
            None => {
                return Err(LookError::Image(format!(
                    "{} has neither {:?} nor the file name alone",
                    folder.display(),
                    wanted.name
                )));
            }
        },
        Images::S3(_) => images.look(&wanted.source_ref).await?,
    };
    facts
        .size
        .ok_or_else(|| LookError::Image("image is neither a PNG nor a JPEG".to_owned()))
}

/// The image's file: as BUCKET/KEY below the folder, as it is named, or by its file name alone.
fn file_in(folder: &Path, wanted: &Wanted) -> Option<PathBuf> {
    let uri = SourceRef::parse(&wanted.source_ref).ok()?;
    let names = [uri.key, wanted.name.as_str()].map(|path| path.rsplit(['/', '\\']).next());
    let below = [
        Some(format!("{}/{}", uri.bucket, uri.key)),
        Some(wanted.name.clone()),
        Some(uri.key.to_owned()),
        names[0].map(str::to_owned),
        names[1].map(str::to_owned),
    ];
    below.into_iter().flatten().find_map(|name| {
        let is_plain = Path::new(&name)
            .components()
            .all(|part| matches!(part, Component::Normal(_) | Component::CurDir));
        let path = folder.join(&name);
        (is_plain && path.is_file()).then_some(path)
    })
}
