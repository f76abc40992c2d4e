//! `gtcl job-request`: a complete CreateLabelingJob request for a deployed stack.

use std::path::PathBuf;

use labeling::TaskType;

use crate::arguments::task_type;
use crate::error::CommandError;
use crate::input;
use crate::job_request::availability::{NO_NEW_CUSTOMERS, of_mechanical_turk};
use crate::job_request::constraints::violations;
use crate::job_request::reminders::reminders;
use crate::job_request::stack_outputs::StackOutputs;
use crate::job_request::{Choices, Tag, Usd, compose, label_categories};
use crate::output::stdout::{print, say};

/// Largest file that is read, bytes.
const FILE_BYTES_MAX: u64 = 1 << 20;

/// Arguments of `gtcl job-request`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Example:
  aws cloudformation describe-stacks --stack-name gt --output json > stack.json
  gtcl job-request --stack-outputs stack.json --task-type bounding-box --job-name birds-1 \\
    --manifest s3://BUCKET/birds.manifest --categories s3://BUCKET/categories.json \\
    --workteam arn:aws:sagemaker:REGION:ACCOUNT:workteam/private-crowd/birders > request.json
  aws sagemaker create-labeling-job --cli-input-json file://request.json

The request goes to standard output, reminders and violations to standard error.
Exit code: 0 the request was printed, 1 Ground Truth would refuse it and nothing was printed, 2 a file can't be read.")]
pub struct Args {
    /// File with the stack's outputs, as `aws cloudformation describe-stacks --stack-name NAME` prints them.
    #[arg(long, value_name = "FILE")]
    stack_outputs: PathBuf,
    /// What workers are asked for.
    #[arg(long, value_parser = task_type())]
    task_type: TaskType,
    /// Name of the labeling job; new in the account and region.
    #[arg(long, value_name = "NAME")]
    job_name: String,
    /// S3 URI of the input manifest.
    #[arg(long, value_name = "S3_URI")]
    manifest: String,
    /// S3 URI of the label category file.
    #[arg(long, value_name = "S3_URI")]
    categories: String,
    /// The same label category file on this machine, to have its labels checked.
    #[arg(long, value_name = "FILE")]
    categories_file: Option<PathBuf>,
    /// ARN of the work team.
    #[arg(long, value_name = "ARN")]
    workteam: String,
    /// Name of the label attribute; the job's name unless given.
    #[arg(long, value_name = "NAME")]
    label_attribute: Option<String>,
    /// S3 URI below which the job writes its output; the stack's JobsPath unless given.
    #[arg(long, value_name = "S3_URI")]
    output: Option<String>,
    /// S3 URI of the worker task template; templates/TASK_TYPE.liquid.html in the stack's bucket unless given.
    #[arg(long, value_name = "S3_URI")]
    template: Option<String>,
    /// Workers per data object.
    #[arg(long, value_name = "N", default_value_t = 3)]
    workers: u32,
    /// Title that workers see.
    #[arg(long, value_name = "TEXT")]
    title: Option<String>,
    /// Description that workers see.
    #[arg(long, value_name = "TEXT")]
    description: Option<String>,
    /// Keyword by which workers find the task; can be given several times.
    #[arg(long = "keyword", value_name = "WORDS")]
    keywords: Vec<String>,
    /// Seconds that a worker has for one task.
    #[arg(long, value_name = "SECONDS", default_value_t = 600)]
    task_time_limit: u32,
    /// Seconds that a task stays open for workers.
    #[arg(long, value_name = "SECONDS")]
    task_lifetime: Option<u32>,
    /// Data objects that are worked on at the same time.
    #[arg(long, value_name = "N")]
    max_concurrent_tasks: Option<u32>,
    /// Stop after so many labeled data objects.
    #[arg(long, value_name = "N")]
    max_objects: Option<u32>,
    /// Stop after this share of the data objects.
    #[arg(long, value_name = "PERCENT")]
    max_percent: Option<u32>,
    /// Price of a task for a Mechanical Turk worker, in US dollars to a tenth of a cent, as in 0.036; with --mechanical-turk.
    #[arg(long, value_name = "PRICE", value_parser = parse_price)]
    price_usd: Option<Usd>,
    /// Take a public work team and a price nevertheless. Mechanical Turk closed on 2026-09-30.
    #[arg(long)]
    mechanical_turk: bool,
    /// Tag of the job; can be given several times.
    #[arg(long = "tag", value_name = "KEY=VALUE", value_parser = parse_tag)]
    tags: Vec<Tag>,
}

