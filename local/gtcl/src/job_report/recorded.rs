//! What a job's folder holds besides the answers.

use std::path::{Path, PathBuf};

use dataset_updater::request::place::Place;
use dataset_updater::state::report::Report;
use labeling::job::layout;
use labeling::job::times::WorkTimes;

use super::Recorded;
use crate::answer_files::json_files;
use crate::error::CommandError;
use crate::finished_job::FinishedJob;
use crate::input;

/// Largest file of the dataset-updater's that is read, in bytes: Custom Labels' own limit of a manifest.
const FILE_BYTES_MAX: u64 = 1 << 30;
/// Largest worker-response file that is looked into for times, in bytes.
const RESPONSE_BYTES_MAX: u64 = 16 << 20;

/// Files of the dataset-updater's that are read, relative to the job's folder.
pub(super) fn updater_files() -> [String; 3] {
    // Its place beside the job's folders: that of a manifest in a folder of its own, without that folder.
    let manifest = format!("job/{}", layout::OUTPUT_MANIFEST);
    let place = Place::of("", &manifest, None, None);
    ["report.json", "rejected.jsonl", "consolidated.manifest"].map(|name| {
        let key = place.key(name);
        key.strip_prefix("job/").unwrap_or(&key).to_owned()
    })
}

/// Reads what lies in the job's folder.
///
/// # Errors
///
/// Names a file that is there and can't be read.
pub fn read(folder: &Path, job: &FinishedJob) -> Result<Recorded, CommandError> {
    let [report, rejected, consolidated] = updater_files().map(|path| folder.join(path));
    let mut recorded = Recorded {
        output: job.recorded_output.clone().unwrap_or_default().into_bytes(),
        updater: None,
        times: WorkTimes::default(),
    };
    if report.is_file() {
        let bytes = input::read(&report, "the dataset-updater's report", FILE_BYTES_MAX)?;
        let read: Report = serde_json::from_slice(&bytes).map_err(|error| {
            CommandError::new(format!("{}: {error}", report.display()))
                .with_help("copy the job's folder again, or take the file away")
        })?;
        let what = "the dataset-updater's rejected lines";
        let lines = match rejected.is_file() {
            true => input::read(&rejected, what, FILE_BYTES_MAX)?,
            false => Vec::new(),
        };
        if read.consolidation.is_some() && consolidated.is_file() {
            let what = "the dataset-updater's manifest";
            recorded.output = input::read(&consolidated, what, FILE_BYTES_MAX)?;
        }
        recorded.updater = Some((read, lines));
    }
    let responses = json_files(&folder.join(layout::worker_responses()));
    recorded.times = times(&responses.unwrap_or_default());
    Ok(recorded)
}

/// How long workers took, as the worker-response files among these tell.
#[must_use]
pub fn times(files: &[PathBuf]) -> WorkTimes {
    let mut times = WorkTimes::default();
    for path in files {
        let text = path.to_string_lossy().replace('\\', "/");
        let id = layout::dataset_object_id(&text);
        // Answers that can't be read were told when they were read as answers.
        if let (Some(id), Ok(Some(bytes))) = (id, input::bounded(path, RESPONSE_BYTES_MAX)) {
            times.add_file(id, &bytes);
        }
    }
    times
}
