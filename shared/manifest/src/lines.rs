//! Splits a stream of bytes into lines of bounded length, without I/O.
//!
//! Feed blocks as they arrive and take the lines out; memory is one block and one unfinished line.
//! A line ends with LF; a CR before it is not part of the line. The last line may lack its LF. A UTF-8 byte
//! order mark at the very start is dropped. Blank lines are lines: Custom Labels counts them as data objects.
//! NUL and invalid UTF-8 pass through; the line that holds them is not valid JSON and is refused there.

/// Most characters of one line, inclusive. Source: Custom Labels guide, terminal manifest content errors; Ground Truth, input manifest.
pub const LINE_CHARS_MAX: usize = 100_000;

/// Most bytes that [`LINE_CHARS_MAX`] characters take in UTF-8: the bound to split lines with.
pub const LINE_BYTES_MAX: usize = 4 * LINE_CHARS_MAX;

/// One line of a manifest, without its line ending.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RawLine<'a> {
    /// The line's bytes.
    Line(&'a [u8]),
    /// The line was longer than the bound and its bytes were not kept.
    TooLong {
        /// The line's length in bytes, its ending not included.
        n_bytes: u64,
    },
}

/// Push bytes in, pull lines out.
///
/// # Examples
///
/// ```
/// # use manifest::{LineSplitter, RawLine};
/// let mut lines = LineSplitter::new(100);
/// lines.feed(b"one\r\ntw");
/// assert_eq!(lines.next_line(), Some((1, RawLine::Line(b"one"))));
/// assert_eq!(lines.next_line(), None);
/// lines.feed(b"o");
/// lines.finish();
/// assert_eq!(lines.next_line(), Some((2, RawLine::Line(b"two"))));
/// ```
#[derive(Debug)]
pub struct LineSplitter {
    max_line_bytes: usize,
    buffer: Vec<u8>,
    /// Where the next line starts in `buffer`.
    start: usize,
    /// How far `buffer` was searched for a line feed.
    searched: usize,
    /// Bytes of the current line that were let go because it is too long.
    n_bytes_let_go: u64,
    n_lines: u64,
    is_at_start: bool,
    is_finished: bool,
}

impl LineSplitter {
    /// Lines of at most `max_line_bytes` bytes (inclusive) are handed out whole.
    #[must_use]
    pub fn new(max_line_bytes: usize) -> Self {
        Self {
            max_line_bytes,
            buffer: Vec::new(),
            start: 0,
            searched: 0,
            n_bytes_let_go: 0,
            n_lines: 0,
            is_at_start: true,
            is_finished: false,
        }
    }

    /// Adds the next bytes of the stream. Take all lines out before feeding more, or the buffer grows.
    pub fn feed(&mut self, bytes: &[u8]) {
        if self.start > 0 {
            self.buffer.drain(..self.start);
            self.searched -= self.start;
            self.start = 0;
        }
        self.buffer.extend_from_slice(bytes);
    }

    /// Says that the stream has ended: what is left is the last line.
    pub fn finish(&mut self) {
        self.is_finished = true;
    }

    /// Whether [`LineSplitter::finish`] was called.
    #[must_use]
    pub fn is_finished(&self) -> bool {
        self.is_finished
    }

    /// The next line and its one-based number, or `None` until more bytes are fed.
    pub fn next_line(&mut self) -> Option<(u64, RawLine<'_>)> {
        if self.is_at_start {
            const MARK: &[u8] = b"\xEF\xBB\xBF";
            if self.buffer.len() < MARK.len() && !self.is_finished && MARK.starts_with(&self.buffer)
            {
                return None;
            }
            if self.buffer.starts_with(MARK) {
                self.start = MARK.len();
                self.searched = MARK.len();
            }
            self.is_at_start = false;
        }
        let unsearched = self.buffer.get(self.searched..).unwrap_or_default();
        let (end, next) = match memchr::memchr(b'\n', unsearched) {
            Some(offset) => (self.searched + offset, self.searched + offset + 1),
            None => {
                self.searched = self.buffer.len();
                if !self.is_finished {
                    self.let_go_of_a_long_line();
                    return None;
                }
                if self.start == self.buffer.len() && self.n_bytes_let_go == 0 {
                    return None;
                }
                (self.buffer.len(), self.buffer.len())
            }
        };
        let line = self.buffer.get(self.start..end).unwrap_or_default();
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let n_bytes = std::mem::take(&mut self.n_bytes_let_go) + line.len() as u64;
        self.start = next;
        self.searched = next;
        self.n_lines += 1;
        if n_bytes > self.max_line_bytes as u64 {
            return Some((self.n_lines, RawLine::TooLong { n_bytes }));
        }
        Some((self.n_lines, RawLine::Line(line)))
    }

