//! `gtcl import PATH` without a format: what the path is, taken when that is sure.

use manifest::FileKind;
use manifest::import::{coco, csv, label_studio};

use super::folder::{self, FolderKind};
use super::{Places, read, take, take_folder};
use crate::error::CommandError;
use crate::output::stdout::print;
use crate::place::Place;

const NAME_IT: &str =
    "name the format: gtcl import csv|coco|yolo|voc|folders|label-studio|answers PATH";

/// Says what it found, and imports it.
pub(super) async fn run(places: Places) -> Result<u8, CommandError> {
    if let Place::Local(path) = &places.file
        && path.is_dir()
    {
        return run_folder(places).await;
    }
    let file = read(&places).await?;
    let unsure = |reason: &str, remedy: &str| {
        Err(CommandError::new(format!("{}: {reason}", places.file)).with_help(remedy))
    };
    let text = match manifest::text_start(&file) {
        Ok(text) => text.trim_ascii_start(),
        Err(error) => return unsure(&error.reason, &error.remedy),
    };
    match FileKind::of(text) {
        Some(FileKind::Csv) => {
            say(&places, "a table (csv)");
            take(&places, csv::parse(&file, &csv::CsvOptions::default())).await
        }
        Some(FileKind::Voc) => {
            say(&places, "a Pascal VOC annotation (voc)");
            let parsed = folder::voc(&places.file, None)?;
            take_folder(places, parsed).await
        }
        Some(kind) => {
            let error = kind.told();
            unsure(&error.reason, &error.remedy)
        }
        None if has_key(text, "annotations")
            && has_key(text, "images")
            && text.starts_with(b"{") =>
        {
            say(&places, "a COCO file (coco)");
            take(&places, coco::parse(&file, &coco::CocoOptions::default())).await
        }
        None if text.starts_with(b"[") && has_key(text, "data") && has_key(text, "annotations") => {
            say(&places, "Label Studio's export (label-studio)");
            take(&places, label_studio::parse(&file)).await
        }
        None if text.starts_with(b"{") && has_key(text, "source-ref") => unsure(
            "file is a manifest",
            "gtcl check says what Custom Labels would say of it, gtcl convert makes dataset entries of a labeling job's output",
        ),
        None => unsure("file is of no form that is known for sure", NAME_IT),
    }
}

async fn run_folder(places: Places) -> Result<u8, CommandError> {
    places.refuse_same()?;
    let kind = folder::kind(&folder::Files::of(&places.file)?);
    match kind {
        Ok(FolderKind::Yolo) => {
            say(&places, "YOLO labels (yolo)");
            let parsed = folder::yolo(&places.file)?;
            take_folder(places, parsed).await
        }
        Ok(FolderKind::Voc) => {
            say(&places, "Pascal VOC annotations (voc)");
            let parsed = folder::voc(&places.file, None)?;
            take_folder(places, parsed).await
        }
        Ok(FolderKind::Folders) => {
            say(&places, "folders that are labels (folders)");
            let parsed = folder::folders(&places, false).await?;
            take(&places, parsed).await
        }
        Err(reason) => Err(CommandError::new(format!(
            "{}: it isn't sure what the folder is: {reason}",
            places.file
        ))
        .with_help(NAME_IT)),
    }
}

fn say(places: &Places, what: &str) {
    print(format_args!("{} is {what}", places.file));
}

/// Whether a JSON text has this key somewhere.
fn has_key(text: &[u8], key: &str) -> bool {
    memchr::memmem::find(text, format!("\"{key}\"").as_bytes()).is_some()
}
