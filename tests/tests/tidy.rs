//! The invariants of README's code map, held by reading the repository itself.

#![expect(
    clippy::expect_used,
    reason = "a helper of these tests that fails has failed the test"
)]

#[path = "tidy/imports.rs"]
mod imports;
#[path = "tidy/sizes.rs"]
mod sizes;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("the tests package lies in the workspace")
        .to_path_buf()
}

fn files_below(folder: &Path, extension: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut open = vec![folder.to_path_buf()];
    while let Some(folder) = open.pop() {
        let Ok(entries) = fs::read_dir(&folder) else {
            continue;
        };
        for entry in entries.flatten() {
            let path = entry.path();
            if path.is_dir() {
                if path.file_name().is_none_or(|name| name != "target") {
                    open.push(path);
                }
            } else if path.extension().is_some_and(|found| found == extension) {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

/// Folders of the workspace's crates that ship or run on their own, the tests' own left out.
fn crates() -> Vec<String> {
    let mut found = vec!["bench/s3".to_owned()];
    for group in ["functions", "shared", "local"] {
        let folders = fs::read_dir(root().join(group)).expect("a folder of crates");
        let folders = folders.flatten().map(|entry| entry.path());
        let packages = folders.filter(|folder| folder.join("Cargo.toml").exists());
        found.extend(packages.map(|folder| relative(&folder)));
    }
    found.sort();
    found
}

fn relative(path: &Path) -> String {
    path.strip_prefix(root())
        .unwrap_or(path)
        .display()
        .to_string()
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Names of the packages that `package` is built from, without those of its tests.
fn dependencies(package: &str) -> BTreeSet<String> {
    let output = Command::new(env!("CARGO"))
        .current_dir(root())
        .args(["tree", "--offline", "--package", package])
        .args(["--edges", "normal", "--prefix", "none", "--format", "{p}"])
        .output()
        .expect("cargo tree runs");
    assert!(
        output.status.success(),
        "cargo tree --package {package}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8_lossy(&output.stdout)
        .lines()
        .filter_map(|line| line.split(' ').next())
        .map(str::to_owned)
        .collect()
}

#[test]
fn pure_crates_depend_on_nothing_that_does_io() {
    for package in ["manifest", "consensus", "labeling", "report"] {
        for name in dependencies(package) {
            let shell = [
                "tokio",
                "hyper",
                "reqwest",
                "mio",
                "socket2",
                "lambda_runtime",
                "aws",
            ]
            .contains(&name.as_str())
                || name.starts_with("aws-");
            assert!(!shell, "{package} is pure, but depends on {name}");
        }
    }
}

#[test]
fn dependencies_point_one_way() {
    for package in [
        "manifest",
        "consensus",
        "labeling",
        "aws",
        "pre-annotation",
        "annotation-consolidation",
        "dataset-updater",
    ] {
        let found = dependencies(package);
        for above in ["gtcl", "pipeline-tests"] {
            assert!(
                !found.contains(above),
                "{package} ships to Lambda, but depends on {above}"
            );
        }
    }
    assert!(!dependencies("manifest").contains("labeling"));
    assert!(!dependencies("consensus").contains("manifest"));
    assert!(!dependencies("aws").contains("labeling"));
    for package in ["services", "aws", "gtcl"] {
        assert!(!dependencies("report").contains(package), "{package}");
    }
}

#[test]
fn pure_crates_are_linted_against_io() {
    let rules = read(&root().join("shared/clippy.toml"));
    let of_report = read(&root().join("local/report/clippy.toml"));
    let methods = |rules: &str| {
        rules
            .split_once("disallowed-methods")
            .map(|it| it.1.to_owned())
    };
    assert_eq!(
        methods(&of_report),
        methods(&rules),
        "local/report is as pure"
    );
    for call in [
        "std::env::var",
        "std::fs::read",
        "std::time::SystemTime::now",
    ] {
        assert!(
            rules.contains(call),
            "shared/clippy.toml no longer refuses {call}"
        );
    }
    for package in ["manifest", "consensus", "labeling"] {
        assert!(
            !root()
                .join("shared")
                .join(package)
                .join("clippy.toml")
                .exists(),
            "shared/{package}/clippy.toml would lift the rules of shared/clippy.toml"
        );
    }
}

#[test]
fn only_the_shell_names_an_sdk() {
    for folder in ["functions", "shared"] {
        for path in files_below(&root().join(folder), "rs") {
            let name = relative(&path);
            if name.starts_with("shared/aws/") || name.contains("/tests/") {
                continue;
            }
            let text = read(&path);
            for sdk in ["aws_sdk_", "aws_config", "aws_smithy"] {
                assert!(
                    !text.contains(sdk),
                    "{name} names {sdk}…: only shared/aws and local may"
                );
            }
        }
    }
}

#[test]
fn only_bootstraps_read_the_environment() {
    for folder in ["functions", "shared"] {
        for path in files_below(&root().join(folder), "rs") {
            let name = relative(&path);
            // The SDKs read their configuration from the environment; clients.rs is where that happens.
            if name.ends_with("/bootstrap.rs")
                || name == "shared/aws/src/clients.rs"
                || name.contains("/tests/")
                || name.contains("/benches/")
                || name.contains("/examples/")
            {
                continue;
            }
            let text = read(&path);
            let shipped = text.split("#[cfg(test)]").next().unwrap_or_default();
            for call in ["env::var", "env::vars", "env::args"] {
                assert!(
                    !shipped.contains(call),
                    "{name} reads the environment: only a bootstrap.rs may"
                );
            }
        }
    }
}

/// Rooms of the dataset-updater that are pure, and files that they have at least.
const PURE_ROOMS: [(&str, usize); 2] = [("request", 6), ("state", 8)];

#[test]
fn pure_rooms_of_the_dataset_updater_touch_nothing() {
    let touches = [
        "async ", ".await", "tokio", "::now()", "std::fs", "File::", "env::", "Client",
    ];
    for (room, n_files_min) in PURE_ROOMS {
        let folder = root().join("functions/dataset-updater/src").join(room);
        let files = files_below(&folder, "rs");
        assert!(files.len() >= n_files_min, "{room} has lost its files");
        for path in files {
            let text = read(&path);
            let shipped = text.split("#[cfg(test)]").next().unwrap_or_default();
            for line in shipped.lines().map(str::trim_start) {
                let is_code = !line.starts_with("//");
                for touch in touches {
                    assert!(
                        !(is_code && line.contains(touch)),
                        "{} is pure, but has {line:?}",
                        relative(&path)
                    );
                }
            }
        }
    }
}

#[test]
fn one_module_of_gtcl_writes_to_the_terminal() {
    let writers = [
        "io::stdout()",
        "io::stderr()",
        "print_stdout",
        "print_stderr",
    ];
    let source = root().join("local/gtcl/src");
    let files = files_below(&source, "rs").into_iter().filter(|path| {
        let text = read(path);
        let writes = |line: &str| {
            writers.iter().any(|name| line.contains(name)) && !line.contains("is_terminal()")
        };
        text.lines().any(writes)
    });
    let files: Vec<_> = files.map(|path| relative(&path)).collect();
    assert_eq!(files, ["local/gtcl/src/output/stdout.rs"]);
}

#[test]
fn functions_stay_thin() {
    for function in [
        "pre-annotation",
        "annotation-consolidation",
        "dataset-updater",
    ] {
        let folder = root().join("functions").join(function).join("src");
        for (file, n_lines_max) in [("main.rs", 30), ("handler.rs", 60)] {
            let text = read(&folder.join(file));
            let shipped = text.split("#[cfg(test)]").next().unwrap_or_default();
            let n_lines = shipped
                .lines()
                .filter(|line| !line.trim_start().starts_with("//"))
                .count();
            assert!(
                n_lines <= n_lines_max,
                "functions/{function}/src/{file} has {n_lines} lines, more than {n_lines_max}: move decisions to a pure module"
            );
        }
    }
}

#[test]
fn every_event_is_used_by_a_test_and_listed() {
    let listed = read(&root().join("docs/wire-formats.md"));
    let mut sources = String::new();
    for folder in ["functions", "shared", "local", "tests"] {
        for path in files_below(&root().join(folder), "rs") {
            sources.push_str(&read(&path));
        }
    }
    for path in files_below(&root().join("events"), "json") {
        let name = path
            .file_name()
            .and_then(|name| name.to_str())
            .unwrap_or_default()
            .to_owned();
        assert!(sources.contains(&name), "events/{name} is named in no test");
        // The list leaves a function's name out after the first of its events.
        let name = name.trim_end_matches(".json");
        let short = [
            "pre-annotation",
            "annotation-consolidation",
            "dataset-updater",
        ]
        .iter()
        .find_map(|function| name.strip_prefix(function))
        .unwrap_or(name);
        assert!(
            [name, short]
                .iter()
                .any(|name| listed.contains(&format!("`{name}`"))),
            "docs/wire-formats.md doesn't list events/{name}.json"
        );
    }
}

#[test]
fn every_variable_is_documented() {
    for (function, n_variables_min) in [
        ("pre-annotation", 7),
        ("annotation-consolidation", 5),
        ("dataset-updater", 28),
    ] {
        let page_name = format!("docs/functions/{function}.md");
        let page = read(&root().join(&page_name));
        let sources = root().join("functions").join(function).join("src");
        let names: BTreeSet<String> = files_below(&sources, "rs")
            .iter()
            .flat_map(|path| variables(&read(path)))
            .collect();
        assert!(
            names.len() >= n_variables_min,
            "the form of settings has changed: functions/{function} seems to read {names:?} only"
        );
        for name in names {
            assert!(
                page.contains(&format!("`{name}`")),
                "functions/{function} reads {name}, which {page_name} does not document"
            );
        }
    }
}

/// String literals of the shipped part of `source` that are the name of a setting: all in capitals and without a
/// prefix of codes or of Lambda's own variables.
fn variables(source: &str) -> BTreeSet<String> {
    let shipped = source.split("#[cfg(test)]").next().unwrap_or_default();
    shipped
        .lines()
        .flat_map(|line| line.split('"').skip(1).step_by(2))
        .filter(|text| {
            text.len() > 6
                && text.starts_with(|c: char| c.is_ascii_uppercase())
                && text
                    .chars()
                    .all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_')
                && !["AWS_", "CARGO_", "ERROR_"]
                    .iter()
                    .any(|prefix| text.starts_with(prefix))
        })
        .map(str::to_owned)
        .collect()
}

#[test]
fn nothing_is_left_open() {
    for folder in ["functions", "shared", "local", "tests"] {
        for path in files_below(&root().join(folder), "rs") {
            let text = read(&path);
            for mark in [
                concat!("TO", "DO"),
                concat!("FIX", "ME"),
                concat!("#[ig", "nore"),
                concat!("unimplem", "ented!"),
            ] {
                assert!(!text.contains(mark), "{} holds {mark}", relative(&path));
            }
        }
    }
}

#[test]
fn modules_have_files_of_their_own_names() {
    for package in crates() {
        for path in files_below(&root().join(&package).join("src"), "rs") {
            let is_mod = path.file_name().is_some_and(|name| name == "mod.rs");
            assert!(
                !is_mod,
                "{}: name it x.rs, beside the folder x",
                relative(&path)
            );
        }
    }
}

/// Paths in a job's folder, and the only file that has them.
const LAYOUT: [&str; 3] = [
    "consolidation-request",
    "annotation-tool/data.json",
    "manifests/output/output.manifest",
];

#[test]
fn one_file_knows_the_paths_of_a_jobs_folder() {
    let layout = "shared/labeling/src/job/layout.rs";
    let text = read(&root().join(layout));
    for path in LAYOUT {
        assert!(text.contains(path), "{layout} no longer has {path}");
    }
    for folder in ["functions", "shared", "local"] {
        for path in files_below(&root().join(folder), "rs") {
            let name = relative(&path);
            let is_test = ["/tests/", "/tests.rs", "/benches/", "/fuzz/"];
            if name == layout || is_test.iter().any(|part| name.contains(part)) {
                continue;
            }
            let text = read(&path);
            let shipped = text.split("#[cfg(test)]").next().unwrap_or_default();
            for line in shipped
                .lines()
                .filter(|line| !line.trim_start().starts_with("//"))
            {
                for path in LAYOUT {
                    assert!(
                        !line.contains(path),
                        "{name} has {path}: ask {layout} for it"
                    );
                }
            }
        }
    }
}
