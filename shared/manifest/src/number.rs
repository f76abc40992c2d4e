//! JSON numbers: their text as it came, and their value.

/// A JSON number as it came, and its value.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Number<'a> {
    pub(crate) raw: &'a str,
    /// The nearest `f64`; infinite when the text is beyond its range.
    pub(crate) value: f64,
    /// Bytes of `raw` from the point or the exponent on; 0 for an integer.
    n_behind_whole: usize,
}

impl<'a> Number<'a> {
    /// Written without fraction and exponent.
    pub(crate) fn is_integer(&self) -> bool {
        self.n_behind_whole == 0
    }

    /// The number that a text is as a whole.
    pub(crate) fn of(text: &'a str) -> Option<Self> {
        Self::any(text, 0).ok()
    }

    /// Reads the number that starts at byte `start` of `text`.
    ///
    /// # Errors
    ///
    /// The offset of the byte that can't belong to a number.
    #[inline(always)]
    pub(crate) fn read(text: &'a str, start: usize) -> Result<Self, usize> {
        match Self::short(text, start) {
            Some(number) => Ok(number),
            None => Self::any(text, start),
        }
    }

    /// A number of up to seven digits, or of up to six with a point among them: nearly all are. Eight bytes are looked
    /// at as one word, a lane for each; a point is taken out of it, so that the digits are read as one integer.
    #[inline(always)]
    fn short(text: &'a str, start: usize) -> Option<Self> {
        let text = text.get(start..)?;
        let word = u64::from_le_bytes(*text.as_bytes().first_chunk::<8>()?) ^ (LANES * b'0' as u64);
        let n_whole = n_digits(word);
        if n_whole == 0 || n_whole == 8 || (n_whole > 1 && lane(word, 0) == 0) {
            return None;
        }
        if lane(word, n_whole) != POINT {
            if is_exponent(lane(word, n_whole)) {
                return None;
            }
            return Some(Self {
                raw: text.get(..n_whole)?,
                value: f64::from(value_of_digits(word, n_whole)),
                n_behind_whole: 0,
            });
        }
        let front = (1 << (8 * n_whole)) - 1;
        let digits = (word & front) | ((word >> 8) & !front) | END;
        let n = n_digits(digits);
        // With seven, the number may go on behind the word.
        if n == n_whole || n == 7 || is_exponent(lane(word, n + 1)) {
            return None;
        }
        Some(Self {
            raw: text.get(..n + 1)?,
            // Both are exact, so that one division rounds as a float parser does.
            value: f64::from(value_of_digits(digits, n)) / POWERS_OF_TEN.get(n - n_whole)?,
            n_behind_whole: 1 + n - n_whole,
        })
    }

    #[inline(never)]
    fn any(text: &'a str, start: usize) -> Result<Self, usize> {
        let bytes = text.as_bytes();
        let mut parts = Parts::default();
        let mut at = start;
        if bytes.get(at) == Some(&b'-') {
            parts.is_negative = true;
            at += 1;
        }
        if bytes.get(at) == Some(&b'0') {
            at += 1;
        } else {
            parts.n_whole = parts.take_digits(bytes, at)?;
            at += parts.n_whole;
        }
        let end_of_whole = at;
        if bytes.get(at) == Some(&b'.') {
            at += 1;
            parts.n_fraction = parts.take_digits(bytes, at)?;
            at += parts.n_fraction;
        }
        let has_exponent = matches!(bytes.get(at), Some(b'e' | b'E'));
        if has_exponent {
            at += 1;
            if matches!(bytes.get(at), Some(b'+' | b'-')) {
                at += 1;
            }
            at += Parts::default().take_digits(bytes, at)?;
        }
        let raw = text.get(start..at).ok_or(at)?;
        let value = parts.value().filter(|_| !has_exponent);
        Ok(Self {
            raw,
            value: value.unwrap_or_else(|| raw.parse().unwrap_or(f64::NAN)),
            n_behind_whole: at - end_of_whole,
        })
    }
}

/// Every one of them is exact in `f64`.
const POWERS_OF_TEN: [f64; 23] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16,
    1e17, 1e18, 1e19, 1e20, 1e21, 1e22,
];

/// In a word of eight bytes, each of them with the bits of `0` flipped so that a digit is its value: one in every lane.
const LANES: u64 = 0x0101_0101_0101_0101;
/// The lane of a point.
const POINT: u8 = b'.' ^ b'0';
/// Makes the last lane no digit.
const END: u64 = 0x80 << 56;

/// One of the eight lanes, counted from the first byte.
#[inline(always)]
fn lane(word: u64, nth: usize) -> u8 {
    (word >> (8 * nth)) as u8
}

/// Whether a lane is that of `e` or `E`.
#[inline(always)]
fn is_exponent(lane: u8) -> bool {
    lane == b'e' ^ b'0' || lane == b'E' ^ b'0'
}

