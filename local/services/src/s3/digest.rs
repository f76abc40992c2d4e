//! Digests of contents: entity tags, and the checksums that clients send and hold answers to.

use std::io::{self, Read, Write};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hyper::header::HeaderMap;
use s3s::checksum::ChecksumHasher;
use s3s::crypto::{Checksum as _, Crc32, Crc32c, Crc64Nvme, Md5, Sha1, Sha256};
use s3s::{S3Result, s3_error};
use serde::{Deserialize, Serialize};

/// An algorithm of checksums.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub(super) enum Algorithm {
    Crc32,
    Crc32c,
    Crc64Nvme,
    Sha1,
    Sha256,
}

impl Algorithm {
    /// All of them, in the order in which this module hands fields around.
    const ALL: [Self; 5] = [
        Self::Crc32,
        Self::Crc32c,
        Self::Crc64Nvme,
        Self::Sha1,
        Self::Sha256,
    ];

    /// Its name in the API.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Crc32 => "CRC32",
            Self::Crc32c => "CRC32C",
            Self::Crc64Nvme => "CRC64NVME",
            Self::Sha1 => "SHA1",
            Self::Sha256 => "SHA256",
        }
    }

    pub(super) fn parse(name: &str) -> S3Result<Self> {
        let mut all = Self::ALL.into_iter();
        all.find(|algorithm| algorithm.name().eq_ignore_ascii_case(name))
            .ok_or_else(|| {
                s3_error!(
                    InvalidRequest,
                    "{name} is no checksum algorithm: CRC32, CRC32C, CRC64NVME, SHA1, SHA256"
                )
            })
    }

    /// The header, or trailer, that a checksum stands in.
    fn header(self) -> String {
        format!("x-amz-checksum-{}", self.name().to_ascii_lowercase())
    }

    fn hasher(self) -> ChecksumHasher {
        let mut hasher = ChecksumHasher::default();
        match self {
            Self::Crc32 => hasher.crc32 = Some(Crc32::new()),
            Self::Crc32c => hasher.crc32c = Some(Crc32c::new()),
            Self::Crc64Nvme => hasher.crc64nvme = Some(Crc64Nvme::new()),
            Self::Sha1 => hasher.sha1 = Some(Sha1::new()),
            Self::Sha256 => hasher.sha256 = Some(Sha256::new()),
        }
        hasher
    }
}

/// A checksum of an object.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Checksum {
    pub(super) algorithm: Algorithm,
    /// In base64; of a multipart upload's parts' checksums, if it ends with `-` and the number of parts.
    pub(super) value: String,
}

impl Checksum {
    /// Whether it is one of the parts' checksums.
    pub(super) fn is_composite(&self) -> bool {
        self.value.contains('-')
    }

    /// The value in its field among those of CRC32, CRC32C, CRC64NVME, SHA1 and SHA256.
    pub(super) fn fields(checksum: Option<&Self>) -> [Option<String>; 5] {
        Algorithm::ALL.map(|algorithm| {
            let checksum = checksum.filter(|checksum| checksum.algorithm == algorithm)?;
            Some(checksum.value.clone())
        })
    }

    /// The one that is given among the fields of CRC32, CRC32C, CRC64NVME, SHA1 and SHA256.
    pub(super) fn given(fields: [Option<String>; 5]) -> Option<Self> {
        let mut fields = Algorithm::ALL.into_iter().zip(fields);
        fields.find_map(|(algorithm, value)| {
            Some(Self {
                algorithm,
                value: value?,
            })
        })
    }
}

/// The checksum fields of a type of `s3s`, in this module's order.
macro_rules! checksum_fields {
    ($of:expr) => {
        [
            $of.checksum_crc32.take(),
            $of.checksum_crc32c.take(),
            $of.checksum_crc64nvme.take(),
            $of.checksum_sha1.take(),
            $of.checksum_sha256.take(),
        ]
    };
}
pub(super) use checksum_fields;

/// Puts the checksum into its field of a type of `s3s`.
macro_rules! set_checksum {
    ($of:expr, $checksum:expr) => {
        [
            $of.checksum_crc32,
            $of.checksum_crc32c,
            $of.checksum_crc64nvme,
            $of.checksum_sha1,
            $of.checksum_sha256,
        ] = $crate::s3::digest::Checksum::fields($checksum)
    };
}
pub(super) use set_checksum;

