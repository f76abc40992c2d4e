//! Pieces of text for a terminal.

use super::stdout::is_obeyed;

/// Text of others on a terminal: no control characters, nothing that turns the writing round, one line, not too long.
pub(crate) fn shown(text: &str) -> String {
    const CHARS_MAX: usize = 240;
    let mut shown: String = text
        .chars()
        .map(|c| match c {
            '\n' | '\t' => ' ',
            c if is_obeyed(c) => ' ',
            c => c,
        })
        .take(CHARS_MAX)
        .collect();
    if text.chars().nth(CHARS_MAX).is_some() {
        shown.push('…');
    }
    shown
}

/// The first lines that something was found on, and how many more: `lines 3, 7, 9 and 12 more`.
pub(crate) fn line_numbers(first: &[u64], n_all: u64) -> String {
    let numbers: Vec<String> = first.iter().map(u64::to_string).collect();
    let noun = if n_all == 1 { "line" } else { "lines" };
    match n_all.saturating_sub(first.len() as u64) {
        0 => format!("{noun} {}", numbers.join(", ")),
        n_more => format!("{noun} {} and {n_more} more", numbers.join(", ")),
    }
}

/// What was wrong with the first of a code's lines: `line 3: …` where there are others.
pub(crate) fn first_of(first: &[u64], n_all: u64, reason: &str) -> String {
    match first {
        [line_number, ..] if n_all > 1 => format!("line {line_number}: {}", shown(reason)),
        _ => shown(reason),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_do_not_reach_the_terminal() {
        assert_eq!(shown("a\u{1b}[2J\nb"), "a [2J b");
        assert_eq!(shown("a\u{202E}b"), "a b");
        assert_eq!(shown(&"x".repeat(241)).chars().count(), 241);
        assert_eq!(shown(&"x".repeat(240)).chars().count(), 240);
    }

    #[test]
    fn lines_are_named() {
        assert_eq!(line_numbers(&[7], 1), "line 7");
        assert_eq!(line_numbers(&[7, 9], 2), "lines 7, 9");
        assert_eq!(line_numbers(&[7, 9], 12), "lines 7, 9 and 10 more");
        assert_eq!(first_of(&[7], 1, "bad"), "bad");
        assert_eq!(first_of(&[7, 9], 2, "bad"), "line 7: bad");
    }
}
