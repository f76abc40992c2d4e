//! Batches as workers would make them who want the function to die, and statistics as someone who may write into the job's
//! folder would.

use serde_json::{Value, json};

/// SplitMix64.
pub(crate) struct Chance(u64);

impl Chance {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) fn below(&mut self, n: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % n
    }

    pub(crate) fn of<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.below(choices.len() as u64) as usize]
    }
}

/// What a batch is consolidated from.
pub(crate) struct HostileBatch {
    /// What it is, for people.
    pub(crate) name: String,
    pub(crate) categories: Option<Vec<String>>,
    pub(crate) annotation_file: Vec<u8>,
    pub(crate) statistics_files: Vec<Vec<u8>>,
}

/// How large things are at most, so that a debug build can have smaller ones.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Scale {
    pub(crate) file_bytes: usize,
    pub(crate) objects: u64,
}

const LABELS_MAX: u64 = 1_000;
const KINDS: [Form; 12] = [
    Form::OwnNames,
    Form::SameBoxes,
    Form::NearBoxes,
    Form::Stripes,
    Form::Nested,
    Form::Scattered,
    Form::ManyLabels,
    Form::OneLabel,
    Form::DeepJson,
    Form::ManyValues,
    Form::LongText,
    Form::Nothing,
];

/// What a worker submits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    OwnNames,
    SameBoxes,
    NearBoxes,
    Stripes,
    Nested,
    Scattered,
    ManyLabels,
    OneLabel,
    DeepJson,
    ManyValues,
    LongText,
    Nothing,
}

