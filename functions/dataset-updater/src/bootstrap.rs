//! The environment, once per process.

use std::env;

use aws::Clients;
use aws::rekognition::RetrySettings;
use labeling::settings::Settings;
use lambda_runtime::{Error, LambdaEvent, service_fn};
use serde_json::Value;
use tracing::Instrument as _;

use crate::handler::handle;
use crate::request::config::Config;

/// Runs the function until its environment ends.
///
/// # Errors
///
/// When the environment is unusable, or the Runtime API is not to be reached.
pub async fn run() -> Result<(), Error> {
    let settings = Settings::new(env::vars());
    aws::logs::start(settings.get("LOG_LEVEL"));
    let config = Config::parse(&settings)?;
    let mut clients = Clients::from_env();
    let retry = RetrySettings {
        busy_delay: config.poll_interval,
        ..RetrySettings::default()
    };
    clients.rekognition = clients
        .rekognition
        .with_settings(config.calls_per_second, retry);
    let (clients, config) = (&clients, &config);
    lambda_runtime::run(service_fn(|event: LambdaEvent<Value>| {
        let span = aws::logs::invocation(&event.context.env_config.function_name);
        Box::pin(handle(clients, config, event)).instrument(span)
    }))
    .await
}
