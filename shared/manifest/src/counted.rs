//! Numbers of things in messages.

/// A number and what it counts: `1 box`, `2 boxes`, `0 entries`.
///
/// `noun` is a regular English noun in the singular; only its last letters decide on the plural.
///
/// # Examples
///
/// ```
/// # use manifest::counted;
/// assert_eq!(counted(1, "line"), "1 line");
/// assert_eq!(counted(0, "entry"), "0 entries");
/// ```
#[must_use]
pub fn counted(n: u64, noun: &str) -> String {
    if n == 1 {
        return format!("1 {noun}");
    }
    let before_y = noun
        .strip_suffix('y')
        .filter(|stem| !stem.ends_with(['a', 'e', 'o', 'u']));
    match before_y {
        Some(stem) => format!("{n} {stem}ies"),
        None if noun.ends_with(['x', 's', 'z']) || noun.ends_with("ch") => format!("{n} {noun}es"),
        None => format!("{n} {noun}s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plurals() {
        for (n, noun, expected) in [
            (0, "line", "0 lines"),
            (1, "line", "1 line"),
            (2, "line", "2 lines"),
            (1, "box", "1 box"),
            (2, "box", "2 boxes"),
            (2, "class", "2 classes"),
            (2, "entry", "2 entries"),
            (2, "key", "2 keys"),
            (2, "batch", "2 batches"),
        ] {
            assert_eq!(counted(n, noun), expected);
        }
    }
}