/// The batch of this seed, always the same.
pub(crate) fn batch(seed: u64, scale: Scale) -> HostileBatch {
    let mut chance = Chance::new(seed);
    let n_categories = chance.of(&[0, 0, 0, 2, 10, 50, 1_000, 40_000]);
    let categories: Vec<String> = (0..n_categories).map(|n| format!("c{n}")).collect();
    let n_objects = chance.of(&[1, 10, 50, 50, 50, 50]).min(scale.objects);
    let n_workers = chance.of(&[1, 2, 3, 3, 5, 9, 9, 60]);
    let n_hostile = 1 + chance.below(n_workers);
    let (honest, hostile) = (honest(&mut chance), chance.of(&KINDS));
    let n_labels = chance.of(&[1, 50, 200, 500, 1_000, 1_000, 1_001]);
    let mut file = Vec::from(*b"[");
    for object in 0..n_objects {
        let start = file.len();
        if object > 0 {
            file.push(b',');
        }
        let head = format!(r#"{{"datasetObjectId":"{object}","annotations":["#);
        file.extend_from_slice(head.as_bytes());
        for worker in 0..n_workers {
            let form = if worker < n_hostile { hostile } else { honest };
            let mut submission = Submission {
                chance: &mut chance,
                categories: &categories,
                own: format!("{object}.{worker}"),
                n_labels: if worker < n_hostile { n_labels } else { 3 },
            };
            let content = json!(submission.content(form)).to_string();
            let comma = if worker == 0 { "" } else { "," };
            let annotation = format!(
                r#"{comma}{{"workerId":"w{worker}","annotationData":{{"content":{content}}}}}"#
            );
            file.extend_from_slice(annotation.as_bytes());
        }
        file.extend_from_slice(b"]}");
        if file.len() + 1 > scale.file_bytes {
            file.truncate(start);
            break;
        }
    }
    let padding = pad(&mut file, &mut chance, scale);
    file.push(b']');
    let statistics_files = statistics(&mut chance, scale);
    HostileBatch {
        name: format!(
            "{hostile:?} by {n_hostile} of {n_workers}, the others {honest:?}, {n_labels} labels, {n_categories} categories, \
             padding {padding}, {} statistics files, {} bytes",
            statistics_files.len(),
            file.len()
        ),
        categories: (n_categories > 0).then_some(categories),
        annotation_file: file,
        statistics_files,
    }
}

fn honest(chance: &mut Chance) -> Form {
    chance.of(&[Form::OneLabel, Form::Scattered, Form::ManyLabels])
}

/// Fills the rest of the file with elements that say nothing.
fn pad(file: &mut Vec<u8>, chance: &mut Chance, scale: Scale) -> &'static str {
    let (name, element): (_, &[u8]) = chance.of(&[
        ("none", b"".as_slice()),
        ("none", b"".as_slice()),
        ("none", b"".as_slice()),
        ("{}", b"{}".as_slice()),
        ("0", b"0".as_slice()),
        ("text", br#""\ud800""#.as_slice()),
        ("objects", br#"{"datasetObjectId":"#.as_slice()),
        (
            "answers",
            br#"{"datasetObjectId":"0","annotations":["#.as_slice(),
        ),
        ("members", br#"{"datasetObjectId":"0","x":["#.as_slice()),
    ]);
    let n_bytes = scale.file_bytes.saturating_sub(file.len() + 64);
    let n_bytes = n_bytes / chance.of(&[1, 4, 50]);
    let comma = |file: &mut Vec<u8>| {
        if file.last() != Some(&b'[') {
            file.push(b',');
        }
    };
    let end = file.len() + n_bytes;
    match name {
        "none" => {}
        "objects" => {
            let mut n = 0;
            while file.len() < end {
                comma(file);
                file.extend_from_slice(format!(r#"{{"datasetObjectId":"x{n}"}}"#).as_bytes());
                n += 1;
            }
        }
        "answers" | "members" => {
            comma(file);
            file.extend_from_slice(element);
            while file.len() < end {
                file.extend_from_slice(b"{},");
            }
            file.extend_from_slice(b"{}]}");
        }
        _ => {
            while file.len() < end {
                comma(file);
                file.extend_from_slice(element);
            }
        }
    }
    name
}

struct Submission<'a> {
    chance: &'a mut Chance,
    categories: &'a [String],
    /// What no other submission has.
    own: String,
    n_labels: u64,
}

impl Submission<'_> {
    fn name(&mut self, nth: u64) -> String {
        match self.categories {
            [] => format!("{}.{nth}", self.own),
            categories => self
                .chance
                .of(&[
                    categories[(nth % categories.len() as u64) as usize].as_str(),
                    "no category",
                ])
                .to_owned(),
        }
    }

    fn common_name(&mut self) -> String {
        match self.categories {
            [] => format!("name-{}", self.chance.below(5)),
            categories => categories[self.chance.below(categories.len() as u64) as usize].clone(),
        }
    }

    fn content(&mut self, form: Form) -> String {
        let n = self.n_labels.min(LABELS_MAX + 1);
        match form {
            Form::OwnNames => self.boxes(n, true, |_, nth| [nth % 97 * 40, nth / 97 * 40, 35, 35]),
            Form::SameBoxes => self.boxes(n, false, |_, _| [100, 100, 300, 300]),
            Form::NearBoxes => self.boxes(n, false, |chance, _| {
                [chance.below(60), chance.below(60), 300, 300]
            }),
            Form::Stripes => self.boxes(n, false, |_, nth| [0, 4 * nth, 4_000, 3]),
            Form::Nested => self.boxes(n, false, |_, nth| {
                let inset = nth.min(1_990);
                [inset, inset, 4_000 - 2 * inset, 4_000 - 2 * inset]
            }),
            Form::Scattered => self.boxes(n, false, |chance, _| {
                let side = 1 + chance.below(200);
                [chance.below(3_800), chance.below(3_800), side, side]
            }),
            Form::ManyLabels => {
                let labels: Vec<String> = (0..n).map(|nth| self.name(nth)).collect();
                json!({"form": {"labels": labels}}).to_string()
            }
            Form::OneLabel => json!({"form": {"label": self.common_name()}}).to_string(),
            Form::DeepJson => self.deep(n),
            Form::ManyValues => {
                let value = self
                    .chance
                    .of(&["{}", "[]", "0", "\"{}\"", r#"{"label":"x"}"#]);
                let rest = vec![value; 100 * n as usize].join(",");
                let element = self.chance.of(&["list", "boundingBoxes", "labels"]);
                format!(r#"{{"form":{{"{element}":[{rest}]}}}}"#)
            }
            Form::LongText => {
                let text = "x".repeat(1_000 * n as usize);
                json!({"form": {"label": text}}).to_string()
            }
            Form::Nothing => self
                .chance
                .of(&["", "{}", "null", "{", "[]", "\u{0}"])
                .to_owned(),
        }
    }

    fn deep(&mut self, n: u64) -> String {
        if self.chance.below(2) == 0 {
            return "[".repeat(1_000 * n as usize);
        }
        // JSON in a text in JSON in a text, as far as that is looked into and farther.
        let labels: Vec<String> = (0..n).map(|nth| self.name(nth)).collect();
        let mut form = json!({"labels": labels}).to_string();
        for _ in 0..self.chance.below(7) {
            form = json!({"form": form}).to_string();
        }
        form
    }

    fn boxes(
        &mut self,
        n: u64,
        are_own: bool,
        place: impl Fn(&mut Chance, u64) -> [u64; 4],
    ) -> String {
        let boxes: Vec<Value> = (0..n)
            .map(|nth| {
                let label = if are_own {
                    self.name(nth)
                } else {
                    self.common_name()
                };
                let [left, top, width, height] = place(self.chance, nth);
                json!({"label": label, "left": left, "top": top, "width": width, "height": height})
            })
            .collect();
        json!({"form": {"boundingBoxes": boxes, "inputImageProperties": {"width": 4_000, "height": 4_000}}})
            .to_string()
    }
}

fn statistics(chance: &mut Chance, scale: Scale) -> Vec<Vec<u8>> {
    let n_files = chance.of(&[0, 0, 1, 4, 20]);
    let n_bytes = (scale.file_bytes / 8).min(8 * 1_048_576) as u64;
    (0..n_files)
        .map(|nth| {
            let n_bytes = n_bytes / chance.of(&[1, 1, 10, 100]);
            statistics_file(chance, nth, n_bytes).into_bytes()
        })
        .collect()
}

fn statistics_file(chance: &mut Chance, nth: u64, n_bytes: u64) -> String {
    let many = |text: &dyn Fn(u64) -> String, each: u64| {
        let all: Vec<String> = (0..n_bytes / each).map(text).collect();
        all.join(",")
    };
    let votes = |workers: &str, classes: &str, items: &str| {
        format!(
            r#"{{"single_label":[{{"workers":[{workers}],"classes":[{classes}],"items":[{items}]}}]}}"#
        )
    };
    let batches = match chance.below(8) {
        0 => format!(
            r#""a{nth}":{}"#,
            votes("\"w\"", &many(&|n| format!("\"{n}\""), 8), "1,0,0,1,0,1000")
        ),
        1 => format!(
            r#""a{nth}":{}"#,
            votes(&many(&|n| format!("\"{n}\""), 8), "\"c\"", "1,0,0,1,0,1000")
        ),
        2 => format!(
            r#""a{nth}":{}"#,
            votes(
                "\"w1\"",
                "\"c0\",\"c1\"",
                &many(&|_| "1,0,0,1,1,1000".to_owned(), 15)
            )
        ),
        3 => {
            // One item of very many votes, and of very many probable classes.
            let n = n_bytes / 10;
            let pairs = many(&|_| "0,0".to_owned(), 10);
            format!(
                r#""a{nth}":{}"#,
                votes("\"w\"", "\"c0\"", &format!("{n},{pairs},1,0,1000"))
            )
        }
        4 => {
            let one = format!(
                r#"{{"selected_and_true":{0},"selected_and_false":{0},"left_and_true":0,"left_and_false":{0}}}"#,
                u64::MAX
            );
            format!(r#""a{nth}":{{"coins":{{"w1":{one}}}}}"#)
        }
        5 => format!(
            r#""a{nth}":{{"selections":{{{}}}}}"#,
            many(&|n| format!(r#""{n}":{{"selected":0,"offered":1}}"#), 34)
        ),
        6 => many(
            &|n| {
                format!(
                    r#""{nth}.{n}":{}"#,
                    votes(
                        "\"w0\",\"w1\",\"w2\"",
                        "\"c0\",\"c1\"",
                        "3,0,0,1,1,2,0,2,0,500,1,500"
                    )
                )
            },
            110,
        ),
        _ => format!(
            r#""a{nth}":{{"edges":{{"w1":{{"n_boxes":1,"horizontal":{},"vertical":0}}}}}}"#,
            u64::MAX
        ),
    };
    format!(r#"{{"version":3,"batches":{{{batches}}}}}"#)
}
