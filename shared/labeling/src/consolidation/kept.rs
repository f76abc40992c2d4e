//! A data object's answers as a JSON Line, for a reading that one process doesn't finish.

use serde::{Deserialize, Serialize};

use super::object::Object;
use crate::answers::{Answer, DrawnBox, ImageSize};

/// What is known of one data object. Workers stand under their pseudonyms.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Kept {
    pub(super) place: u64,
    id: String,
    answers: Vec<(String, KeptAnswer)>,
    problems: Vec<String>,
    n_annotations: usize,
    n_empty: u32,
    n_unreadable: u32,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum KeptAnswer {
    Label(String),
    Labels(Vec<String>),
    /// Width and height of the image, then label, left, top, width and height of each box: as bits, since a decimal
    /// number may come back as its neighbour.
    Boxes(Option<[u32; 2]>, Vec<(String, [u64; 4])>),
}

impl Kept {
    /// `worker` and `name` give the texts of numbers.
    pub(super) fn of<'a>(
        place: u64,
        object: &Object,
        worker: impl Fn(u32) -> &'a str,
        name: impl Fn(u32) -> &'a str,
    ) -> Self {
        let text = |number: &u32| name(*number).to_owned();
        let answers = object.answers.iter().filter_map(|(number, answer)| {
            let answer = match answer {
                Answer::SingleLabel { label } => KeptAnswer::Label(text(label)),
                Answer::MultiLabel { labels } => {
                    KeptAnswer::Labels(labels.iter().map(text).collect())
                }
                Answer::Boxes { image_size, boxes } => {
                    let size = image_size.map(|size| [size.width, size.height]);
                    let bits = |drawn: &DrawnBox<u32>| {
                        let edges = [drawn.left, drawn.top, drawn.width, drawn.height];
                        (text(&drawn.label), edges.map(f64::to_bits))
                    };
                    KeptAnswer::Boxes(size, boxes.iter().map(bits).collect())
                }
                Answer::Empty | Answer::Unsupported { .. } => return None,
            };
            Some((worker(*number).to_owned(), answer))
        });
        Self {
            place,
            id: object.dataset_object_id.clone(),
            answers: answers.collect(),
            problems: object.problems.clone(),
            n_annotations: object.n_annotations,
            n_empty: object.n_empty,
            n_unreadable: object.n_unreadable,
        }
    }

    /// `worker` and `name` give the numbers of texts.
    pub(super) fn into_object(
        self,
        mut worker: impl FnMut(String) -> u32,
        mut name: impl FnMut(String) -> u32,
    ) -> Object {
        let answers = self.answers.into_iter().map(|(worker_name, answer)| {
            let answer = match answer {
                KeptAnswer::Label(label) => Answer::SingleLabel { label },
                KeptAnswer::Labels(labels) => Answer::MultiLabel { labels },
                KeptAnswer::Boxes(size, boxes) => Answer::Boxes {
                    image_size: size.map(|[width, height]| ImageSize { width, height }),
                    boxes: boxes
                        .into_iter()
                        .map(|(label, bits)| {
                            let [left, top, width, height] = bits.map(f64::from_bits);
                            DrawnBox {
                                label,
                                left,
                                top,
                                width,
                                height,
                            }
                        })
                        .collect(),
                },
            };
            (worker(worker_name), answer.map_names(&mut name))
        });
        Object {
            dataset_object_id: self.id,
            answers: answers.collect(),
            problems: self.problems,
            n_annotations: self.n_annotations,
            n_empty: self.n_empty,
            n_unreadable: self.n_unreadable,
        }
    }
}
