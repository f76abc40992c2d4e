//! The finished job: what its folder holds, and what its files say.
//!
//! [`layout`] knows every path, [`answers`] which of several files counts, [`categories`] the label category file,
//! [`worker_response`] the answers to one data object, [`mod@line`] the output manifest's lines, [`places`] which of them
//! a data object is, and [`times`] how long workers took. [`whole`] consolidates all of a job together.

pub mod answers;
pub mod categories;
pub mod layout;
pub mod line;
pub mod places;
pub mod times;
pub mod whole;
pub mod worker_response;

pub use answers::{AnswerSource, AnswersInUse};
pub use layout::JobFolder;
pub use places::Places;
