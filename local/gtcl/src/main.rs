//! gtcl: the three Lambda functions' whole pipeline on one machine.

use std::process::ExitCode;

fn main() -> ExitCode {
    gtcl::cli::main(&gtcl::environment::Environment {
        arguments: std::env::args_os().collect(),
        executable: std::env::current_exe().unwrap_or_default(),
    })
}
