//! Output that is escaped without being asked: what Ground Truth does and Liquid doesn't.

/// Filters after which output is left as it is.
const ESCAPED_BY: [&str; 4] = [
    "escape",
    "escape_once",
    "skip_autoescape",
    "grant_read_access",
];

/// The template with `| escape` at the end of each output that has none.
pub(super) fn with_escapes(template: &str) -> String {
    let mut escaped = String::with_capacity(template.len());
    let mut rest = template;
    while let Some(start) = rest.find('{') {
        let (before, from) = rest.split_at(start);
        escaped.push_str(before);
        let (piece, after) = if from.starts_with("{{") {
            let (output, after) = from.split_at(end_of_output(from));
            (escape_output(output), after)
        } else if is_tag(from, "raw") {
            let (raw, after) = from.split_at(end_of_raw(from));
            (raw.to_owned(), after)
        } else {
            let (brace, after) = from.split_at(1);
            (brace.to_owned(), after)
        };
        escaped.push_str(&piece);
        rest = after;
    }
    escaped.push_str(rest);
    escaped
}

/// Whether a text begins with the tag of this name.
fn is_tag(text: &str, name: &str) -> bool {
    let inner = text.strip_prefix("{%").unwrap_or_default();
    let inner = inner.strip_prefix('-').unwrap_or(inner).trim_start();
    let after = inner.strip_prefix(name);
    after.is_some_and(|after| !after.starts_with(|c: char| c.is_alphanumeric() || c == '_'))
}

/// Where an output ends that the text begins with; braces in quotes don't end it.
fn end_of_output(text: &str) -> usize {
    let mut quote = None;
    let mut previous = ' ';
    for (idx, c) in text.char_indices() {
        match quote {
            Some(open) if c == open => quote = None,
            None if c == '"' || c == '\'' => quote = Some(c),
            None if c == '}' && previous == '}' => return idx + 1,
            _ => {}
        }
        previous = c;
    }
    text.len()
}

/// Where a raw block ends that the text begins with.
fn end_of_raw(text: &str) -> usize {
    let mut tags = text.match_indices("{%").map(|(idx, _)| idx);
    let end = tags.find(|idx| text.get(*idx..).is_some_and(|tag| is_tag(tag, "endraw")));
    end.unwrap_or(text.len())
}

fn escape_output(output: &str) -> String {
    let Some(inner) = output.strip_suffix("}}") else {
        return output.to_owned();
    };
    let (inner, end) = match inner.strip_suffix('-') {
        Some(inner) => (inner, "-}}"),
        None => (inner, "}}"),
    };
    let last = inner
        .rsplit_once('|')
        .map_or("", |(_, filter)| filter.trim());
    match ESCAPED_BY.contains(&last) {
        true => output.to_owned(),
        false => format!("{inner} | escape {end}"),
    }
}
