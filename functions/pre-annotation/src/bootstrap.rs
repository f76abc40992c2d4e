//! Environment → configuration → clients → run.

use std::env;
use std::fmt::Display;

use aws::Clients;
use aws::s3::ObjectUri;
use labeling::categories;
use labeling::pre_annotation::Config;
use lambda_runtime::service_fn;
use tokio::sync::OnceCell;

use crate::{Error, handler};

/// Runs the function until its process is stopped.
///
/// Settings, and the label category file, are read with the first event and kept. What can't be read is that event's
/// error, by name, and is tried again with the next event: better than to show workers a task without labels.
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
    let kept = &OnceCell::new();
    lambda_runtime::run(service_fn(move |event| async move {
        let config = Box::pin(kept.get_or_try_init(config)).await?;
        handler::handle(event, config)
    }))
    .await
}

async fn config() -> Result<Config, Error> {
    Ok(Config {
        labels: labels().await?,
        labels_field: setting("LABELS_FIELD"),
        initial_value_attribute: setting("INITIAL_VALUE_ATTRIBUTE"),
    })
}

async fn labels() -> Result<Vec<String>, Error> {
    const FILE: &str = "LABEL_CATEGORIES_S3_URI";
    const LIST: &str = "LABEL_CATEGORIES";
    if let Some(uri) = setting(FILE) {
        let uri = ObjectUri::parse(&uri).map_err(in_setting(FILE))?;
        let s3 = Clients::from_env().await.s3;
        let file = s3
            .read_object(&uri.bucket, &uri.key, categories::CATEGORY_FILE_BYTES_MAX)
            .await;
        return categories::parse_file(&file.map_err(in_setting(FILE))?).map_err(in_setting(FILE));
    }
    categories::parse_setting(&setting(LIST).unwrap_or_default()).map_err(in_setting(LIST))
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
