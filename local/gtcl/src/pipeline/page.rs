//! The page that tells people what a job is worth.

use std::fs;
use std::path::PathBuf;

use report::{Job, Page, Pictures};

use crate::error::CommandError;
use crate::finished_job::FinishedJob;
use crate::image_facts::Images;
use crate::job_report::{PAGE_BYTES_MAX, pictures};
use crate::stack::Stack;

/// Writes a job's page below the stack's folder, and answers where it is.
pub(super) async fn write(
    stack: &Stack,
    job: &FinishedJob,
    found: &Job,
) -> Result<PathBuf, CommandError> {
    let folder = stack.folder().join("reports");
    let path = folder.join(format!("{}.html", job.name));
    let has_pictures = !job.images.is_empty();
    let page = Page::of(found, has_pictures, PAGE_BYTES_MAX);
    let mut shown = Pictures::new();
    if has_pictures {
        let images = Images::Folder(stack.folder().join("s3"));
        (shown, _) = pictures::load(found, &page, &images).await;
    }
    let html = page.html(&shown);
    let written = fs::create_dir_all(&folder).and_then(|()| fs::write(&path, html + "\n"));
    written.map_err(|error| {
        CommandError::new(format!("{} can't be written: {error}", path.display()))
            .with_help("name a folder that you may write to with --dir")
    })?;
    Ok(path)
}
