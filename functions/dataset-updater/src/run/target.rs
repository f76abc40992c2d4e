//! The target of a manifest, and which of its lines go there.

use aws::Clients;
use manifest::{ConvertOptions, JobAttribute};

use crate::error::RunError;
use crate::request::config::Config;
use crate::request::event::Request;
use crate::request::target::Target;
use crate::state::checkpoint::ManifestVersion;
use crate::storage::reader::{Lines, LinesObject};

/// Lines of a manifest that are looked at for its label attribute: more than a labeling job's manifest or a dataset has.
const LINES_MAX: u64 = 1_000_000;

/// Finds the target of a manifest. Where that is by a label attribute that nobody named, the options come back with the
/// label attributes that go there.
pub(super) async fn find_target<'c>(
    clients: &Clients,
    config: &'c Config,
    request: &Request,
    version: &ManifestVersion,
    options: ConvertOptions,
) -> Result<(&'c Target, ConvertOptions), RunError> {
    let job_name = options.job_name.as_deref();
    let is_searched = options.label_attribute.is_none() && config.targets.needs_attribute(job_name);
    let attributes = match &options.label_attribute {
        Some(named) => vec![named.clone()],
        None if is_searched => search(clients, request, version, &options).await?,
        None => Vec::new(),
    };
    let target = config.targets.select(job_name, &attributes);
    let target = target.ok_or_else(|| RunError::NoTarget {
        job_name: options.job_name.clone(),
        label_attribute: attributes.first().cloned(),
    })?;
    let destination = config.targets.destination(job_name, target);
    let options = ConvertOptions {
        destination: destination.filter(|_| is_searched),
        ..options
    };
    Ok((target, options))
}

/// What the label attribute of the manifest's job may be called.
async fn search(
    clients: &Clients,
    request: &Request,
    version: &ManifestVersion,
    options: &ConvertOptions,
) -> Result<Vec<String>, RunError> {
    let source = LinesObject {
        bucket: request.bucket.clone(),
        key: request.key.clone(),
        e_tag: version.e_tag.clone(),
    };
    let mut lines = Lines::open(&clients.s3, &source).await?;
    let mut search = JobAttribute::new(options.clone());
    let mut is_over = false;
    while !is_over {
        let looked = lines
            .next(|line_number, line| search.look(line) || line_number >= LINES_MAX)
            .await?;
        is_over = looked.unwrap_or(true);
    }
    Ok(search.into_names())
}
