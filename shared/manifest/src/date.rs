//! Creation dates in one of the shapes that Custom Labels' own examples have.

use std::borrow::Cow;

/// Whether a date already has the shape `YYYY-MM-DDThh:mm:ss`, with or without a fraction, with or without `Z`.
fn is_plain(date: &str) -> bool {
    const SHAPE: &[u8; 19] = b"0000-00-00T00:00:00";
    let Some((front, rest)) = date.as_bytes().split_first_chunk::<19>() else {
        return false;
    };
    // All of them, without a stop at the first that doesn't fit: nearly all do.
    let fits = front.iter().zip(SHAPE).fold(true, |fits, (byte, shape)| {
        fits & if *shape == b'0' {
            byte.is_ascii_digit()
        } else {
            byte == shape
        }
    });
    let rest = rest.strip_suffix(b"Z").unwrap_or(rest);
    let is_fraction = match rest.split_first() {
        None => true,
        Some((point, digits)) => {
            *point == b'.'
                && (1..=9).contains(&digits.len())
                && digits.iter().all(u8::is_ascii_digit)
        }
    };
    fits && is_fraction && is_in_calendar(front)
}

/// Whether month, day, hour, minute and second of a date of that shape are possible; every month has up to 31 days.
fn is_in_calendar(date: &[u8; 19]) -> bool {
    let is_among = |at: usize, first: &[u8; 2], last: &[u8; 2]| {
        let range = u16::from_be_bytes(*first)..=u16::from_be_bytes(*last);
        let two = date.get(at..).and_then(|rest| rest.first_chunk());
        two.is_some_and(|two| range.contains(&u16::from_be_bytes(*two)))
    };
    is_among(5, b"01", b"12")
        && is_among(8, b"01", b"31")
        && is_among(11, b"00", b"23")
        && is_among(14, b"00", b"59")
        && is_among(17, b"00", b"60")
}

/// The date in an accepted shape: as it is when it has one, else in UTC as `YYYY-MM-DDThh:mm:ss.ffffff`.
///
/// A date without an offset is taken as UTC. `None` when it can't be read.
/// Seen in real output: `2018-10-18T22:18:13.527256`, `…T10:11:18.006Z`, `2013-11-18 02:53:27`, `2020-05-15T08:01:16+0000`.
pub(crate) fn normalised(date: Cow<'_, str>) -> Option<Cow<'_, str>> {
    if is_plain(&date) {
        return Some(date);
    }
    let utc = match date.parse::<jiff::Timestamp>() {
        Ok(timestamp) => jiff::tz::Offset::UTC.to_datetime(timestamp),
        Err(_) => date.parse::<jiff::civil::DateTime>().ok()?,
    };
    Some(Cow::Owned(format!(
        "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:06}",
        utc.year(),
        utc.month(),
        utc.day(),
        utc.hour(),
        utc.minute(),
        utc.second(),
        utc.subsec_nanosecond() / 1000
    )))
}

/// Seconds from one time to another, each with an offset or in UTC; `None` when one can't be read. Negative when the
/// second one is earlier.
#[must_use]
pub fn seconds_between(start: &str, end: &str) -> Option<f64> {
    let timestamp = |date: &str| match date.parse::<jiff::Timestamp>() {
        Ok(timestamp) => Some(timestamp),
        Err(_) => {
            let date: jiff::civil::DateTime = date.parse().ok()?;
            jiff::tz::Offset::UTC.to_timestamp(date).ok()
        }
    };
    Some(
        timestamp(end)?
            .duration_since(timestamp(start)?)
            .as_secs_f64(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn differences() {
        let check = |start: &str, end: &str, expected: Option<f64>| {
            assert_eq!(seconds_between(start, end), expected, "{start} {end}");
        };
        check(
            "2020-06-11T00:54:41.833Z",
            "2020-06-11T00:54:42Z",
            Some(0.167),
        );
        check("2020-06-11T00:54:41Z", "2020-06-11T00:54:41Z", Some(0.0));
        check(
            "2020-06-11T02:54:41+02:00",
            "2020-06-11 00:54:42",
            Some(1.0),
        );
        check("2020-06-11T00:54:42Z", "2020-06-11T00:54:41Z", Some(-1.0));
        check("yesterday", "2020-06-11T00:54:41Z", None);
    }

    #[test]
    fn shapes() {
        let check = |date: &str, expected: Option<&str>| {
            assert_eq!(
                normalised(Cow::Borrowed(date)).as_deref(),
                expected,
                "{date}"
            )
        };
        for kept in [
            "2018-10-18T22:18:13.527256",
            "2021-06-22T10:11:18.006Z",
            "2013-11-18T02:53:27",
            "2013-11-18T02:53:27Z",
        ] {
            check(kept, Some(kept));
        }
        check("2013-11-18 02:53:27", Some("2013-11-18T02:53:27.000000"));
        check(
            "2020-05-15T08:01:16+0000",
            Some("2020-05-15T08:01:16.000000"),
        );
        check(
            "2020-05-15T08:01:16.5+02:00",
            Some("2020-05-15T06:01:16.500000"),
        );
        check("2020-05-15", Some("2020-05-15T00:00:00.000000"));
        check("", None);
        check("yesterday", None);
        check("2020-02-31T23:59:60", Some("2020-02-31T23:59:60"));
        for impossible in [
            "2020-13-15T08:01:16",
            "2020-00-15T08:01:16",
            "2020-01-32T08:01:16Z",
            "2020-01-15T24:01:16",
            "2020-01-15T08:60:16",
            "2020-01-15T08:01:61.5",
        ] {
            check(impossible, None);
        }
        check("2020-13-15 08:01:16", None);
    }
}
