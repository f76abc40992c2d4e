//! Pictures with boxes on them.

use askama::Template;
use askama::filters::HtmlSafe;
use manifest::NamedLabel;

use super::text;
use crate::pictures::{Picture, Pictures, data_uri};
use std::cell::RefCell;
use std::collections::BTreeMap;

/// Room for the words that stand in the place of a picture.
const WORDS_SIZE_PX: (u32, u32) = (480, 90);
/// Boxes on a picture, inclusive.
const BOXES_MAX: usize = 200;

/// The page's pictures. Each stands in the page once; what shows it again refers to it.
pub(super) struct Figures<'a> {
    pictures: &'a Pictures,
    /// Numbers of those that stand in the page, by URI.
    placed: RefCell<BTreeMap<&'a str, usize>>,
}

/// A picture, or what stands in its place.
#[derive(Template)]
#[template(path = "figure.html")]
pub(super) struct Figure {
    /// What it shows, for people who can't see it.
    title: String,
    width_px: u32,
    height_px: u32,
    image: Image,
    boxes: Vec<DrawnBox>,
}

impl HtmlSafe for Figure {}

enum Image {
    /// It stands here.
    Here { number: usize, data_uri: String },
    /// It stands elsewhere.
    Again { number: usize },
    /// Why there is none.
    Missing(String),
}

struct DrawnBox {
    /// `a` for the label's, the number of a colour for a worker's.
    class: String,
    title: String,
    x: String,
    y: String,
    width: String,
    height: String,
}

impl<'a> Figures<'a> {
    pub(super) fn new(pictures: &'a Pictures) -> Self {
        Self {
            pictures,
            placed: RefCell::default(),
        }
    }

    /// The picture of an image. `size_px` is the one that boxes are counted in, where it is known.
    pub(super) fn figure(&self, source_ref: Option<&str>, size_px: Option<(u32, u32)>) -> Figure {
        let found = source_ref.and_then(|source| self.pictures.get_key_value(source));
        let (own_size, image) = match found {
            Some((
                source,
                Picture::Shown {
                    jpeg,
                    width_px,
                    height_px,
                },
            )) => {
                let mut placed = self.placed.borrow_mut();
                let n_placed = placed.len();
                let image = match placed.get(source.as_str()) {
                    Some(number) => Image::Again { number: *number },
                    None => {
                        placed.insert(source, n_placed);
                        Image::Here {
                            number: n_placed,
                            data_uri: data_uri(jpeg),
                        }
                    }
                };
                (Some((*width_px, *height_px)), image)
            }
            Some((_, Picture::Broken(reason))) => (None, Image::Missing(text::shown(reason))),
            Some((_, Picture::LeftOut)) => (
                None,
                Image::Missing("left out: no room for it in the page".to_owned()),
            ),
            None => (None, Image::Missing("no picture".to_owned())),
        };
        let (width_px, height_px) = size_px.or(own_size).unwrap_or(WORDS_SIZE_PX);
        Figure {
            title: source_ref.map_or_else(|| "an unknown image".to_owned(), text::file_name),
            width_px: width_px.max(1),
            height_px: height_px.max(1),
            image,
            boxes: Vec::new(),
        }
    }

    /// What is to be said of pictures that are not in the page; `None` when all are there, or none was looked for.
    pub(super) fn told(&self, bytes_max: usize) -> Option<String> {
        let n = |is: fn(&Picture) -> bool| {
            self.pictures.values().filter(|found| is(found)).count() as u64
        };
        let n_left_out = n(|found| matches!(found, Picture::LeftOut));
        let n_broken = n(|found| matches!(found, Picture::Broken(_)));
        let mut told = Vec::new();
        if n_left_out > 0 {
            told.push(format!(
                "{} left out to keep the page below {} bytes: a larger --max-size shows them",
                text::counted(n_left_out, "picture"),
                text::number(bytes_max as u64)
            ));
        }
        if n_broken > 0 {
            told.push(format!(
                "{} can't be shown: in their places stands why; --images-from FOLDER says where images lie",
                text::counted(n_broken, "picture")
            ));
        }
        (!told.is_empty()).then(|| told.join(". ") + ".")
    }
}

impl Figure {
    /// Draws boxes: `class` is `a` for the label's, the number of a colour for a worker's; `whose` says whose they are.
    pub(super) fn draw(&mut self, boxes: &[NamedLabel], class: &str, whose: &str) {
        let room = BOXES_MAX.saturating_sub(self.boxes.len());
        let drawn = boxes.iter().take(room).filter_map(|label| {
            let edges = label.edges?;
            let [x, y, width, height] = [edges.left, edges.top, edges.width, edges.height]
                .map(|length| format!("{length:.1}"));
            Some(DrawnBox {
                class: class.to_owned(),
                title: format!("{}, {whose}", text::shown(&label.label)),
                x,
                y,
                width,
                height,
            })
        });
        self.boxes.extend(drawn);
    }
}
