//! The images that a page shows.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// One image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Picture {
    /// It is in the page.
    Shown {
        /// A JPEG file, as large as it is to be shown.
        jpeg: Vec<u8>,
        /// Width in the pixels that boxes are counted in.
        width_px: u32,
        /// Height in these.
        height_px: u32,
    },
    /// It can't be shown; why.
    Broken(String),
    /// There was no room for it.
    LeftOut,
}

/// Images by their URIs. One that isn't among them was not looked for.
pub type Pictures = BTreeMap<String, Picture>;

impl Picture {
    /// Bytes that the picture takes in a page, beyond one that is left out; a little more than it does.
    #[must_use]
    pub fn n_bytes_in_page(&self) -> usize {
        /// Bytes of the elements around a picture, or of what stands in its place.
        const AROUND: usize = 200;
        match self {
            Self::Shown { jpeg, .. } => AROUND + jpeg.len().div_ceil(3) * 4,
            Self::Broken(reason) => AROUND + reason.len() * 6,
            Self::LeftOut => 0,
        }
    }
}

/// A JPEG file as an address that holds it.
pub(crate) fn data_uri(jpeg: &[u8]) -> String {
    format!("data:image/jpeg;base64,{}", STANDARD.encode(jpeg))
}
