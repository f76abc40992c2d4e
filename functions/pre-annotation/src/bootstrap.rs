//! Environment → configuration → clients → run.

use std::env;
use std::time::Duration;

use aws::Clients;
use aws::s3::S3;
use labeling::job::categories::CATEGORY_FILE_BYTES_MAX;
use labeling::pre_annotation::Config;
use labeling::settings::{SettingError, Settings, in_setting};
use lambda_runtime::{Diagnostic, LambdaEvent, service_fn};
use serde_json::value::RawValue;
use tokio::sync::OnceCell;
use tracing::Instrument as _;

use crate::handler;
use crate::model::{Model, ModelSettings};

/// Runs the function until its process is stopped.
///
/// Settings, and the label category file, are read with the first event and kept. What can't be read is that event's
/// error, by name, and is tried again with the next event: better than to show workers a task without labels.
///
/// # Errors
///
/// When the Runtime API can't be reached.
pub async fn run() -> Result<(), lambda_runtime::Error> {
    let settings = &Settings::new(env::vars());
    aws::logs::start(settings.get("LOG_LEVEL"));
    let kept = &OnceCell::new();
    lambda_runtime::run(service_fn(move |event: LambdaEvent<Box<RawValue>>| {
        let span = aws::logs::invocation(&event.context.env_config.function_name);
        let answer = async move {
            let (config, model) = Box::pin(kept.get_or_try_init(|| prepare(settings)))
                .await
                .map_err(crate::Error::from)?;
            Box::pin(handler::handle(event, config, model.as_ref())).await
        };
        // An error is logged as it becomes a diagnostic.
        async { answer.await.map_err(Diagnostic::from) }.instrument(span)
    }))
    .await
}

/// Each client takes milliseconds of a cold start, so only those are made that the settings ask for.
async fn prepare(settings: &Settings) -> Result<(Config, Option<Model>), SettingError> {
    let Some(model_settings) = model_settings(settings)? else {
        return Ok((config(settings, Clients::s3_from_env).await?, None));
    };
    let clients = Clients::from_env();
    let config = config(settings, || clients.s3.clone()).await?;
    Ok((config, Some(Model::new(&clients, model_settings))))
}

async fn config(settings: &Settings, s3: impl Fn() -> S3) -> Result<Config, SettingError> {
    const FILE: &str = "LABEL_CATEGORIES_S3_URI";
    let file = match settings.get(FILE) {
        Some(uri) => {
            let file = s3().read_uri(uri, CATEGORY_FILE_BYTES_MAX).await;
            Some(file.map_err(in_setting(FILE))?)
        }
        None => None,
    };
    Ok(Config {
        labels: settings.label_categories(FILE, file.as_deref(), "LABEL_CATEGORIES")?,
        labels_field: settings.text("LABELS_FIELD"),
        initial_value_attribute: settings.text("INITIAL_VALUE_ATTRIBUTE"),
        reads_required_as_text: settings.is_on("HUMAN_ANNOTATION_AS_TEXT", false)?,
    })
}

fn model_settings(settings: &Settings) -> Result<Option<ModelSettings>, SettingError> {
    let Some(arn) = settings.get("MODEL_ARN") else {
        return Ok(None);
    };
    let timeout_s = settings
        .number("MODEL_TIMEOUT_S", 0.1, 20.0)?
        .unwrap_or(3.0);
    let rest_s = settings
        .number("MODEL_REST_S", 0.0, 86_400.0)?
        .unwrap_or(300.0);
    Ok(Some(ModelSettings {
        arn: arn.to_owned(),
        min_confidence: settings.number("MODEL_MIN_CONFIDENCE", 0.0, 1.0)?,
        timeout: Duration::from_secs_f64(timeout_s),
        rest: Duration::from_secs_f64(rest_s),
    }))
}
