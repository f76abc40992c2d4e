//! Lambda function: a labeling job's output to Custom Labels dataset entries.

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    dataset_updater::bootstrap::run().await
}
