//! Files and functions that are read in one go, and those that are longer for a reason.

use super::{files_below, read, relative, root};

/// Lines of a file, inclusive.
const FILE_LINES_MAX: usize = 500;
/// Lines of a function, its signature included, inclusive.
const FUNCTION_LINES_MAX: usize = 60;

/// Tables of cases are as long as there are cases.
const CASES: &str = "cases of tests, in tables";

/// Longer files, with the reason.
const FILES: &[(&str, &str)] = &[
    (
        "local/gtcl/src/commands/check.rs",
        "half of it is the help, and what is printed",
    ),
    (
        "local/gtcl/src/commands/consolidate.rs",
        "half of it is the help, and what is printed",
    ),
    (
        "local/gtcl/src/commands/preflight.rs",
        "one question after another, each with its remedy",
    ),
    ("local/gtcl/src/commands/preflight/account/tests.rs", CASES),
    (
        "local/gtcl/src/commands/soak.rs",
        "a load, and what is looked for in its end",
    ),
    ("local/gtcl/src/job_request/constraints/tests.rs", CASES),
    ("local/gtcl/tests/manifest_commands.rs", CASES),
    (
        "local/services/src/rekognition/model.rs",
        "the state of projects and datasets, and every change of it",
    ),
    ("local/services/tests/wire/rekognition.rs", CASES),
    (
        "shared/aws/src/rekognition.rs",
        "one method a call of the service, and their types",
    ),
    (
        "shared/labeling/src/answers.rs",
        "every shape of an answer is told from every other one",
    ),
    (
        "shared/labeling/src/consolidation/consolidate.rs",
        "a batch on its way from answers to envelopes",
    ),
    (
        "shared/manifest/src/convert/boxes.rs",
        "boxes are judged and written in one pass",
    ),
    (
        "shared/manifest/src/json.rs",
        "a reader of JSON is one thing, and a third of it are tests",
    ),
    (
        "shared/manifest/src/pair.rs",
        "each field of the metadata is read in one pass",
    ),
    ("shared/manifest/tests/convert.rs", CASES),
    ("shared/manifest/tests/import.rs", CASES),
    ("shared/manifest/tests/rules.rs", CASES),
    ("tests/tests/dataset_updater/consolidation.rs", CASES),
    ("tests/tests/run.rs", CASES),
    ("tests/tests/template.rs", CASES),
];

const ONE_PASS: &str = "what is read, judged and written of one value, in one pass for its speed";
const LINES: &str = "one printed line after another";
const LIST: &str = "one setting, limit or question after another, independent of each other";
const KINDS: &str = "one short case a kind";
const STEPS: &str = "steps that are taken once, on what the steps before them have found";

/// Longer functions: file, name, reason.
const FUNCTIONS: &[(&str, &str, &str)] = &[
    (
        "functions/dataset-updater/src/request/config.rs",
        "parse",
        LIST,
    ),
    ("local/gtcl/src/commands/check.rs", "tell_next", LINES),
    (
        "shared/consensus/src/single_label/em.rs",
        "conclude_each",
        STEPS,
    ),
    ("local/gtcl/src/commands/consolidate.rs", "run", STEPS),
    ("local/gtcl/src/commands/convert.rs", "convert", STEPS),
    (
        "local/gtcl/src/commands/import/answers.rs",
        "consolidate",
        STEPS,
    ),
    (
        "local/gtcl/src/commands/import/report.rs",
        "print_counts",
        LINES,
    ),
    (
        "local/gtcl/src/commands/preflight.rs",
        "look_at_manifest",
        LIST,
    ),
    (
        "local/gtcl/src/commands/preflight/account.rs",
        "questions",
        LIST,
    ),
    ("local/gtcl/src/commands/soak.rs", "complaints", LINES),
    ("local/gtcl/src/commands/soak.rs", "soak_in", STEPS),
    ("local/gtcl/src/evaluate/matching.rs", "best_pairs", STEPS),
    ("local/gtcl/src/evaluate/read.rs", "multi_label", KINDS),
    ("local/gtcl/src/job_request.rs", "compose", STEPS),
    (
        "local/gtcl/src/job_request/constraints.rs",
        "human_task",
        LIST,
    ),
    ("local/gtcl/src/job_request/constraints.rs", "limits", LIST),
    ("local/gtcl/src/job_request/constraints.rs", "places", LIST),
    (
        "local/gtcl/src/job_request/input_manifest.rs",
        "judge",
        LIST,
    ),
    ("local/gtcl/src/job_request/reminders.rs", "reminders", LIST),
    ("local/gtcl/src/output/summary.rs", "fmt", LINES),
    ("local/gtcl/src/pipeline/summary.rs", "summarize", STEPS),
    (
        "local/services/src/ground_truth/batch.rs",
        "consolidate",
        STEPS,
    ),
    (
        "local/services/src/ground_truth/batch.rs",
        "read_consolidation",
        STEPS,
    ),
    ("local/services/src/ground_truth/request.rs", "parse", LIST),
    ("local/services/src/lambda/instance.rs", "invoke", STEPS),
    ("local/services/src/lambda/invoke_api.rs", "answer", KINDS),
    ("local/services/src/lambda/triggers.rs", "poll", STEPS),
    ("local/services/src/rekognition.rs", "reply", STEPS),
    (
        "local/services/src/rekognition/model.rs",
        "distribute",
        STEPS,
    ),
    ("local/services/src/rekognition/shape.rs", "check", KINDS),
    (
        "local/services/src/rekognition/versions.rs",
        "create_version",
        STEPS,
    ),
    ("shared/consensus/src/boxes.rs", "consolidate", STEPS),
    ("shared/consensus/src/quality.rs", "report", STEPS),
    (
        "shared/consensus/src/single_label/sparse.rs",
        "conclude",
        STEPS,
    ),
    ("shared/consensus/src/single_label/votes.rs", "new", STEPS),
    ("shared/manifest/src/convert.rs", "convert_one", STEPS),
    (
        "shared/manifest/src/convert/boxes.rs",
        "convert_boxes",
        ONE_PASS,
    ),
    (
        "shared/manifest/src/convert/multi_label.rs",
        "write_multi_label",
        ONE_PASS,
    ),
    (
        "shared/manifest/src/convert/pairs.rs",
        "write_envelope",
        ONE_PASS,
    ),
    (
        "shared/manifest/src/convert/single_label.rs",
        "write_single_label",
        ONE_PASS,
    ),
    ("shared/manifest/src/dataset/limits.rs", "faults", LIST),
    (
        "shared/manifest/src/import/coco/file.rs",
        "read_json",
        STEPS,
    ),
    (
        "shared/manifest/src/rules/annotate.rs",
        "annotate",
        ONE_PASS,
    ),
    (
        "shared/manifest/src/rules/pairs.rs",
        "judge_boxes",
        ONE_PASS,
    ),
    ("shared/manifest/src/rules/pairs.rs", "judge_pair", ONE_PASS),
];

