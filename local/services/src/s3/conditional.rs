//! What a request wants of the object that is there before it reads, copies or replaces it.

use s3s::dto::{ETagCondition, Timestamp};
use s3s::{S3Error, S3Result, s3_error};

use super::error::no_such_key;

/// What must hold of the object that is there, or isn't, for a write to go through.
#[derive(Clone, Debug, Default)]
pub(super) struct WriteCondition {
    pub(super) if_match: Option<ETagCondition>,
    pub(super) if_none_match: Option<ETagCondition>,
}

impl WriteCondition {
    /// Whether the entity tag of the object that is there matters.
    pub(super) fn wants_etag(&self) -> bool {
        let conditions = [&self.if_match, &self.if_none_match];
        conditions
            .into_iter()
            .flatten()
            .any(|condition| matches!(condition, ETagCondition::ETag(_)))
    }

    /// `current` is the entity tag of the object that is there, without quotes; empty if nobody wants it.
    pub(super) fn check(&self, current: Option<&str>) -> S3Result<()> {
        let matches = |condition: &ETagCondition| current.map(|etag| is_match(condition, etag));
        if let Some(condition) = &self.if_match {
            match matches(condition) {
                None => return Err(no_such_key()),
                Some(false) => return Err(precondition_failed()),
                Some(true) => {}
            }
        }
        match self.if_none_match.as_ref().and_then(matches) {
            Some(true) => Err(precondition_failed()),
            _ => Ok(()),
        }
    }
}

/// What must hold of an object for a read to go through.
#[derive(Clone, Debug, Default)]
pub(super) struct ReadCondition {
    pub(super) if_match: Option<ETagCondition>,
    pub(super) if_none_match: Option<ETagCondition>,
    pub(super) if_modified_since: Option<Timestamp>,
    pub(super) if_unmodified_since: Option<Timestamp>,
}

/// How a condition of a read came out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Held {
    Yes,
    /// The object is another one than the client wants.
    No,
    /// The object is the one that the client has.
    Unchanged,
}

impl ReadCondition {
    /// `modified` has whole seconds, as the dates of requests. A condition on entity tags goes before one on time.
    ///
    /// Source: S3 API, GetObject.
    pub(super) fn check(&self, etag: &str, modified: &Timestamp) -> Held {
        let is_wanted = match (&self.if_match, &self.if_unmodified_since) {
            (Some(condition), _) => is_match(condition, etag),
            (None, Some(time)) => modified <= time,
            (None, None) => true,
        };
        if !is_wanted {
            return Held::No;
        }
        let is_known = match (&self.if_none_match, &self.if_modified_since) {
            (Some(condition), _) => is_match(condition, etag),
            (None, Some(time)) => modified <= time,
            (None, None) => false,
        };
        if is_known { Held::Unchanged } else { Held::Yes }
    }
}

fn is_match(condition: &ETagCondition, etag: &str) -> bool {
    match condition {
        ETagCondition::Any => true,
        ETagCondition::ETag(wanted) => wanted.value() == etag,
    }
}

pub(super) fn precondition_failed() -> S3Error {
    s3_error!(
        PreconditionFailed,
        "At least one of the pre-conditions you specified did not hold"
    )
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, SystemTime};

    use s3s::dto::ETag;

    use super::*;

    fn tag(value: &str) -> Option<ETagCondition> {
        Some(match value {
            "*" => ETagCondition::Any,
            value => ETagCondition::ETag(ETag::Strong(value.to_owned())),
        })
    }

    #[test]
    fn writes() {
        let check = |if_match: &str, if_none_match: &str, current, expected: Option<&str>| {
            let condition = WriteCondition {
                if_match: tag(if_match).filter(|_| !if_match.is_empty()),
                if_none_match: tag(if_none_match).filter(|_| !if_none_match.is_empty()),
            };
            let refused = condition.check(current).err();
            let code = refused.map(|error| error.code().as_str().to_owned());
            assert_eq!(code.as_deref(), expected, "{condition:?} of {current:?}");
        };
        check("", "", None, None);
        check("", "", Some("a"), None);
        check("a", "", Some("a"), None);
        check("a", "", Some("b"), Some("PreconditionFailed"));
        check("a", "", None, Some("NoSuchKey"));
        check("*", "", Some("b"), None);
        check("*", "", None, Some("NoSuchKey"));
        check("", "*", None, None);
        check("", "*", Some("a"), Some("PreconditionFailed"));
        check("", "a", Some("a"), Some("PreconditionFailed"));
        check("", "a", Some("b"), None);
    }

    fn at(seconds: u64) -> Timestamp {
        Timestamp::from(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds))
    }

    fn check_read(condition: ReadCondition, expected: Held) {
        assert_eq!(condition.check("a", &at(10)), expected, "{condition:?}");
    }

    #[test]
    fn reads_of_some_content() {
        let (none, check) = (ReadCondition::default, check_read);
        check(none(), Held::Yes);
        for (value, matching, other) in [
            ("a", Held::Yes, Held::Unchanged),
            ("*", Held::Yes, Held::Unchanged),
            ("b", Held::No, Held::Yes),
        ] {
            let if_match = tag(value);
            check(ReadCondition { if_match, ..none() }, matching);
            let if_none_match = tag(value);
            check(
                ReadCondition {
                    if_none_match,
                    ..none()
                },
                other,
            );
        }
    }

    #[test]
    fn reads_by_time() {
        let (none, check) = (ReadCondition::default, check_read);
        for (seconds, unmodified, modified) in [
            (9, Held::No, Held::Yes),
            (10, Held::Yes, Held::Unchanged),
            (11, Held::Yes, Held::Unchanged),
        ] {
            let time = Some(at(seconds));
            check(
                ReadCondition {
                    if_unmodified_since: time.clone(),
                    ..none()
                },
                unmodified,
            );
            check(
                ReadCondition {
                    if_modified_since: time,
                    ..none()
                },
                modified,
            );
        }
        // Entity tags go before times.
        let (if_match, if_unmodified_since) = (tag("a"), Some(at(9)));
        check(
            ReadCondition {
                if_match,
                if_unmodified_since,
                ..none()
            },
            Held::Yes,
        );
        let (if_none_match, if_modified_since) = (tag("b"), Some(at(11)));
        check(
            ReadCondition {
                if_none_match,
                if_modified_since,
                ..none()
            },
            Held::Yes,
        );
    }
}
