//! Environment → settings → clients → run.

use std::env;

use aws::Clients;
use aws::s3::S3;
use labeling::consolidation::Config;
use labeling::job::categories::CATEGORY_FILE_BYTES_MAX;
use labeling::settings::{SettingError, in_setting};
use lambda_runtime::{Diagnostic, LambdaEvent, service_fn};
use serde_json::value::RawValue;
use tokio::sync::OnceCell;
use tracing::Instrument as _;

use crate::{Error, Settings, handler};

/// Runs the function until its process is stopped.
///
/// Settings are read with the first event and kept. One that can't be used is that event's error, by name, and is
/// looked at again with the next event.
///
/// # Errors
///
/// When the Runtime API can't be reached.
pub async fn run() -> Result<(), lambda_runtime::Error> {
    let environment = &labeling::settings::Settings::new(env::vars());
    aws::logs::start(environment.get("LOG_LEVEL"));
    let s3 = &Clients::s3_from_env();
    let kept = &OnceCell::new();
    lambda_runtime::run(service_fn(move |event: LambdaEvent<Box<RawValue>>| {
        let span = aws::logs::invocation(&event.context.env_config.function_name);
        let answer = async move {
            let settings = kept.get_or_try_init(|| settings(environment, s3));
            let settings = Box::pin(settings).await.map_err(Error::from)?;
            Box::pin(handler::handle(event, s3, settings)).await
        };
        // An error is logged as it becomes a diagnostic.
        async { answer.await.map_err(Diagnostic::from) }.instrument(span)
    }))
    .await
}

async fn settings(
    environment: &labeling::settings::Settings,
    s3: &S3,
) -> Result<Settings, SettingError> {
    let defaults = Config::default();
    let task_type = environment.get("TASK_TYPE").map(str::parse);
    let exclusion_label = environment.text("EXCLUSION_LABEL");
    Ok(Settings {
        config: Config {
            label_categories: label_categories(environment, s3).await?,
            task_type: task_type.transpose().map_err(in_setting("TASK_TYPE"))?,
            answer_name: environment.text("ANSWER_NAME"),
            exclusion_label: exclusion_label.unwrap_or(defaults.exclusion_label),
            ..defaults
        },
        allowed_buckets: environment.list("ALLOWED_BUCKETS"),
        carries_statistics: environment.is_on("WORKER_STATISTICS", true)?,
    })
}

async fn label_categories(
    environment: &labeling::settings::Settings,
    s3: &S3,
) -> Result<Option<Vec<String>>, SettingError> {
    const FILE: &str = "LABEL_CATEGORIES_S3_URI";
    let file = match environment.get(FILE) {
        Some(uri) => {
            let file = s3.read_uri(uri, CATEGORY_FILE_BYTES_MAX).await;
            Some(file.map_err(in_setting(FILE))?)
        }
        None => None,
    };
    let names = environment.label_categories(FILE, file.as_deref(), "LABEL_CATEGORIES")?;
    Ok(Some(names).filter(|names| !names.is_empty()))
}
