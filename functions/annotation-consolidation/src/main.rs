//! The Lambda function's process.

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    annotation_consolidation::bootstrap::run().await
}
