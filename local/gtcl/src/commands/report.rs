//! `gtcl report`: what a finished job is worth, as one HTML file.

use std::path::{Path, PathBuf};

use aws::s3::S3;
use report::{Job, Page, Pictures};

use crate::arguments::Format;
use crate::error::CommandError;
use crate::finished_job::{self, FinishedJob};
use crate::image_facts::Images;
use crate::job_report::{self, pictures, recorded, remote_job};
use crate::output::progress::{Detail, Reporter};
use crate::output::stdout;
use crate::place::{Place, local_path};

/// Arguments of `gtcl report`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  gtcl report ./MY-JOB --images-from ./buckets
  gtcl report s3://BUCKET/jobs/MY-JOB --out s3://BUCKET/reports/MY-JOB.html
  gtcl report ./MY-JOB --format json

Exit code:
  0  written, and everything is accounted for
  1  written; a part of the job's files can't be read and is left out, or something is not accounted for
  2  the job's files can't be read, or the report can't be written")]
pub struct Args {
    /// A finished job's folder: as `aws s3 sync` brings it, or where it lies in S3.
    #[arg(value_name = "FOLDER")]
    job: Place,
    /// Folder that holds the images as BUCKET/KEY, instead of S3.
    #[arg(long, value_name = "FOLDER", value_parser = local_path())]
    images_from: Option<PathBuf>,
    /// Whether the page has pictures. Without it, it has those of --images-from, and of a job that is read from S3.
    #[arg(long, value_enum, value_name = "WHETHER")]
    images: Option<WithImages>,
    /// Size of the page at most: bytes, or a number with KB or MB. Pictures of what is less disputed are left out, and the
    /// page says how many.
    #[arg(long, value_name = "SIZE", default_value = "8MB", value_parser = size)]
    max_size: usize,
    /// Known truth: JSON Lines with source-ref and label. Default: true_labels.jsonl beside the job.
    #[arg(long, value_name = "FILE", value_parser = local_path())]
    truth: Option<PathBuf>,
    /// Where the page goes: a path or an s3:// URI. Default: report.html, and none with --format json.
    #[arg(long, value_name = "FILE")]
    out: Option<Place>,
    /// What is printed: where the page is, or all figures as JSON.
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum WithImages {
    /// Thumbnails stand in the page.
    Embed,
    /// There are none.
    None,
}

/// Smallest size that may be asked for, in bytes: that of a page without pictures.
const SIZE_MIN: usize = 100_000;

fn size(text: &str) -> Result<usize, String> {
    let upper = text.to_ascii_uppercase();
    let (digits, unit) = if let Some(digits) = upper.strip_suffix("MB") {
        (digits, 1_000_000)
    } else if let Some(digits) = upper.strip_suffix("KB") {
        (digits, 1_000)
    } else {
        (upper.as_str(), 1)
    };
    let number: usize = digits
        .trim()
        .parse()
        .map_err(|_| format!("{text:?} is no size: write 8MB, 500KB or a number of bytes"))?;
    match number.checked_mul(unit) {
        Some(size) if size >= SIZE_MIN => Ok(size),
        _ => Err(format!("{text} is less than a page needs: at least 100KB")),
    }
}

/// Reads the job, and writes its page or prints its figures. Answers 0 or 1, see `--help`.
///
/// # Errors
///
/// Fails when the job's files can't be read, or the page can't be written.
pub async fn run(args: Args) -> Result<u8, CommandError> {
    let reporter = Reporter::new(Detail::Lines);
    let job = match &args.job {
        Place::Local(folder) => of_folder(folder, None, &args)?,
        Place::S3(uri) => {
            let s3 = aws::Clients::s3_from_profile().await;
            let fetched = remote_job::fetch(&s3, uri).await?;
            let found = of_folder(fetched.folder(), Some(fetched.uri()), &args);
            found.map_err(|error| fetched.in_its_words(error))?
        }
    };
    if args.format == Format::Json {
        stdout::write(|out| {
            serde_json::to_writer(&mut *out, &job)?;
            out.write_all(b"\n")
        });
    }
    let default_out = || {
        let place = Place::Local(PathBuf::from("report.html"));
        (args.format == Format::Text).then_some(place)
    };
    if let Some(out) = args.out.clone().or_else(default_out) {
        let n_bytes = write_page(&job, &args, &out, &reporter).await?;
        if args.format == Format::Text {
            stdout::print(format_args!("{}: {out}, {n_bytes} bytes", job.name));
        }
    }
    let losses = job.outcome.losses();
    for told in losses.iter().chain(&job.left_out) {
        reporter.note(told);
    }
    Ok(u8::from(!losses.is_empty() || !job.left_out.is_empty()))
}

fn of_folder(folder: &Path, uri: Option<&str>, args: &Args) -> Result<Job, CommandError> {
    let failed = |error: finished_job::FinishedJobError| {
        CommandError::new(error.to_string()).with_help(error.remedy())
    };
    let mut job: FinishedJob = finished_job::read(folder, args.truth.as_deref()).map_err(failed)?;
    let folder = finished_job::folder_of(folder).map_err(failed)?;
    let recorded = recorded::read(&folder, &job)?;
    // The same files make the same page, wherever they lie.
    let prefix = format!("{}/", folder.display());
    for left_out in &mut job.left_out {
        *left_out = left_out.replace(&prefix, "");
    }
    let job_key = uri.unwrap_or(&job.label_attribute).to_owned();
    Ok(job_report::of(&job, &recorded, &job_key))
}

async fn write_page(
    job: &Job,
    args: &Args,
    out: &Place,
    reporter: &Reporter,
) -> Result<usize, CommandError> {
    let images = images(args).await;
    let page = Page::of(job, images.is_some(), args.max_size);
    let mut shown = Pictures::new();
    if let Some(images) = &images {
        let (found, trouble) = pictures::load(job, &page, images).await;
        if let Some(trouble) = trouble {
            reporter.note(&format!("pictures can't be shown: {trouble}"));
        }
        shown = found;
    }
    let html = page.html(&shown);
    let mut sink = out.create().await?;
    sink.line(&html).await?;
    sink.finish().await?;
    Ok(html.len() + 1)
}

/// Where images are read from; `None` for a page without pictures.
async fn images(args: &Args) -> Option<Images> {
    match (args.images, &args.images_from, &args.job) {
        (Some(WithImages::None), _, _) => None,
        (_, Some(folder), _) => Some(Images::Folder(folder.clone())),
        (Some(WithImages::Embed), None, _) | (None, None, Place::S3(_)) => {
            let s3: S3 = aws::Clients::s3_from_profile().await;
            Some(Images::S3(s3))
        }
        (None, None, Place::Local(_)) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes() {
        for (text, expected) in [
            ("8MB", Some(8_000_000)),
            ("8mb", Some(8_000_000)),
            ("500KB", Some(500_000)),
            ("100000", Some(100_000)),
            ("99999", None),
            ("100KB", Some(100_000)),
            ("99KB", None),
            ("", None),
            ("MB", None),
            ("-1MB", None),
            ("99999999999999999999MB", None),
        ] {
            assert_eq!(size(text).ok(), expected, "{text}");
        }
    }
}