/// What a content's writer says of it, to hold it to.
#[derive(Debug, Default)]
pub(super) struct Claims {
    pub(super) content_md5: Option<String>,
    /// Size in bytes.
    pub(super) size: Option<i64>,
    pub(super) checksum: Option<Checksum>,
    /// Algorithm of a checksum that comes after the content, or that the storage shall compute.
    pub(super) algorithm: Option<Algorithm>,
}

impl Claims {
    /// The algorithm to compute a checksum with.
    pub(super) fn algorithm(&self) -> Option<Algorithm> {
        let checksum = self.checksum.as_ref();
        checksum.map(|one| one.algorithm).or(self.algorithm)
    }

    /// The checksum that the headers announce for the end of the content.
    pub(super) fn announced(headers: &HeaderMap) -> Option<Algorithm> {
        let trailer = headers.get("x-amz-trailer")?.to_str().ok()?.trim();
        let mut all = Algorithm::ALL.into_iter();
        all.find(|algorithm| algorithm.header().eq_ignore_ascii_case(trailer))
    }

    /// Holds what came to what was said of it. `trailers` came after the content.
    pub(super) fn hold(&self, digests: &Digests, trailers: Option<&HeaderMap>) -> S3Result<()> {
        if self.size.is_some_and(|size| size as u64 != digests.size) {
            return Err(s3_error!(
                IncompleteBody,
                "the body has {} bytes, not the number that Content-Length says",
                digests.size
            ));
        }
        if let Some(claimed) = &self.content_md5 {
            let claimed = STANDARD.decode(claimed).ok();
            let Some(claimed) = claimed.filter(|claimed| claimed.len() == 16) else {
                let message = "the Content-MD5 is no base64 of 16 bytes";
                return Err(s3_error!(InvalidDigest, "{message}"));
            };
            if hex(&claimed) != digests.md5 {
                let message = "the Content-MD5 is not the content's";
                return Err(s3_error!(BadDigest, "{message}"));
            }
        }
        let Some(found) = &digests.checksum else {
            return Ok(());
        };
        let trailer = trailers.and_then(|all| all.get(found.algorithm.header()));
        let trailer = trailer.and_then(|value| value.to_str().ok());
        let claimed = self.checksum.as_ref().map(|claimed| claimed.value.as_str());
        match claimed.or(trailer) {
            Some(claimed) if claimed != found.value => Err(s3_error!(
                BadDigest,
                "the {} {claimed} is not the content's, which is {}",
                found.algorithm.name(),
                found.value
            )),
            _ => Ok(()),
        }
    }
}

/// Computes the digests of a content that comes piece by piece.
pub(super) struct Digesting {
    md5: Md5,
    checksum: Option<(Algorithm, ChecksumHasher)>,
    size: u64,
}

/// A content's digests.
#[derive(Debug)]
pub(super) struct Digests {
    /// In hexadecimal digits, as in an entity tag.
    pub(super) md5: String,
    pub(super) checksum: Option<Checksum>,
    /// Size in bytes.
    pub(super) size: u64,
}

impl Digesting {
    pub(super) fn new(algorithm: Option<Algorithm>) -> Self {
        Self {
            md5: Md5::new(),
            checksum: algorithm.map(|algorithm| (algorithm, algorithm.hasher())),
            size: 0,
        }
    }

    pub(super) fn update(&mut self, bytes: &[u8]) {
        self.md5.update(bytes);
        if let Some((_, hasher)) = &mut self.checksum {
            hasher.update(bytes);
        }
        self.size += bytes.len() as u64;
    }

    /// Copies what is left of `from` to `to`, and tells the number of bytes.
    pub(super) fn copy(&mut self, from: &mut impl Read, to: &mut impl Write) -> io::Result<u64> {
        let mut buffer = vec![0; 256 * 1024];
        let mut n_copied = 0;
        loop {
            let n_read = from.read(&mut buffer)?;
            let piece = buffer.get(..n_read).unwrap_or_default();
            if piece.is_empty() {
                return Ok(n_copied);
            }
            self.update(piece);
            to.write_all(piece)?;
            n_copied += piece.len() as u64;
        }
    }

    pub(super) fn finish(self) -> Digests {
        let checksum = self.checksum.and_then(|(_, hasher)| {
            let mut found = hasher.finalize();
            Checksum::given(checksum_fields!(found))
        });
        Digests {
            md5: hex(&self.md5.finalize()),
            checksum,
            size: self.size,
        }
    }
}

