//! Who labels: a name, and the worker id that stands for it.

use services::REGION;
use sha2::{Digest as _, Sha256};

/// Characters of a worker's name, inclusive.
pub(crate) const NAME_CHARS_MAX: usize = 60;

/// The name as it is told apart: without blanks around it, in one case. `None` for no name, or one that is too long or
/// holds control characters.
pub(crate) fn parse_name(text: &str) -> Option<String> {
    let name = text.trim();
    let is_name = !name.is_empty()
        && name.chars().count() <= NAME_CHARS_MAX
        && !name.chars().any(char::is_control);
    is_name.then(|| name.to_owned())
}

/// The worker id of a name, in the form of a private work team's. Names that differ in case only are one worker.
pub(crate) fn worker_id(name: &str) -> String {
    let digest = Sha256::digest(name.to_lowercase().as_bytes());
    let hex: String = digest
        .iter()
        .take(8)
        .map(|byte| format!("{byte:02x}"))
        .collect();
    format!("private.{REGION}.{hex}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        assert_eq!(parse_name("  Ada "), Some("Ada".to_owned()));
        assert_eq!(parse_name(&"é".repeat(60)), Some("é".repeat(60)));
        for bad in ["", "  ", "a\nb", &"é".repeat(61)] {
            assert_eq!(parse_name(bad), None, "{bad:?}");
        }
        assert_eq!(worker_id("Ada"), worker_id("ada"));
        assert_ne!(worker_id("Ada"), worker_id("Bob"));
    }
}
