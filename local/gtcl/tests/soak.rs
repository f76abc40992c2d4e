//! The soak, short: the function as a process of its own, stopped and resumed, under random faults.

use std::path::Path;

use gtcl::commands::soak::{Args, soak};

#[tokio::test(flavor = "multi_thread")]
async fn everything_lands_whatever_happens() {
    for seed in [1, 2] {
        let args = Args {
            entries: 3_000,
            jobs: seed,
            time_limit_ms: 2_500,
            safety_margin_ms: 500,
            update_time_ms: 200,
            changes_bytes_max: 100_000,
            min_resumptions: 1,
            memory_max_mb: 64,
            faults: 20,
            seed,
            function: None,
            folder: std::env::temp_dir(),
        };
        let soaked = soak(&args, Path::new(env!("CARGO_BIN_EXE_gtcl")))
            .await
            .unwrap();
        assert_eq!(soaked.complaints, [""; 0]);
        assert!(soaked.n_faults > 0);
    }
}
