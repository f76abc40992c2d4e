//! What people and machines see of a run: its folder, its progress, its summary.

pub mod conversion;
pub mod folder;
pub mod progress;
pub mod quality;
pub(crate) mod remarks;
pub mod stdout;
pub mod summary;
pub(crate) mod text;
