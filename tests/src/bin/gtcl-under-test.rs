//! gtcl for tests, which can start it by `CARGO_BIN_EXE_gtcl-under-test`; and, as the function `panics`, one that does.

use std::process::ExitCode;

use lambda_runtime::{Error, LambdaEvent, service_fn};
use serde_json::Value;

fn main() -> ExitCode {
    if std::env::args().nth(1).as_deref() == Some("panics") {
        return panics();
    }
    gtcl::cli::main(&gtcl::environment::Environment {
        arguments: std::env::args_os().collect(),
        executable: std::env::current_exe().unwrap_or_default(),
    })
}

/// Answers with the event, unless it is `"panic"`.
#[tokio::main(flavor = "current_thread")]
async fn panics() -> ExitCode {
    let ended = lambda_runtime::run(service_fn(|event: LambdaEvent<Value>| async move {
        assert!(event.payload != "panic", "the event says so");
        Ok::<Value, Error>(event.payload)
    }))
    .await;
    ExitCode::from(u8::from(ended.is_err()))
}
