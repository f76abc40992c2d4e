//! Whether a file is text, and where it starts.

use crate::file_error::FileError;

const ZIP: &str = "ZIP (as .xlsx and .numbers files are)";

/// The file without a byte order mark of UTF-8; invalid UTF-8 further on passes.
///
/// # Errors
///
/// Says what the file is instead: as [`text_start`], or with NUL bytes, which no text has.
pub(crate) fn text_bytes(file: &[u8]) -> Result<&[u8], FileError> {
    let text = text_start(file)?;
    if let Some(at) = memchr::memchr(0, file) {
        return Err(FileError::new(
            format!("file is no text: byte {} is NUL", at + 1),
            "look whether the path names another file than you mean",
        ));
    }
    Ok(text)
}

/// The start of a file without a byte order mark of UTF-8.
///
/// # Errors
///
/// Says what the file is instead: compressed, UTF-16 or UTF-32. Other bytes that aren't text pass.
pub fn text_start(file: &[u8]) -> Result<&[u8], FileError> {
    let compressed: [(&[u8], &str); 4] = [
        (b"\x1f\x8b", "gzip"),
        (b"PK\x03\x04", ZIP),
        (b"BZh", "bzip2"),
        (b"\x28\xb5\x2f\xfd", "Zstandard"),
    ];
    let found = compressed.iter().find(|(start, _)| file.starts_with(start));
    if let Some((_, kind)) = found {
        let remedy = match *kind {
            ZIP => "unpack it; of a spreadsheet, export CSV in UTF-8",
            _ => "unpack it",
        };
        return Err(FileError::new(
            format!("file is compressed: {kind}"),
            remedy,
        ));
    }
    if let Some(encoding) = wide_encoding(file) {
        return Err(FileError::new(
            format!("file is text in {encoding}"),
            format!("save it as UTF-8: iconv -f {encoding} -t UTF-8 FILE"),
        ));
    }
    Ok(file.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(file))
}

/// The encoding of two or four bytes a character that a text starts in, by its mark or its zeros.
fn wide_encoding(file: &[u8]) -> Option<&'static str> {
    match file {
        [0xff, 0xfe, 0, 0, ..] | [0, 0, 0xfe, 0xff, ..] => Some("UTF-32"),
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => Some("UTF-16"),
        // Without a mark, the order of the bytes has to be said.
        [first, 0, 0, 0, ..] if *first != 0 => Some("UTF-32LE"),
        [0, 0, 0, first, ..] if *first != 0 => Some("UTF-32BE"),
        [first, 0, second, 0, ..] if *first != 0 && *second != 0 => Some("UTF-16LE"),
        [0, first, 0, second, ..] if *first != 0 && *second != 0 => Some("UTF-16BE"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_text() {
        assert_eq!(text_bytes(b"\xEF\xBB\xBFa").unwrap(), b"a");
        assert_eq!(text_bytes(b"a\xff").unwrap(), b"a\xff");
        assert_eq!(text_bytes(b"").unwrap(), b"");
        let check = |bytes: &[u8], expected: &str| {
            let error = text_bytes(bytes).unwrap_err();
            assert!(error.reason.contains(expected), "{error:?}");
        };
        check(b"\x1f\x8b\x08", "gzip");
        check(b"PK\x03\x04rest", "ZIP");
        check(b"\xff\xfea\0", "UTF-16");
        check(b"\xfe\xff\0a", "UTF-16");
        check(b"a\0,\0b\0", "UTF-16LE");
        check(b"\0a\0,", "UTF-16BE");
        check(b"\xff\xfe\0\0a\0\0\0", "UTF-32");
        check(b"\0\0\xfe\xff\0\0\0a", "UTF-32");
        check(b"a\0\0\0,\0\0\0", "UTF-32LE");
        check(b"\0\0\0a\0\0\0,", "UTF-32BE");
        check(b"text\0", "byte 5 is NUL");
    }
}
