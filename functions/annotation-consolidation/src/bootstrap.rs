//! Environment → settings → clients → run.

use std::env;

use aws::Clients;
use aws::s3::{ObjectUri, S3};
use labeling::categories;
use labeling::consolidation::Config;
use lambda_runtime::{Error, service_fn};

use crate::{Settings, handler};

/// Runs the function until its process is stopped.
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
    let s3 = Clients::from_env().await.s3;
    let settings = settings(&s3)
        .await
        .inspect_err(|error| tracing::error!(code = "Init", error = %error, "start failed"))?;
    let (s3, settings) = (&s3, &settings);
    lambda_runtime::run(service_fn(move |event| {
        handler::handle(event, s3, settings)
    }))
    .await
}

async fn settings(s3: &S3) -> Result<Settings, Error> {
    let defaults = Config::default();
    let task_type = setting("TASK_TYPE").map(|name| name.parse());
    Ok(Settings {
        config: Config {
            label_categories: label_categories(s3).await?,
            task_type: task_type
                .transpose()
                .map_err(|error| format!("failed to read TASK_TYPE: {error}"))?,
            answer_name: setting("ANSWER_NAME"),
            exclusion_label: setting("EXCLUSION_LABEL").unwrap_or(defaults.exclusion_label),
            ..Config::default()
        },
        allowed_buckets: setting("ALLOWED_BUCKETS").map(|names| {
            names
                .split(',')
                .map(|name| name.trim().to_owned())
                .collect()
        }),
        carries_statistics: flag("WORKER_STATISTICS", true)?,
    })
}

async fn label_categories(s3: &S3) -> Result<Option<Vec<String>>, Error> {
    if let Some(uri) = setting("LABEL_CATEGORIES_S3_URI") {
        let named = |error: &dyn std::fmt::Display| {
            format!("failed to read LABEL_CATEGORIES_S3_URI: {error}")
        };
        let uri = ObjectUri::parse(&uri).map_err(|error| named(&error))?;
        let file = s3
            .read_object(&uri.bucket, &uri.key, categories::CATEGORY_FILE_BYTES_MAX)
            .await;
        let names = categories::parse_file(&file.map_err(|error| named(&error))?);
        return Ok(Some(names.map_err(|error| named(&error))?));
    }
    let names = categories::parse_setting(&setting("LABEL_CATEGORIES").unwrap_or_default())
        .map_err(|error| format!("failed to read LABEL_CATEGORIES: {error}"))?;
    Ok(Some(names).filter(|names| !names.is_empty()))
}

fn flag(name: &str, default: bool) -> Result<bool, String> {
    match setting(name).as_deref() {
        None => Ok(default),
        Some("true") => Ok(true),
        Some("false") => Ok(false),
        Some(other) => Err(format!(
            "failed to read {name}: {other:?} is neither true nor false"
        )),
    }
}

fn setting(name: &str) -> Option<String> {
    env::var(name).ok().filter(|value| !value.trim().is_empty())
}
