//! Untrusted text in messages.

/// Longest piece of untrusted text in a message, in characters, inclusive.
const SHOWN_CHARS_MAX: usize = 80;

/// The text in quotes, cut to a readable length, control characters escaped.
pub(crate) fn shown(text: &str) -> String {
    let mut cut: String = text.chars().take(SHOWN_CHARS_MAX).collect();
    if cut.len() < text.len() {
        cut.push('…');
    }
    format!("{cut:?}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cut_and_escaped() {
        assert_eq!(shown("a\u{1b}[31m\n"), r#""a\u{1b}[31m\n""#);
        for (n, expected) in [(79, 81), (80, 82), (81, 83)] {
            assert_eq!(shown(&"x".repeat(n)).chars().count(), expected, "{n}");
        }
    }
}
