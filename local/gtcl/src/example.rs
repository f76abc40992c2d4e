//! The bundled example: three small labeling jobs, one a task type, on images that this module draws.
//!
//! Everything follows from one seed: images, truth, and what the simulated workers answer. Some data objects stay
//! unanswered, as tasks do that expire, and one worker of each job is a spammer.

mod images;
mod simulate;

use labeling::TaskType;
use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use rand::{RngExt, SeedableRng};

pub use images::Color;
pub use simulate::{SimulatedWorker, WorkerAnswer, crew};

use images::{Canvas, ShapeKind};

/// Data objects of each example job.
pub const OBJECTS_PER_JOB: u32 = 60;

/// Answers that an example job asks for a data object.
pub const ANSWERS_PER_OBJECT: usize = 5;

/// Share of data objects that no worker answers before their task expires.
const UNANSWERED_SHARE: f64 = 0.04;

/// A box as drawn: pixels from the image's top left corner, with its category.
#[derive(Debug, Clone, PartialEq)]
pub struct TruthBox {
    /// The category's name.
    pub label: String,
    /// Left edge, in pixels.
    pub left: f64,
    /// Top edge, in pixels.
    pub top: f64,
    /// Width, in pixels.
    pub width: f64,
    /// Height, in pixels.
    pub height: f64,
}

/// What is known to be right for a data object.
#[derive(Debug, Clone, PartialEq)]
pub enum Truth {
    /// The image's category.
    SingleLabel(String),
    /// The image's categories, in the order of the job's list.
    MultiLabel(Vec<String>),
    /// The objects in the image; none is possible.
    Boxes(Vec<TruthBox>),
}

/// One image with its truth and its workers' answers.
#[derive(Debug, Clone)]
pub struct ExampleObject {
    /// Object key of the image.
    pub key: String,
    /// The image: 8-bit RGB PNG.
    pub png: Vec<u8>,
    /// Width and height in pixels.
    pub size_px: (u32, u32),
    /// What is right.
    pub truth: Truth,
    /// At most [`ANSWERS_PER_OBJECT`] answers, each of another worker; none where the task expired.
    pub answers: Vec<WorkerAnswer>,
}

/// One labeling job of the example.
#[derive(Debug, Clone)]
pub struct ExampleJob {
    /// The job's name, also its label attribute.
    pub name: &'static str,
    /// What the workers are asked.
    pub task: TaskType,
    /// The label categories, in the order of the label category file.
    pub categories: Vec<String>,
    /// The data objects, in the order of the manifest.
    pub objects: Vec<ExampleObject>,
}

/// The example's jobs, drawn and answered anew; the same seed gives the same bytes for as long as `Cargo.lock`
/// names the same `rand`.
pub fn jobs(seed: u64) -> Vec<ExampleJob> {
    vec![
        job(seed, "shapes", TaskType::SingleLabel),
        job(seed.wrapping_add(1), "colors", TaskType::MultiLabel),
        job(
            seed.wrapping_add(2),
            "shapes-in-boxes",
            TaskType::BoundingBox,
        ),
    ]
}

fn job(seed: u64, name: &'static str, task: TaskType) -> ExampleJob {
    let mut random = StdRng::seed_from_u64(seed);
    let categories: Vec<String> = match task {
        TaskType::SingleLabel | TaskType::BoundingBox => ShapeKind::ALL
            .iter()
            .map(|kind| kind.name().to_owned())
            .collect(),
        TaskType::MultiLabel => Color::ALL
            .iter()
            .map(|color| color.name().to_owned())
            .collect(),
    };
    let workers = crew(&mut random);
    let objects = (0..OBJECTS_PER_JOB)
        .map(|number| {
            let (canvas, truth) = draw(task, &mut random);
            let mut answers = Vec::new();
            if !random.random_bool(UNANSWERED_SHARE) {
                let mut order: Vec<&SimulatedWorker> = workers.iter().collect();
                order.shuffle(&mut random);
                for worker in order.into_iter().take(ANSWERS_PER_OBJECT) {
                    answers.push(worker.answer(&truth, &categories, canvas.size_px(), &mut random));
                }
            }
            ExampleObject {
                key: format!("images/{name}/{number:04}.png"),
                size_px: canvas.size_px(),
                png: canvas.to_png(),
                truth,
                answers,
            }
        })
        .collect();
    ExampleJob {
        name,
        task,
        categories,
        objects,
    }
}