/// Prints the request, or what is wrong with it.
///
/// Standard output takes the request and nothing else, so that it can go to a file; reminders and violations go to
/// standard error. Answers 0 for a request that was printed, 1 for one that breaks a constraint and was not.
///
/// # Errors
///
/// Fails when a file can't be read or is not what it should be.
pub async fn run(args: Args) -> Result<u8, CommandError> {
    let stack = read_stack_outputs(&args)?;
    let mut problems = Vec::new();
    let mut notes = Vec::new();
    if let Some(path) = &args.categories_file {
        let text = input::read_text(path, "the label category file", FILE_BYTES_MAX)?;
        for problem in label_categories::problems(&text, args.task_type) {
            problems.push(format!("{}: {problem}", path.display()));
        }
        notes = label_categories::notes(&text)
            .into_iter()
            .map(|note| format!("{}: {note}", path.display()))
            .collect();
    }
    let insists_on_mechanical_turk = args.mechanical_turk;
    let choices = args.into_choices();
    let request = compose(&choices, &stack);
    if !insists_on_mechanical_turk {
        problems.extend(of_mechanical_turk(&request));
    }
    problems.extend(violations(&request).iter().map(ToString::to_string));
    let output = &request.output_config.s3_output_path;
    if !format!("{}/", output.trim_end_matches('/')).starts_with(&stack.jobs_path) {
        problems.push(format!(
            "OutputConfig.S3OutputPath: {output:?} is not below {}, where the stack's functions may read and are triggered; leave --output out, or change the stack's JobsPrefix",
            stack.jobs_path
        ));
    }
    if !problems.is_empty() {
        say("error: Ground Truth would refuse the request");
        for problem in &problems {
            say(format!("  {problem}"));
        }
        return Ok(1);
    }
    say(format!("note: {NO_NEW_CUSTOMERS}"));
    for reminder in notes.into_iter().chain(reminders(&request)) {
        say(format!("note: {reminder}"));
    }
    let text = serde_json::to_string_pretty(&request)
        .map_err(|error| CommandError::new(format!("failed to write the request: {error}")))?;
    print(text);
    Ok(0)
}

impl Args {
    fn into_choices(self) -> Choices {
        Choices {
            task_type: self.task_type,
            job_name: self.job_name,
            label_attribute: self.label_attribute,
            manifest: self.manifest,
            categories: self.categories,
            workteam: self.workteam,
            output: self.output,
            template: self.template,
            n_workers: self.workers,
            title: self.title,
            description: self.description,
            keywords: self.keywords,
            task_time_limit_s: self.task_time_limit,
            task_lifetime_s: self.task_lifetime,
            max_concurrent_tasks: self.max_concurrent_tasks,
            max_objects: self.max_objects,
            max_percent: self.max_percent,
            price: self.price_usd,
            tags: self.tags,
        }
    }
}

fn read_stack_outputs(args: &Args) -> Result<StackOutputs, CommandError> {
    let path = args.stack_outputs.display();
    let help = format!(
        "write it with `aws cloudformation describe-stacks --stack-name NAME --output json > {path}`"
    );
    if !args.stack_outputs.exists() {
        return Err(
            CommandError::new(format!("the stack outputs {path} are not there")).with_help(help),
        );
    }
    let text = input::read_text(&args.stack_outputs, "the stack outputs", FILE_BYTES_MAX)?;
    StackOutputs::parse(&text).map_err(|error| {
        CommandError::new(format!("stack outputs {path}: {error}")).with_help(help)
    })
}

/// `0.036` → 0 dollars, 3 cents, 6 tenths of a cent.
fn parse_price(text: &str) -> Result<Usd, String> {
    let (dollars, fraction) = text.split_once('.').unwrap_or((text, ""));
    let digits = |text: &str| text.chars().all(|c| c.is_ascii_digit());
    if dollars.is_empty() || !digits(dollars) || !digits(fraction) || fraction.len() > 3 {
        return Err(format!(
            "{text:?} is no price such as 0.036 (at most three decimals)"
        ));
    }
    let thousandths: u32 = format!("{fraction:0<3}")
        .parse()
        .map_err(|_| "no number".to_owned())?;
    Ok(Usd {
        dollars: dollars
            .parse()
            .map_err(|_| format!("{dollars} dollars are too many"))?,
        cents: thousandths / 10,
        tenth_fractions_of_a_cent: thousandths % 10,
    })
}

fn parse_tag(text: &str) -> Result<Tag, String> {
    match text.split_once('=') {
        Some((key, value)) => Ok(Tag {
            key: key.to_owned(),
            value: value.to_owned(),
        }),
        None => Err(format!("{text:?} has no =; write KEY=VALUE")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prices() {
        let usd = |dollars, cents, tenth_fractions_of_a_cent| Usd {
            dollars,
            cents,
            tenth_fractions_of_a_cent,
        };
        for (text, expected) in [
            ("0.036", Some(usd(0, 3, 6))),
            ("0.01", Some(usd(0, 1, 0))),
            ("1.2", Some(usd(1, 20, 0))),
            ("2", Some(usd(2, 0, 0))),
            ("0.0365", None),
            (".5", None),
            ("-1", None),
            ("1,5", None),
            ("", None),
            ("99999999999", None),
        ] {
            assert_eq!(parse_price(text).ok(), expected, "{text}");
        }
    }

    #[test]
    fn tags() {
        let parsed = parse_tag("team=birds=2").unwrap();
        assert_eq!(
            (parsed.key.as_str(), parsed.value.as_str()),
            ("team", "birds=2")
        );
        assert!(parse_tag("team").is_err());
    }
}
