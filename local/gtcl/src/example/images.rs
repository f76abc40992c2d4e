//! Drawing: a pale speckled ground with plain shapes that do not overlap.

use rand::RngExt;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;

/// A drawn shape's outline.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ShapeKind {
    Circle,
    Square,
    Triangle,
    Cross,
}

impl ShapeKind {
    pub(super) const ALL: [Self; 4] = [Self::Circle, Self::Square, Self::Triangle, Self::Cross];

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Circle => "Circle",
            Self::Square => "Square",
            Self::Triangle => "Triangle",
            Self::Cross => "Cross",
        }
    }

    pub(super) fn any(random: &mut StdRng) -> Self {
        Self::ALL.choose(random).copied().unwrap_or(Self::Circle)
    }

    /// Whether the point lies in the shape; coordinates run from 0 to 1 across its box.
    fn covers(self, x: f64, y: f64) -> bool {
        match self {
            Self::Circle => (x - 0.5).powi(2) + (y - 0.5).powi(2) <= 0.25,
            Self::Square => true,
            Self::Triangle => (x - 0.5).abs() <= y / 2.0,
            Self::Cross => (x - 0.5).abs() <= 0.17 || (y - 0.5).abs() <= 0.17,
        }
    }
}

/// A drawn shape's color; the categories of the multi-label job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Color {
    /// Red.
    Red,
    /// Green.
    Green,
    /// Blue.
    Blue,
    /// Yellow.
    Yellow,
}

impl Color {
    pub(super) const ALL: [Self; 4] = [Self::Red, Self::Green, Self::Blue, Self::Yellow];

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Red => "Red",
            Self::Green => "Green",
            Self::Blue => "Blue",
            Self::Yellow => "Yellow",
        }
    }

    pub(super) fn any(random: &mut StdRng) -> Self {
        Self::ALL.choose(random).copied().unwrap_or(Self::Red)
    }

    const fn rgb(self) -> [u8; 3] {
        match self {
            Self::Red => [200, 40, 40],
            Self::Green => [40, 150, 60],
            Self::Blue => [40, 70, 190],
            Self::Yellow => [225, 190, 40],
        }
    }
}

/// The square that a shape fills, in pixels.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place {
    pub(super) left: u32,
    pub(super) top: u32,
    pub(super) side: u32,
}

impl Place {
    fn overlaps(&self, other: &Self) -> bool {
        self.left < other.left + other.side
            && other.left < self.left + self.side
            && self.top < other.top + other.side
            && other.top < self.top + self.side
    }
}

/// An image under way.
pub(super) struct Canvas {
    width_px: u32,
    height_px: u32,
    rgb: Vec<[u8; 3]>,
    taken: Vec<Place>,
}

impl Canvas {
    /// A pale, speckled ground.
    pub(super) fn new(width_px: u32, height_px: u32, random: &mut StdRng) -> Self {
        let mut speckles = vec![0u8; (width_px * height_px) as usize];
        random.fill(speckles.as_mut_slice());
        let rgb = speckles
            .iter()
            .map(|speckle| [225 + speckle % 20; 3])
            .collect();
        Self {
            width_px,
            height_px,
            rgb,
            taken: Vec::new(),
        }
    }

    pub(super) const fn size_px(&self) -> (u32, u32) {
        (self.width_px, self.height_px)
    }

    /// Draws a shape where it touches no other; `None` when no free place was found.
    pub(super) fn draw_somewhere(
        &mut self,
        kind: ShapeKind,
        color: Color,
        random: &mut StdRng,
    ) -> Option<Place> {
        const TRIES: u32 = 40;
        for _ in 0..TRIES {
            let side = random.random_range(24..=self.height_px / 2);
            let place = Place {
                left: random.random_range(0..=self.width_px - side),
                top: random.random_range(0..=self.height_px - side),
                side,
            };
            if !self.taken.iter().any(|taken| taken.overlaps(&place)) {
                self.draw(kind, color, place);
                self.taken.push(place);
                return Some(place);
            }
        }
        None
    }

    fn draw(&mut self, kind: ShapeKind, color: Color, place: Place) {
        let across = |offset: u32| (f64::from(offset) + 0.5) / f64::from(place.side);
        let rows = self
            .rgb
            .chunks_mut(self.width_px as usize)
            .skip(place.top as usize);
        for (row, y) in rows.zip(0..place.side) {
            for (pixel, x) in row.iter_mut().skip(place.left as usize).zip(0..place.side) {
                if kind.covers(across(x), across(y)) {
                    *pixel = color.rgb();
                }
            }
        }
    }

    /// The image as an 8-bit RGB PNG.
    pub(super) fn to_png(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut encoder = png::Encoder::new(&mut bytes, self.width_px, self.height_px);
        encoder.set_color(png::ColorType::Rgb);
        encoder.set_depth(png::BitDepth::Eight);
        encoder.set_compression(png::Compression::Fast);
        #[expect(
            clippy::expect_used,
            reason = "a Vec takes every byte, and the canvas holds width × height pixels"
        )]
        encoder
            .write_header()
            .and_then(|mut writer| writer.write_image_data(self.rgb.as_flattened()))
            .expect("a PNG in memory");
        bytes
    }
}