/// The entity tag of a multipart upload, from those of its parts: MD5 of their MD5s, and their number.
///
/// Source: S3 User Guide, "Checking object integrity".
pub(super) fn multipart_etag(parts: &[String]) -> String {
    let mut md5 = Md5::new();
    for part in parts {
        md5.update(&unhex(part));
    }
    format!("{}-{}", hex(&md5.finalize()), parts.len())
}

/// The checksum of a multipart upload, from those of its parts.
pub(super) fn composite(algorithm: Algorithm, parts: &[String]) -> Checksum {
    let mut digesting = Digesting::new(Some(algorithm));
    for part in parts {
        digesting.update(&STANDARD.decode(part).unwrap_or_default());
    }
    let found = digesting.finish().checksum.map(|found| found.value);
    Checksum {
        algorithm,
        value: format!("{}-{}", found.unwrap_or_default(), parts.len()),
    }
}

/// Bytes as hexadecimal digits.
pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex(digits: &str) -> Vec<u8> {
    let digits: Vec<u8> = digits
        .chars()
        .filter_map(|digit| u8::try_from(digit.to_digit(16)?).ok())
        .collect();
    let pairs = digits.chunks_exact(2);
    pairs
        .map(|pair| pair.iter().fold(0, |byte, digit| byte << 4 | digit))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digests(algorithm: Option<Algorithm>) -> Digests {
        let mut digesting = Digesting::new(algorithm);
        digesting.update(b"1234");
        digesting.update(b"56789");
        digesting.finish()
    }

    /// The check values of the algorithms' catalogues, for the text `123456789`.
    #[test]
    fn digests_are_the_standards() {
        let check = |algorithm, expected: &str| {
            let found = digests(Some(algorithm)).checksum.unwrap();
            let bytes = STANDARD.decode(found.value).unwrap();
            assert_eq!(hex(&bytes), expected, "{algorithm:?}");
        };
        check(Algorithm::Crc32, "cbf43926");
        check(Algorithm::Crc32c, "e3069283");
        check(Algorithm::Crc64Nvme, "ae8b14860a799888");
        check(Algorithm::Sha1, "f7c3bc1d808e04732adf679965ccc34ca7ae3441");
        let digests = digests(None);
        assert_eq!(digests.md5, "25f9e794323b453885f5181f1b624d0b");
        assert_eq!((digests.size, digests.checksum), (9, None));
    }

    #[test]
    fn contents_are_held_to_what_is_said_of_them() {
        let check = |claims: Claims, expected: Option<&str>| {
            let held = claims.hold(&digests(claims.algorithm()), None);
            let code = held.err().map(|error| error.code().as_str().to_owned());
            assert_eq!(code.as_deref(), expected, "{claims:?}");
        };
        let checksum = |algorithm, value: &str| Claims {
            checksum: Some(Checksum {
                algorithm,
                value: value.to_owned(),
            }),
            ..Claims::default()
        };
        let md5 = |text: &str| Claims {
            content_md5: Some(text.to_owned()),
            ..Claims::default()
        };
        let size = |size| Claims {
            size: Some(size),
            ..Claims::default()
        };
        check(Claims::default(), None);
        check(checksum(Algorithm::Crc32, "y/Q5Jg=="), None);
        check(checksum(Algorithm::Crc32, "AAAAAA=="), Some("BadDigest"));
        check(md5("JfnnlDI7RTiF9RgfG2JNCw=="), None);
        check(md5("AAAAAAAAAAAAAAAAAAAAAA=="), Some("BadDigest"));
        check(md5("JfnnlDI7"), Some("InvalidDigest"));
        check(size(9), None);
        check(size(8), Some("IncompleteBody"));
        check(size(10), Some("IncompleteBody"));
    }

    #[test]
    fn digests_of_parts() {
        let part = "25f9e794323b453885f5181f1b624d0b".to_owned();
        let md5 = |bytes: &[u8]| hex(&Md5::checksum(bytes));
        let twice = [unhex(&part), unhex(&part)].concat();
        let expected = format!("{}-2", md5(&twice));
        assert_eq!(multipart_etag(&[part.clone(), part]), expected);
        let value = composite(Algorithm::Crc32, &["y/Q5Jg==".to_owned()]).value;
        let mut digesting = Digesting::new(Some(Algorithm::Crc32));
        digesting.update(&STANDARD.decode("y/Q5Jg==").unwrap());
        let expected = digesting.finish().checksum.unwrap().value;
        assert_eq!(value, format!("{expected}-1"));
    }
}
