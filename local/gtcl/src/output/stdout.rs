//! Standard output and standard error: nothing else in gtcl writes to them.
//!
//! Whoever reads may go away (`gtcl … | head`), and a disk may be full. Neither stops the work, which may have files to
//! write, too; what could not be written is remembered, and [`exit_code`] tells it at the end. Names of files, labels
//! and workers come from others: whatever a terminal would obey is written as `\u001b`, which JSON reads as the same.

use std::fmt::{self, Display};
use std::io::{self, Write};
use std::sync::Mutex;
use std::sync::PoisonError;

/// The first error of standard output.
static FAILURE: Mutex<Option<io::Error>> = Mutex::new(None);

/// Exit code when standard output could not be written though somebody reads it.
const NOT_WRITTEN: u8 = 2;

/// Writes a line to standard output, at once, also into a file: whoever started the command may wait for it.
pub fn print(line: impl Display) {
    write(|out| writeln!(out, "{line}"));
}

/// Writes to standard output what `work` writes, and nothing from the first error on.
pub fn write(work: impl FnOnce(&mut dyn Write) -> io::Result<()>) {
    if !is_open() {
        return;
    }
    let mut out = io::BufWriter::new(io::stdout().lock());
    let written = work(&mut Escaping(&mut out)).and_then(|()| out.flush());
    if let Err(error) = written {
        // What is left in the buffer can't be written, either.
        let _ = out.into_parts();
        failure().get_or_insert(error);
    }
}

/// Whether what is printed still gets somewhere: work that only prints can end when it doesn't.
pub fn is_open() -> bool {
    failure().is_none()
}

/// The exit code of a command that would end with `code`. Says when standard output could not be written; that nobody
/// reads it any more is no news to whoever stopped reading.
pub fn exit_code(code: u8) -> u8 {
    match failure().as_ref() {
        None => code,
        Some(error) if error.kind() == io::ErrorKind::BrokenPipe => code,
        Some(error) => {
            say(format!(
                "error: standard output could not be written: {error}"
            ));
            NOT_WRITTEN
        }
    }
}

/// Writes a line to standard error. A reader that has gone is no reason to fail.
pub fn say(line: impl Display) {
    // There is nobody left to tell.
    let _ = writeln!(Escaping(&mut io::stderr()), "{line}");
}

/// Remembers an error of standard output that another library wrote to.
pub(crate) fn note(written: io::Result<()>) {
    if let Err(error) = written {
        failure().get_or_insert(error);
    }
}

fn failure() -> std::sync::MutexGuard<'static, Option<io::Error>> {
    FAILURE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Text of others on lines of ours: control characters, and those that turn the direction of the writing, as `\u001b`.
/// Line feeds and tabs stay.
pub fn escaped(text: &str) -> impl Display {
    fmt::from_fn(move |f| {
        let mut rest = text;
        while let Some((at, c)) = rest.char_indices().find(|(_, c)| is_obeyed(*c)) {
            let (before, from) = rest.split_at(at);
            write!(f, "{before}\\u{:04x}", u32::from(c))?;
            rest = from.strip_prefix(c).unwrap_or_default();
        }
        f.write_str(rest)
    })
}

/// Whether a terminal obeys the character instead of showing it. All of them are below U+10000, so that `\u` and four
/// digits say them in JSON.
pub(crate) fn is_obeyed(c: char) -> bool {
    match c {
        '\n' | '\t' => false,
        // Marks, embeddings, overrides and isolates of direction; line and paragraph separators.
        '\u{061C}'
        | '\u{200E}'
        | '\u{200F}'
        | '\u{2028}'..='\u{202E}'
        | '\u{2066}'..='\u{2069}' => true,
        c => c.is_control(),
    }
}

/// Escapes what is written to it. Each write is whole characters, as all that formats text writes them.
struct Escaping<'a>(&'a mut dyn Write);

impl Write for Escaping<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        write!(self.0, "{}", escaped(&String::from_utf8_lossy(bytes)))?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_terminal_obeys_is_escaped() {
        for (text, expected) in [
            ("", ""),
            ("a\tb\nc", "a\tb\nc"),
            ("a\u{1b}[2Jb", "a\\u001b[2Jb"),
            ("\r", "\\u000d"),
            ("\u{7f}", "\\u007f"),
            ("\u{9b}2J", "\\u009b2J"),
            ("\u{a0}ä\u{1F980}", "\u{a0}ä\u{1F980}"),
            ("a\u{202e}b\u{2066}c", "a\\u202eb\\u2066c"),
            ("\u{200e}\u{200f}\u{061c}", "\\u200e\\u200f\\u061c"),
            (
                "\u{200d}\u{202f}\u{2065}\u{206a}",
                "\u{200d}\u{202f}\u{2065}\u{206a}",
            ),
        ] {
            assert_eq!(escaped(text).to_string(), expected);
        }
    }

    #[test]
    fn json_stays_the_same_value() {
        let value = serde_json::json!({"a\u{9b}\u{202e}": "\u{1b}\u{7f}\n\"\\"});
        let mut written = Vec::new();
        serde_json::to_writer_pretty(Escaping(&mut written), &value).unwrap();
        let text = String::from_utf8(written).unwrap();
        assert!(!text.chars().any(is_obeyed), "{text}");
        assert_eq!(
            serde_json::from_str::<serde_json::Value>(&text).unwrap(),
            value
        );
    }
}
