//! The AWS CLI as a program: arguments in, its answer out. Role, functions and job name are asked through it, because
//! the SDKs of IAM, Lambda and SageMaker would take longer to compile than everything else here.

use std::io::ErrorKind;
use std::process::{Command, Stdio};
use std::thread;

use super::account::Answer;

/// Bounds of each call, so that an endpoint that can't be reached doesn't hold the command up.
const TIMEOUTS: [&str; 4] = ["--cli-connect-timeout", "10", "--cli-read-timeout", "30"];

/// Runs `aws` once for each list of arguments, at the same time; answers in their order. `None` when there is no `aws`
/// on the path.
pub(super) fn ask(commands: &[Vec<String>]) -> Option<Vec<Answer>> {
    thread::scope(|scope| {
        let running: Vec<_> = commands
            .iter()
            .map(|arguments| scope.spawn(|| run(arguments)))
            .collect();
        running
            .into_iter()
            .map(|it| {
                it.join().unwrap_or_else(|_| {
                    Some(Answer::Unanswered("the AWS CLI's thread ended".to_owned()))
                })
            })
            .collect()
    })
}

fn run(arguments: &[String]) -> Option<Answer> {
    let done = Command::new("aws")
        .args(arguments)
        .args(["--output", "json"])
        .args(TIMEOUTS)
        .env("AWS_PAGER", "")
        .env("AWS_CLI_AUTO_PROMPT", "off")
        .stdin(Stdio::null())
        .output();
    match done {
        Ok(output) => Some(Answer::of_output(
            output.status.success(),
            &output.stdout,
            &output.stderr,
        )),
        Err(error) if error.kind() == ErrorKind::NotFound => None,
        Err(error) => Some(Answer::Unanswered(format!(
            "the AWS CLI can't be run: {error}"
        ))),
    }
}
