//! What the environment says.

use labeling::consolidation::Config;

/// The function's settings.
#[derive(Debug, Clone, Default)]
pub struct Settings {
    /// Settings of the consolidation.
    pub config: Config,
    /// Buckets that may be read and written; `None`: the role alone decides.
    pub allowed_buckets: Option<Vec<String>>,
    /// Whether worker statistics are read and written.
    pub carries_statistics: bool,
}

impl Settings {
    /// Whether the bucket may be read and written.
    #[must_use]
    pub fn allows(&self, bucket: &str) -> bool {
        let Some(allowed) = &self.allowed_buckets else {
            return true;
        };
        allowed.iter().any(|name| name == bucket)
    }
}
