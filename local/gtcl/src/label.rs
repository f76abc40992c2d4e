//! What `gtcl label` has people label: images of a folder, or of an input manifest.

pub mod images;