#[test]
fn long_files_have_a_reason() {
    let mut listed: Vec<&str> = FILES.iter().map(|(file, _)| *file).collect();
    assert!(FILES.iter().all(|(_, reason)| !reason.is_empty()));
    for path in sources() {
        let name = relative(&path);
        let n_lines = read(&path).lines().count();
        let is_listed = listed.contains(&name.as_str());
        listed.retain(|file| *file != name);
        assert!(
            n_lines <= FILE_LINES_MAX || is_listed,
            "{name} has {n_lines} lines, more than {FILE_LINES_MAX}: split it, or list it here with the reason"
        );
        assert!(
            n_lines > FILE_LINES_MAX || !is_listed,
            "{name} has {n_lines} lines: it need not be listed here any more"
        );
    }
    assert!(listed.is_empty(), "listed here, but not there: {listed:?}");
}

#[test]
fn long_functions_have_a_reason() {
    let mut listed: Vec<(&str, &str)> = FUNCTIONS
        .iter()
        .map(|(file, function, _)| (*file, *function))
        .collect();
    assert!(FUNCTIONS.iter().all(|(.., reason)| !reason.is_empty()));
    let mut n_functions = 0;
    for path in sources() {
        let file = relative(&path);
        if is_test(&file) {
            continue;
        }
        let text = read(&path);
        let shipped = text.split("#[cfg(test)]\nmod ").next().unwrap_or_default();
        for (function, n_lines) in functions(shipped) {
            n_functions += 1;
            let this = (file.as_str(), function.as_str());
            let is_long = n_lines > FUNCTION_LINES_MAX;
            let is_listed = listed.contains(&this);
            listed.retain(|listed| !is_long || *listed != this);
            assert!(
                !is_long || is_listed,
                "{function} in {file} has {n_lines} lines, more than {FUNCTION_LINES_MAX}: split it, or list it here with the reason"
            );
        }
    }
    assert!(
        n_functions > 2000,
        "the form of functions has changed: only {n_functions} are found"
    );
    assert!(
        listed.is_empty(),
        "listed here, but not long or not there: {listed:?}"
    );
}

#[test]
fn lengths_of_functions() {
    let text = "\
fn one() {}
impl A {
    pub(crate) async fn two<T>(
        self,
    ) -> T
    where
        T: B,
    {
        if true {
        }
    }
}
trait C {
    fn declared(&self);
    const fn three() {
    }
}
";
    let expected = [("one", 1), ("two", 9), ("declared", 1), ("three", 2)];
    let expected = expected.map(|(name, n_lines)| (name.to_owned(), n_lines));
    assert_eq!(functions(text), expected);
}

fn sources() -> Vec<std::path::PathBuf> {
    let folders = ["functions", "shared", "local", "tests", "bench"];
    let files = folders.map(|folder| files_below(&root().join(folder), "rs"));
    files.concat()
}

/// Whether a file has tests, or inputs of tests, only. Their tables are as long as there are cases.
fn is_test(file: &str) -> bool {
    file.starts_with("tests/") || file.contains("/tests/") || file.ends_with("/tests.rs")
}

/// Each function of formatted source, and its lines: it ends with a brace that is indented as it is itself, or in the line
/// in which it begins.
fn functions(source: &str) -> Vec<(String, usize)> {
    let lines: Vec<&str> = source.lines().collect();
    let starts = lines.iter().enumerate();
    starts
        .filter_map(|(idx, line)| {
            let name = function_name(line)?;
            let indent = line.len() - line.trim_start().len();
            let rest = lines.iter().skip(idx);
            let n_lines = rest.enumerate().find_map(|(n_before, line)| {
                let is_own = line.len() - line.trim_start().len() == indent;
                let is_end = match n_before {
                    0 => line.ends_with('}') || line.ends_with(';'),
                    _ => is_own && (line.trim_start().starts_with('}') || line.ends_with(';')),
                };
                is_end.then_some(n_before + 1)
            })?;
            Some((name.to_owned(), n_lines))
        })
        .collect()
}

fn function_name(line: &str) -> Option<&str> {
    let mut words = line.trim_start().split(' ').peekable();
    while words
        .next_if(|word| word.starts_with("pub") || ["const", "async", "unsafe"].contains(word))
        .is_some()
    {}
    let rest = (words.next() == Some("fn")).then(|| words.next())??;
    let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    rest.get(..end.unwrap_or(rest.len()))
}