    /// Forgets the current line's bytes once they can't be handed out; the last one stays, it may be a CR.
    fn let_go_of_a_long_line(&mut self) {
        let n_held = self.buffer.len() - self.start;
        if n_held > self.max_line_bytes + 1 {
            let n_let_go = n_held - 1;
            self.buffer.drain(self.start..self.start + n_let_go);
            self.searched = self.buffer.len();
            self.n_bytes_let_go += n_let_go as u64;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn split(input: &[u8], block: usize, max: usize) -> Vec<(u64, Result<Vec<u8>, u64>)> {
        let mut splitter = LineSplitter::new(max);
        let mut lines = Vec::new();
        let mut take = |splitter: &mut LineSplitter| {
            while let Some((number, line)) = splitter.next_line() {
                lines.push((
                    number,
                    match line {
                        RawLine::Line(line) => Ok(line.to_vec()),
                        RawLine::TooLong { n_bytes } => Err(n_bytes),
                    },
                ));
            }
        };
        for block in input.chunks(block.max(1)) {
            splitter.feed(block);
            take(&mut splitter);
        }
        splitter.finish();
        take(&mut splitter);
        lines
    }

    fn check(input: &str, expected: &[&str]) {
        for block in [1, 2, 3, 7, 1000] {
            let found: Vec<_> = split(input.as_bytes(), block, 100)
                .into_iter()
                .map(|(_, line)| String::from_utf8(line.unwrap()).unwrap())
                .collect();
            assert_eq!(found, expected, "{input:?} in blocks of {block}");
        }
    }

    #[test]
    fn endings() {
        check("", &[]);
        check("\n", &[""]);
        check("a", &["a"]);
        check("a\n", &["a"]);
        check("a\r\nb", &["a", "b"]);
        check("a\n\nb\n", &["a", "", "b"]);
        check("a\rb\n", &["a\rb"]);
        check("a\r", &["a"]);
        check("\u{FEFF}a\n\u{FEFF}b", &["a", "\u{FEFF}b"]);
        check("\u{FEFF}", &[]);
    }

    #[test]
    fn length_is_bounded() {
        for block in [1, 2, 5, 100] {
            let lengths = |text: &str| {
                split(text.as_bytes(), block, 5)
                    .into_iter()
                    .map(|(_, line)| line.map(|line| line.len()))
                    .collect::<Vec<_>>()
            };
            assert_eq!(
                lengths("1234\n12345\n123456\n1"),
                [Ok(4), Ok(5), Err(6), Ok(1)]
            );
            assert_eq!(lengths("12345\r\n123456\r\n"), [Ok(5), Err(6)]);
            assert_eq!(lengths("123456789012"), [Err(12)]);
        }
        let mut splitter = LineSplitter::new(1000);
        for _ in 0..1000 {
            splitter.feed(&[b'x'; 1000]);
            assert_eq!(splitter.next_line(), None);
            assert!(splitter.buffer.len() <= 2001);
        }
        splitter.feed(b"\nok\n");
        assert_eq!(
            splitter.next_line(),
            Some((1, RawLine::TooLong { n_bytes: 1_000_000 }))
        );
        assert_eq!(splitter.next_line(), Some((2, RawLine::Line(b"ok"))));
    }

    proptest! {
        #[test]
        fn blocks_do_not_matter(input in prop::collection::vec(prop::sample::select(b"a\r\n\xEF\xBB\xBF\0{".to_vec()), 0..60), block in 1_usize..10, max in 0_usize..8) {
            prop_assert_eq!(split(&input, block, max), split(&input, 1000, max));
        }
    }
}
