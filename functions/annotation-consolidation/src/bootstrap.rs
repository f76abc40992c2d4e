//! Environment → settings → clients → run.

use std::env;
use std::fmt::Display;

use aws::Clients;
use aws::s3::{ObjectUri, S3};
use labeling::categories;
use labeling::consolidation::Config;
use lambda_runtime::service_fn;
use tokio::sync::OnceCell;

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
    tracing_subscriber::fmt()
        .json()
        .without_time()
        .with_target(false)
        .flatten_event(true)
        .init();
    let s3 = &Clients::from_env().await.s3;
    let kept = &OnceCell::new();
    lambda_runtime::run(service_fn(move |event| async move {
        let settings = Box::pin(kept.get_or_try_init(|| settings(s3))).await?;
        Box::pin(handler::handle(event, s3, settings)).await
    }))
    .await
}

async fn settings(s3: &S3) -> Result<Settings, Error> {
    let defaults = Config::default();
    let task_type = setting("TASK_TYPE").map(|name| name.parse());
    Ok(Settings {
        config: Config {
            label_categories: label_categories(s3).await?,
            task_type: task_type.transpose().map_err(in_setting("TASK_TYPE"))?,
            answer_name: setting("ANSWER_NAME"),
            exclusion_label: setting("EXCLUSION_LABEL").unwrap_or(defaults.exclusion_label),
            ..defaults
        },
        allowed_buckets: setting("ALLOWED_BUCKETS").map(|names| {
            names
                .split(',')
                .map(|name| name.trim().to_owned())
                .collect()
        }),
        carries_statistics: match setting("WORKER_STATISTICS").as_deref() {
            None | Some("true") => true,
            Some("false") => false,
            Some(_) => return Err(in_setting("WORKER_STATISTICS")("neither true nor false")),
        },
    })
}

async fn label_categories(s3: &S3) -> Result<Option<Vec<String>>, Error> {
    const FILE: &str = "LABEL_CATEGORIES_S3_URI";
    const LIST: &str = "LABEL_CATEGORIES";
    if let Some(uri) = setting(FILE) {
        let uri = ObjectUri::parse(&uri).map_err(in_setting(FILE))?;
        let file = s3
            .read_object(&uri.bucket, &uri.key, categories::CATEGORY_FILE_BYTES_MAX)
            .await;
        let file = file.map_err(in_setting(FILE))?;
        return Ok(Some(
            categories::parse_file(&file).map_err(in_setting(FILE))?,
        ));
    }
    let names = categories::parse_setting(&setting(LIST).unwrap_or_default());
    Ok(Some(names.map_err(in_setting(LIST))?).filter(|names| !names.is_empty()))
}

fn in_setting<E: Display>(name: &'static str) -> impl FnOnce(E) -> Error {
    move |error| Error::Setting {
        name,
        reason: error.to_string(),
    }
}

fn setting(name: &str) -> Option<String> {
    env::var(name).ok().filter(|value| !value.trim().is_empty())
}
