//! The command line: which command the arguments name, and the exit code.

use std::process::ExitCode;

use clap::{CommandFactory as _, Parser, Subcommand};

use crate::commands::{
    check, consolidate, convert, evaluate, export, function, import, job_request, label, manual,
    preflight, report, run, serve, soak,
};
use crate::environment::Environment;
use crate::error::CommandError;
use crate::output::stdout::{self, say};
use crate::signals::Signals;

/// Takes a SageMaker Ground Truth labeling job through three Lambda functions to a Rekognition Custom Labels
/// dataset, on this machine and without an AWS account.
#[derive(Debug, Parser)]
#[command(name = "gtcl", version = version(), args_conflicts_with_subcommands = true)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    run: run::Args,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run a labeling job through the whole pipeline: the bundled example, or a job of yours (default).
    Run(run::Args),
    /// Label images in the browser, by one person or several, and turn the answers into a dataset.
    Label(Box<label::Args>),
    /// Start the services and the three functions, for clients of your own, until Ctrl-C.
    Serve(serve::Args),
    /// Print a complete CreateLabelingJob request for a deployed stack.
    JobRequest(Box<job_request::Args>),
    /// Look for what would make a labeling job fail, before it costs anything.
    Preflight(preflight::Args),
    /// Say what Custom Labels would say of a manifest, line by line, and whether training would start.
    Check(check::Args),
    /// Convert a labeling job's output manifest to dataset entries.
    Convert(Box<convert::Args>),
    /// Turn labels of other formats into dataset entries: CSV, COCO, YOLO, Pascal VOC, folders, Label Studio.
    Import(Box<import::Args>),
    /// Write a manifest's labels as COCO, YOLO, Pascal VOC or CSV.
    Export(Box<export::Args>),
    /// Consolidate workers' answers from a job's files, without a job.
    Consolidate(consolidate::Args),
    /// Say what a finished job is worth, as one HTML file: what was lost, where workers disagree, whom to look at.
    Report(Box<report::Args>),
    /// Measure consolidation on answers whose truth is known: accuracy, F1, and whether the confidence can be believed.
    Evaluate(evaluate::Args),
    /// Update a dataset of 250,000 entries under random faults and with too little time, and check what came of it.
    Soak(soak::Args),
    /// Print completions for a shell, to be read by it: source <(gtcl completions bash).
    Completions {
        /// The shell.
        shell: clap_complete::Shell,
    },
    /// Print the manual page, or a command's: gtcl man run | man -l -.
    Man {
        /// The command; without it, gtcl itself.
        #[arg(value_name = "COMMAND")]
        of: Option<String>,
    },
    /// Run one Lambda function against the Runtime API that `AWS_LAMBDA_RUNTIME_API` names.
    #[command(hide = true)]
    Function(function::Args),
}

impl Command {
    async fn run(self, environment: &Environment) -> Result<u8, CommandError> {
        match self {
            Self::Run(args) => run::run(args, environment).await,
            Self::Label(args) => label::run(*args, environment).await,
            Self::Serve(args) => serve::run(args, environment).await,
            Self::JobRequest(args) => job_request::run(*args).await,
            Self::Preflight(args) => preflight::run(args).await,
            Self::Soak(args) => soak::run(args, environment).await,
            Self::Check(args) => check::run(args).await,
            // What they write lies beside the file that it is to replace, until it is whole.
            Self::Convert(args) => Signals::listen()?.interrupt(convert::run(*args)).await,
            Self::Import(args) => Signals::listen()?.interrupt(import::run(*args)).await,
            Self::Export(args) => Signals::listen()?.interrupt(export::run(*args)).await,
            Self::Report(args) => Signals::listen()?.interrupt(report::run(*args)).await,
            Self::Consolidate(args) => consolidate::run(args).await,
            Self::Evaluate(args) => evaluate::run(args).await,
            Self::Completions { shell } => {
                manual::completions(Cli::command(), shell);
                Ok(0)
            }
            Self::Man { of } => manual::page(Cli::command(), of.as_deref()),
            Self::Function(args) => function::run(args).await,
        }
    }
}

/// The version and, where the program was built from a clone, the commit.
fn version() -> &'static str {
    option_env!("GTCL_VERSION").unwrap_or(env!("CARGO_PKG_VERSION"))
}

/// Runs the command that the arguments name.
///
/// The exit code is the command's own; 2 when it could not do its work: arguments or files that can't be used; 128 and
/// the signal's number when a signal ended it, as shells count. A full standard output is a 2, too; one that is closed
/// changes nothing.
pub fn main(environment: &Environment) -> ExitCode {
    let cli = match Cli::try_parse_from(&environment.arguments) {
        Ok(cli) => cli,
        Err(error) => {
            let code = u8::try_from(error.exit_code()).unwrap_or(2);
            if error.use_stderr() {
                // It quotes the arguments, which may be names of files: no style of clap's own among them.
                say(error.to_string().trim_end());
                return ExitCode::from(code);
            }
            stdout::note(error.print());
            return ExitCode::from(stdout::exit_code(code));
        }
    };
    let command = cli.command.unwrap_or(Command::Run(cli.run));
    // A function runs here as it does in Lambda: see its main.rs.
    let mut runtime = match command {
        Command::Function(_) => tokio::runtime::Builder::new_current_thread(),
        _ => tokio::runtime::Builder::new_multi_thread(),
    };
    let runtime = match runtime.enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            say(format!("error: failed to start threads: {error}"));
            return ExitCode::FAILURE;
        }
    };
    let ended = runtime.block_on(command.run(environment));
    // A read that a signal gave up may never end: a pipe's, to which nobody writes.
    runtime.shutdown_background();
    match ended {
        Ok(code) => ExitCode::from(stdout::exit_code(code)),
        Err(error) => {
            say(&error);
            ExitCode::from(error.exit_code)
        }
    }
}