/// How many digits a word starts with.
#[inline(always)]
fn n_digits(word: u64) -> usize {
    // Marks the lanes above 9; exact for the lowest marked one, which is all that is asked for.
    let others = (word.wrapping_add(LANES * 0x76) | word) & (LANES * 0x80);
    (others.trailing_zeros() / 8) as usize
}

/// The value of the one to seven digits that a word starts with.
#[inline(always)]
fn value_of_digits(word: u64, n_digits: usize) -> u32 {
    // Digits to the upper lanes, zeros in front; then ones and tens, then hundreds, then ten thousands are joined.
    let digits = word << (64 - 8 * n_digits);
    let pairs = (digits.wrapping_mul(10).wrapping_add(digits >> 8)) & 0x00FF_00FF_00FF_00FF;
    let fours = (pairs.wrapping_mul(100).wrapping_add(pairs >> 16)) & 0x0000_FFFF_0000_FFFF;
    fours.wrapping_mul(10_000).wrapping_add(fours >> 32) as u32
}

/// A number's digits.
#[derive(Debug, Clone, Copy, Default)]
struct Parts {
    /// All digits before an exponent as one integer; exact up to 19 of them, wraps beyond.
    mantissa: u64,
    /// Digits before the point, a lone 0 not counted.
    n_whole: usize,
    n_fraction: usize,
    is_negative: bool,
}

impl Parts {
    /// Appends the digits from `at` on to the mantissa; how many there are.
    ///
    /// # Errors
    ///
    /// `at` when there is none.
    #[inline]
    fn take_digits(&mut self, bytes: &[u8], at: usize) -> Result<usize, usize> {
        let rest = bytes.get(at..).unwrap_or_default();
        let mut n_digits = 0;
        for digit in rest
            .iter()
            .map(|byte| byte.wrapping_sub(b'0'))
            .take_while(|digit| *digit < 10)
        {
            self.mantissa = self
                .mantissa
                .wrapping_mul(10)
                .wrapping_add(u64::from(digit));
            n_digits += 1;
        }
        if n_digits == 0 {
            return Err(at);
        }
        Ok(n_digits)
    }

    /// The value when both the digits and the power of ten under them are exact in `f64`: then one division
    /// rounds as a float parser does.
    #[inline]
    fn value(&self) -> Option<f64> {
        const EXACT_MAX: u64 = 1 << f64::MANTISSA_DIGITS;
        if self.n_whole + self.n_fraction > 19 || self.mantissa > EXACT_MAX {
            return None;
        }
        let value = self.mantissa as f64 / POWERS_OF_TEN.get(self.n_fraction)?;
        Some(if self.is_negative { -value } else { value })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[track_caller]
    fn check(text: &str) {
        let expected: f64 = text.parse().unwrap();
        for tail in ["", ",", "}", ",\"left\":1", " 12345678", "\u{e9}"] {
            let number = Number::read(&format!("[{text}{tail}"), 1).map(|number| {
                (
                    number.raw.len(),
                    number.value.to_bits(),
                    number.is_integer(),
                )
            });
            assert_eq!(
                number,
                Ok((
                    text.len(),
                    expected.to_bits(),
                    !text.contains(['.', 'e', 'E'])
                )),
                "{text}{tail}"
            );
        }
    }

    #[test]
    fn values() {
        for text in [
            "0",
            "7",
            "1234567",
            "12345678",
            "123456789012345678901234567890",
            "-0",
            "-0.0",
            "-5",
            "0.5",
            "12.345",
            "123456.7",
            "12345.67",
            "1.23456",
            "0.1234567",
            "0.12345678",
            "1234567.1234567",
            "164.60000000000002",
            "9007199254740992",
            "9007199254740993",
            "9007199254740993.5",
            "900719925474099.3",
            "0.0000000000000000000001",
            "0.00000000000000000000001",
            "7.0",
            "7e0",
            "1e400",
            "1.5E-7",
            "12e+3",
        ] {
            check(text);
        }
    }

    #[test]
    fn not_numbers() {
        let offset = |text: &str| Number::read(text, 0).unwrap_err();
        assert_eq!(offset(""), 0);
        assert_eq!(offset("-"), 1);
        assert_eq!(offset("-x"), 1);
        assert_eq!(offset(".5"), 0);
        assert_eq!(offset("1."), 2);
        assert_eq!(offset("1.,\"left\":1"), 2);
        assert_eq!(offset("123456.,\"left\":1"), 7);
        assert_eq!(offset("1234567.,\"left\":1"), 8);
        assert_eq!(offset("1e"), 2);
        assert_eq!(offset("1e+"), 3);
        assert_eq!(offset("1e+,\"left\":"), 3);
        assert_eq!(Number::read("0123456789", 0).unwrap().raw, "0");
    }

    proptest! {
        #[test]
        fn read_as_by_the_standard_library(text in "-?(0|[1-9][0-9]{0,20})(\\.[0-9]{1,25})?([eE][+-]?[0-9]{1,3})?") {
            check(&text);
        }
    }
}
