//! Pieces of text for a terminal.

/// Text of others on a terminal: no control characters, one line, not too long. What can't be seen, turns the writing
/// round, or is one of two forms of a letter (a mark of its own behind it) is written as an escape: `\u{200b}`.
pub(crate) fn shown(text: &str) -> String {
    const CHARS_MAX: usize = 240;
    let mut shown = String::with_capacity(text.len());
    for c in text.chars().take(CHARS_MAX) {
        match c {
            c if c.is_control() => shown.push(' '),
            c if is_hidden(c) => shown.extend(c.escape_unicode()),
            c => shown.push(c),
        }
    }
    if text.chars().nth(CHARS_MAX).is_some() {
        shown.push('…');
    }
    shown
}

/// Whether a character leaves nothing of its own to see, or isn't what it looks like.
fn is_hidden(c: char) -> bool {
    is_invisible(c)
        || matches!(
            c,
            '\u{A0}' | '\u{2000}'..='\u{200A}' | '\u{202F}' | '\u{205F}'
        )
        || matches!(c, '\u{300}'..='\u{36F}' | '\u{1AB0}'..='\u{1AFF}' | '\u{1DC0}'..='\u{1DFF}'
            | '\u{20D0}'..='\u{20FF}' | '\u{FE20}'..='\u{FE2F}')
}

/// Whether a character is of no width.
fn is_invisible(c: char) -> bool {
    matches!(c, '\u{AD}' | '\u{34F}' | '\u{61C}' | '\u{115F}' | '\u{1160}' | '\u{180B}'..='\u{180F}'
        | '\u{200B}'..='\u{200F}' | '\u{2028}'..='\u{202E}' | '\u{2060}'..='\u{206F}' | '\u{3164}'
        | '\u{FE00}'..='\u{FE0F}' | '\u{FEFF}' | '\u{FFA0}' | '\u{E0000}'..='\u{E0FFF}')
}

/// What a name has in common with all names that look like it: its letters in one form, without case, without spaces
/// around it and several in a row, and without what can't be seen.
pub(crate) fn look(name: &str) -> String {
    let visible: String = name.chars().filter(|c| !is_invisible(*c)).collect();
    let composed = icu_normalizer::ComposingNormalizerBorrowed::new_nfkc().normalize(&visible);
    let words: Vec<&str> = composed.split_whitespace().collect();
    words.join(" ").to_lowercase()
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
        assert_eq!(shown("a\u{202E}b"), "a\\u{202e}b");
        assert_eq!(shown("banana\u{200B}.jpg"), "banana\\u{200b}.jpg");
        assert_eq!(shown("cafe\u{301}.jpg"), "cafe\\u{301}.jpg");
        assert_eq!(shown("café 猫 a b"), "café 猫 a b");
        assert_eq!(shown(&"x".repeat(241)).chars().count(), 241);
        assert_eq!(shown(&"x".repeat(240)).chars().count(), 240);
    }

    #[test]
    fn looks() {
        for name in ["Cat", "cat ", " CAT", "c\u{200B}at", "ｃａｔ", "cat\u{A0}"] {
            assert_eq!(look(name), "cat", "{name:?}");
        }
        assert_eq!(look("cafe\u{301}"), look("caf\u{E9}"));
        assert_eq!(look("big  cat"), "big cat");
        assert_ne!(look("cafe"), look("café"));
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