/// An image for the task, and what is right for it.
fn draw(task: TaskType, random: &mut StdRng) -> (Canvas, Truth) {
    match task {
        TaskType::SingleLabel => {
            let mut canvas = Canvas::new(128, 128, random);
            let kind = ShapeKind::any(random);
            canvas.draw_somewhere(kind, Color::any(random), random);
            (canvas, Truth::SingleLabel(kind.name().to_owned()))
        }
        TaskType::MultiLabel => {
            let mut canvas = Canvas::new(160, 128, random);
            let n_colors = random.random_range(1..=3);
            let mut colors = Color::ALL;
            colors.shuffle(random);
            let mut drawn = Vec::new();
            for color in colors.into_iter().take(n_colors) {
                if canvas
                    .draw_somewhere(ShapeKind::any(random), color, random)
                    .is_some()
                {
                    drawn.push(color);
                }
            }
            let names = Color::ALL
                .iter()
                .filter(|color| drawn.contains(color))
                .map(|color| color.name().to_owned())
                .collect();
            (canvas, Truth::MultiLabel(names))
        }
        TaskType::BoundingBox => {
            let mut canvas = Canvas::new(256, 192, random);
            let mut boxes = Vec::new();
            for _ in 0..random.random_range(0..=4) {
                let kind = ShapeKind::any(random);
                if let Some(place) = canvas.draw_somewhere(kind, Color::any(random), random) {
                    boxes.push(TruthBox {
                        label: kind.name().to_owned(),
                        left: f64::from(place.left),
                        top: f64::from(place.top),
                        width: f64::from(place.side),
                        height: f64::from(place.side),
                    });
                }
            }
            (canvas, Truth::Boxes(boxes))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_gives_the_same_job() {
        let (one, two) = (jobs(7), jobs(7));
        for (one, two) in one.iter().zip(&two) {
            for (one, two) in one.objects.iter().zip(&two.objects) {
                assert_eq!(one.png, two.png);
                assert_eq!(one.truth, two.truth);
                assert_eq!(one.answers, two.answers);
            }
        }
        assert_ne!(jobs(8)[0].objects[0].png, one[0].objects[0].png);
    }

    #[test]
    fn some_objects_stay_unanswered_and_others_get_every_answer() {
        for job in jobs(1) {
            let n_unanswered = job
                .objects
                .iter()
                .filter(|object| object.answers.is_empty())
                .count();
            assert!(
                n_unanswered < job.objects.len() / 4,
                "{}: {n_unanswered}",
                job.name
            );
            assert!(
                job.objects
                    .iter()
                    .any(|object| object.answers.len() == ANSWERS_PER_OBJECT)
            );
        }
        assert!(
            jobs(1)
                .iter()
                .flat_map(|job| &job.objects)
                .any(|object| object.answers.is_empty())
        );
    }

    #[test]
    fn images_are_pngs_within_the_limits_of_custom_labels() {
        for job in jobs(1) {
            for object in job.objects {
                let (width_px, height_px) = object.size_px;
                let header = manifest::ImageHeader::read(&object.png);
                let expected = manifest::ImageHeader::Size {
                    width_px,
                    height_px,
                };
                assert_eq!(header, expected);
                assert!(width_px >= 64 && height_px >= 64);
            }
        }
    }

    #[test]
    fn boxes_lie_inside_their_image() {
        for object in jobs(1).into_iter().flat_map(|job| job.objects) {
            let Truth::Boxes(boxes) = object.truth else {
                continue;
            };
            for found in boxes {
                assert!(found.left >= 0.0 && found.top >= 0.0);
                assert!(found.left + found.width <= f64::from(object.size_px.0));
                assert!(found.top + found.height <= f64::from(object.size_px.1));
            }
        }
    }
}
