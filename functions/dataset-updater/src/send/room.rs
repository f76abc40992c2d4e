//! Which new entries a dataset has room for.

use manifest::Code;
use manifest::dataset::{DatasetKind, images_max};

use crate::state::dataset::LaneSide;

/// Fewest bytes of a line that becomes an entry: `{"source-ref":"s3://abc/k","a":` and `"a-metadata":` with a type.
const LINE_BYTES_MIN: u64 = 64;

/// The images that a dataset has and may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Room {
    images_max: u64,
    n_images: u64,
}

impl Room {
    /// A dataset of `n_images` that takes `images_max` of them, inclusive.
    #[must_use]
    pub fn new(images_max: u64, n_images: u64) -> Self {
        Self {
            images_max,
            n_images,
        }
    }

    /// Images that are there.
    #[must_use]
    pub fn n_images(&self) -> u64 {
        self.n_images
    }

    /// Whether so many more images fit, whichever they are.
    #[must_use]
    pub fn has_for(&self, n_images: u64) -> bool {
        self.n_images.saturating_add(n_images) <= self.images_max
    }

    /// Whether all entries of a manifest of so many bytes fit, whatever it says.
    #[must_use]
    pub fn has_for_bytes(&self, n_bytes: u64) -> bool {
        self.has_for(n_bytes / LINE_BYTES_MIN)
    }

    /// Takes the next entry in. One whose image is there already takes no room.
    ///
    /// # Errors
    ///
    /// The message of the refused line, when there is no room.
    pub fn take(&mut self, is_there: bool) -> Result<(), String> {
        if is_there {
            return Ok(());
        }
        if !self.has_for(1) {
            return Err(format!(
                "{}: not sent, since the dataset has {} images with the entries before and takes {}",
                Code::ManifestRowsExceedMaximum,
                self.n_images,
                self.images_max
            ));
        }
        self.n_images += 1;
        Ok(())
    }
}

/// Whether a refused line's message, the service's or [`Room::take`]'s, says that the dataset is full.
#[must_use]
pub fn is_about_room(message: &str) -> bool {
    message.contains(Code::ManifestRowsExceedMaximum.as_str())
}

/// Most images of a dataset by the Region in its ARN, inclusive.
#[must_use]
pub fn images_max_of(dataset_arn: &str, side: LaneSide) -> u64 {
    let region = dataset_arn.split(':').nth(3).unwrap_or_default();
    let kind = match side {
        LaneSide::Train => DatasetKind::Train,
        LaneSide::Test => DatasetKind::Test,
    };
    images_max(region, kind)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Lines that are refused, of lines that are `true` where their image is there.
    fn check(images_max: u64, n_images: u64, lines: &[bool], refused: &[usize]) {
        let mut room = Room::new(images_max, n_images);
        let judged = lines.iter().map(|is_there| room.take(*is_there));
        let judged: Vec<_> = judged.collect();
        let found = judged.iter().enumerate().filter(|(_, it)| it.is_err());
        let found: Vec<usize> = found.map(|(idx, _)| idx + 1).collect();
        assert_eq!(found, refused, "{images_max} {n_images} {lines:?}");
        for message in judged.into_iter().filter_map(Result::err) {
            assert!(is_about_room(&message), "{message}");
        }
    }

    #[test]
    fn only_what_is_over_the_limit_is_refused() {
        let new = [false; 5];
        check(4, 0, &new, &[5]);
        check(5, 0, &new, &[]);
        check(6, 0, &new, &[]);
        check(5, 1, &new, &[5]);
        check(5, 5, &new, &[1, 2, 3, 4, 5]);
        check(5, 7, &new, &[1, 2, 3, 4, 5]);
        check(5, 3, &[true, false, true, false, true], &[]);
        check(5, 4, &[true, false, true, false, true], &[4]);
        check(5, 5, &[true, false, true, false, true], &[2, 4]);
        check(5, 5, &[true, true], &[]);
        check(0, 0, &[false, true], &[1]);
    }

    #[test]
    fn a_quarter_of_a_million_and_one() {
        for (n_lines, n_refused) in [(249_999, 0), (250_000, 0), (250_001, 1)] {
            let mut room = Room::new(250_000, 0);
            assert_eq!(room.has_for(n_lines), n_refused == 0, "{n_lines}");
            let refused = (0..n_lines).filter(|_| room.take(false).is_err());
            assert_eq!(refused.count(), n_refused, "{n_lines}");
        }
    }

    #[test]
    fn bytes_tell_when_nothing_has_to_be_counted() {
        for (n_bytes, expected) in [(0, true), (383, true), (384, false), (u64::MAX, false)] {
            assert_eq!(
                Room::new(10, 5).has_for_bytes(n_bytes),
                expected,
                "{n_bytes}"
            );
        }
        let shortest = r#"{"source-ref":"s3://abc/k","a":0,"a-metadata":{"type":"groundtruth/image-classification"}}"#;
        assert!(shortest.len() as u64 >= LINE_BYTES_MIN);
    }

    #[test]
    fn limits_of_regions() {
        let arn = |region| format!("arn:aws:rekognition:{region}:1:project/p/dataset/train/1");
        for (region, side, expected) in [
            ("us-east-1", LaneSide::Train, 250_000),
            ("eu-west-2", LaneSide::Train, 28_000),
            ("eu-west-2", LaneSide::Test, 7_000),
        ] {
            assert_eq!(images_max_of(&arn(region), side), expected);
        }
    }
}
