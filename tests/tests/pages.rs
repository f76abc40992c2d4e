//! README and the pages below docs/ say what is: links lead somewhere, paths exist, codes are all there.

use std::env;
use std::fs;
use std::path::Path;

use manifest::{Code, Stage};
use pipeline_tests::{pages, workspace};

/// Lines that a reader of README gets to.
const README_LINES_MAX: usize = 200;

#[test]
fn readme_is_short() {
    let text = fs::read_to_string(workspace().join("README.md")).expect("README is there");
    assert!(text.lines().count() < README_LINES_MAX);
}

/// Targets of `[text](target)`, without those on the web.
fn links(text: &str) -> Vec<&str> {
    text.split("](")
        .skip(1)
        .filter_map(|rest| rest.split(')').next())
        .filter(|target| !target.contains("://"))
        .collect()
}

/// The anchor that a heading gets: lower case, spaces as hyphens, other punctuation dropped.
fn anchor(heading: &str) -> String {
    heading
        .trim_start_matches('#')
        .trim()
        .to_lowercase()
        .chars()
        .filter(|c| c.is_alphanumeric() || *c == ' ' || *c == '-' || *c == '_')
        .map(|c| if c == ' ' { '-' } else { c })
        .collect()
}

#[test]
fn links_lead_somewhere() {
    let mut n_links = 0;
    for (name, text) in pages().expect("pages are readable") {
        for link in links(&text) {
            n_links += 1;
            let (file, fragment) = link.split_once('#').unwrap_or((link, ""));
            let path = if file.is_empty() {
                workspace().join(&name)
            } else {
                workspace()
                    .join(Path::new(&name).parent().expect("a page lies in a folder"))
                    .join(file)
            };
            assert!(path.exists(), "{name} links to {link}, which isn't there");
            if !fragment.is_empty() {
                let target = fs::read_to_string(&path).expect("a linked page is text");
                assert!(
                    target
                        .lines()
                        .any(|line| line.starts_with('#') && anchor(line) == fragment),
                    "{name} links to {link}, but no heading there has that anchor"
                );
            }
        }
    }
    assert!(n_links > 30, "the pages' form has changed: {n_links} links");
}

/// Parts of a text in backticks that are paths of the repository.
fn paths(text: &str) -> Vec<&str> {
    text.split('`')
        .skip(1)
        .step_by(2)
        .filter(|word| {
            [
                "functions/",
                "shared/",
                "local/",
                "tests/",
                "bench/",
                "docs/",
                ".ci/",
                "events/",
                "templates/",
            ]
            .iter()
            .any(|folder| word.starts_with(folder))
                && !word.contains([' ', '*', '<', '{', '…'])
        })
        .collect()
}

#[test]
fn named_paths_exist() {
    let mut n_paths = 0;
    for (name, text) in pages().expect("pages are readable") {
        for path in paths(&text.replace("```", "")) {
            n_paths += 1;
            assert!(
                workspace().join(path).exists(),
                "{name} names {path}, which isn't there"
            );
        }
    }
    assert!(n_paths > 30, "the pages' form has changed: {n_paths} paths");
}

/// A part of the page of codes: its title, what it means, and which codes stand there.
type Part = (&'static str, &'static str, fn(Code) -> bool);

fn codes_page() -> String {
    let mut page = String::from(
        "# Codes\n\n\
         Every line that could not go in as it was, and every fault of a dataset, has a code. The dataset-updater writes it into \
         `rejected.jsonl` and counts it in `report.json`; `gtcl check`, `convert` and `import` print it.\n\n\
         `ERROR_…` and `WARNING_…` are Rekognition's own names. `REJECTED_…`, `SKIPPED_…` and `NOTICED_…` are ours: Custom Labels \
         says nothing about these, or drops the line without a word.\n\n\
         This page is made from the code table in `shared/manifest/src/code.rs`: \
         `UPDATE_GOLDEN=1 cargo test --workspace --test pages`.\n",
    );
    let parts: [Part; 4] = [
        (
            "When entries come in",
            "Custom Labels tells these with CreateDataset, UpdateDatasetEntries and ListDatasetEntries.",
            |code| code.stage() == Stage::Dataset,
        ),
        (
            "When a training validates its datasets",
            "Custom Labels tells these only when a training starts.",
            |code| code.stage() == Stage::Training,
        ),
        (
            "Ours: lines that don't go in",
            "Lines and rows that are rejected, or noticed, here.",
            |code| code.stage() == Stage::Ours && !code.is_skip(),
        ),
        (
            "Ours: nothing to send",
            "Lines and rows with nothing wrong and nothing to send. They are counted as skipped.",
            |code| code.is_skip(),
        ),
    ];
    for (title, meaning, is_in) in parts {
        page +=
            &format!("\n## {title}\n\n{meaning}\n\n| code | meaning | remedy |\n|---|---|---|\n");
        for code in Code::ALL.iter().copied().filter(|code| is_in(*code)) {
            page += &format!(
                "| `{code}` | {} | {} |\n",
                code.message().replace("{}", "*NAME*").replace('|', "\\|"),
                code.remedy().replace('|', "\\|")
            );
        }
    }
    page
}

#[test]
fn every_code_is_explained() {
    let path = workspace().join("docs/codes.md");
    let expected = codes_page();
    if env::var_os("UPDATE_GOLDEN").is_some() {
        fs::write(&path, &expected).expect("docs/codes.md can be written");
    }
    let found = fs::read_to_string(&path).expect("docs/codes.md is there");
    assert!(
        found == expected,
        "docs/codes.md isn't what the code table says: UPDATE_GOLDEN=1 cargo test -p pipeline-tests --test pages"
    );
    for code in Code::ALL {
        assert!(found.contains(&format!("`{code}`")), "{code}");
    }
}
