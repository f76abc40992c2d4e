//! What people and machines see of a run: its folder, its progress, its summary.

pub mod folder;
pub mod progress;
pub mod quality;
pub mod summary;
