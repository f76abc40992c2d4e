//! Environment → configuration → clients → run.

use std::env;

use aws::Clients;
use aws::s3::ObjectUri;
use labeling::categories;
use labeling::pre_annotation::Config;
use lambda_runtime::{Error, service_fn};

use crate::handler;

/// Runs the function until its process is stopped.
///
/// Label categories are read once, before the first event: a file that can't be read fails the start, and with it the
/// job at its first data object, instead of showing workers a task without labels.
///
/// # Errors
///
/// When the environment has a setting that can't be used, the label category file can't be read, or the Runtime API
/// can't be reached.
pub async fn run() -> Result<(), Error> {
    tracing_subscriber::fmt()
        .json()
        .without_time()
        .with_target(false)
        .flatten_event(true)
        .init();
    let config = Config {
        labels: labels()
            .await
            .inspect_err(|error| tracing::error!(code = "Init", error = %error, "start failed"))?,
        labels_field: setting("LABELS_FIELD"),
        initial_value_attribute: setting("INITIAL_VALUE_ATTRIBUTE"),
    };
    let config = &config;
    lambda_runtime::run(service_fn(move |event| handler::handle(event, config))).await
}

async fn labels() -> Result<Vec<String>, Error> {
    if let Some(uri) = setting("LABEL_CATEGORIES_S3_URI") {
        let named = |error: &dyn std::fmt::Display| {
            format!("failed to read LABEL_CATEGORIES_S3_URI: {error}")
        };
        let uri = ObjectUri::parse(&uri).map_err(|error| named(&error))?;
        let s3 = Clients::from_env().await.s3;
        let file = s3
            .read_object(&uri.bucket, &uri.key, categories::CATEGORY_FILE_BYTES_MAX)
            .await;
        let names = categories::parse_file(&file.map_err(|error| named(&error))?);
        return Ok(names.map_err(|error| named(&error))?);
    }
    let names = categories::parse_setting(&setting("LABEL_CATEGORIES").unwrap_or_default());
    Ok(names.map_err(|error| format!("failed to read LABEL_CATEGORIES: {error}"))?)
}

fn setting(name: &str) -> Option<String> {
    env::var(name).ok().filter(|value| !value.trim().is_empty())
}
