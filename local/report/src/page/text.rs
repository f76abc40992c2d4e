//! Numbers and words as a page shows them.

use labeling::TaskType;

/// Characters of a text of others that are shown.
const CHARS_MAX: usize = 400;

/// `12,345`.
pub(super) fn number(n: u64) -> String {
    let digits = n.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (idx, digit) in digits.chars().enumerate() {
        if idx > 0 && (digits.len() - idx).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// `1 line`, `2 lines`.
pub(super) fn counted(n: u64, noun: &str) -> String {
    let plural = if n == 1 {
        noun.to_owned()
    } else if let Some(stem) = noun.strip_suffix("box") {
        format!("{stem}boxes")
    } else if let Some(stem) = noun.strip_suffix('y') {
        format!("{stem}ies")
    } else {
        format!("{noun}s")
    };
    format!("{} {plural}", number(n))
}

/// A share in [0, 1]: `93.4 %`, on one line.
pub(super) fn percent(share: f64) -> String {
    format!("{:.1}\u{a0}%", share * 100.0)
}

/// A text of others, not too long: without control characters, and with marks that turn the direction of writing as
/// escapes.
pub(super) fn shown(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.chars().take(CHARS_MAX) {
        match c {
            '\u{61C}'
            | '\u{200E}'
            | '\u{200F}'
            | '\u{2028}'..='\u{202E}'
            | '\u{2066}'..='\u{2069}' => {
                shown.extend(c.escape_unicode());
            }
            c if c.is_control() => shown.push('\u{FFFD}'),
            c => shown.push(c),
        }
    }
    if text.chars().nth(CHARS_MAX).is_some() {
        shown.push('…');
    }
    shown
}

/// The last part of an image's URI.
pub(super) fn file_name(source_ref: &str) -> String {
    let name = source_ref.rsplit('/').find(|part| !part.is_empty());
    shown(name.unwrap_or(source_ref))
}

pub(super) fn task_type(task_type: TaskType) -> &'static str {
    match task_type {
        TaskType::SingleLabel => "one category for each image",
        TaskType::MultiLabel => "any number of categories for each image",
        TaskType::BoundingBox => "boxes",
    }
}

/// JSON that ends no script element and starts no comment in one.
pub(super) fn for_script(json: &str) -> String {
    let mut safe = String::with_capacity(json.len());
    for c in json.chars() {
        match c {
            '<' | '>' | '&' | '\u{2028}' | '\u{2029}' => {
                safe.push_str(&format!("\\u{:04x}", u32::from(c)));
            }
            c => safe.push(c),
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers() {
        for (n, expected) in [
            (0, "0"),
            (999, "999"),
            (1000, "1,000"),
            (1_234_567, "1,234,567"),
        ] {
            assert_eq!(number(n), expected);
        }
        for (n, noun, expected) in [
            (1, "line", "1 line"),
            (0, "line", "0 lines"),
            (2, "category", "2 categories"),
            (2, "box", "2 boxes"),
        ] {
            assert_eq!(counted(n, noun), expected);
        }
        assert_eq!(percent(0.9344), "93.4\u{a0}%");
    }

    #[test]
    fn texts_of_others() {
        for (text, expected) in [
            ("a\u{202e}b", "a\\u{202e}b"),
            ("a\nb\u{1b}[2J", "a\u{FFFD}b\u{FFFD}[2J"),
            ("<script>猫", "<script>猫"),
        ] {
            assert_eq!(shown(text), expected);
        }
        assert_eq!(shown(&"x".repeat(400)).chars().count(), 400);
        assert_eq!(shown(&"x".repeat(401)).chars().count(), 401);
        assert_eq!(file_name("s3://b/k/x.jpg"), "x.jpg");
        assert_eq!(file_name("s3://b/k/"), "k");
        assert_eq!(
            for_script(r#"{"a":"</script><!--&"}"#),
            r#"{"a":"\u003c/script\u003e\u003c!--\u0026"}"#
        );
    }
}
