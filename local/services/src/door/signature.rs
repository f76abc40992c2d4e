//! Signatures of requests, version 4, in the `Authorization` header.
//!
//! The signature is computed anew by the SDKs' own signer and compared. Source: IAM User Guide, "Create a signed AWS API
//! request". S3 checks its own: there a signature stands in the address, too, and covers bodies by the chunk.

use std::time::{Duration, SystemTime};

use aws_sdk_s3::config::Credentials;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4::SigningParams;
use hyper::header::{AUTHORIZATION, HeaderMap};
use hyper::http::request::Parts;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use subtle::ConstantTimeEq as _;

use super::Refusal;
use crate::REGION;
use crate::keys::Keys;

/// How far a signature's time may be from ours, inclusive. Source: IAM User Guide, "within five minutes" of older pages,
/// "15 minutes" in "Troubleshoot Signature Version 4 signing for AWS API requests".
const CLOCK_SKEW_MAX: Duration = Duration::from_secs(15 * 60);

/// What the services that check one here are called in a signature.
pub(crate) const REKOGNITION: &str = "rekognition";
/// See [`REKOGNITION`].
pub(crate) const LAMBDA: &str = "lambda";

/// Checks that whoever has `keys` signed this request to `service`, with all of its body, within 15 minutes of `now`.
///
/// # Errors
///
/// What the signature lacks, or that it is another request's or another key's.
pub(crate) fn verify(
    request: &Parts,
    body: &[u8],
    keys: &Keys,
    service: &'static str,
    now: SystemTime,
) -> Result<(), Refusal> {
    let authorization = request.headers.get(AUTHORIZATION);
    let authorization = authorization.ok_or(Refusal::NoSignature)?;
    let claimed = Claimed::parse(authorization.to_str().unwrap_or_default())?;
    if claimed.access_key != keys.access_key {
        return Err(Refusal::UnknownKey);
    }
    if claimed.region != REGION || claimed.service != service {
        return Err(Refusal::Scope {
            region: claimed.region.to_owned(),
            service: claimed.service.to_owned(),
            expected: service,
        });
    }
    let headers = claimed.headers_of(&request.headers)?;
    let signed_at = time(claimed.date, &headers)?;
    let distance = match now.duration_since(signed_at) {
        Ok(distance) => distance,
        Err(error) => error.duration(),
    };
    if distance > CLOCK_SKEW_MAX {
        return Err(Refusal::OutOfDate {
            signed: date_time(&headers).to_owned(),
        });
    }
    let path = request.uri.path_and_query();
    let computed = SignableRequest::new(
        request.method.as_str(),
        path.map_or("/", |path| path.as_str()),
        headers.iter().copied(),
        SignableBody::Bytes(body),
    )
    .map_err(Into::into)
    .and_then(|signable| signature(signable, keys, service, signed_at))
    .map_err(|problem| incomplete(&format!("the request can't be signed: {problem}")))?;
    let is_right = computed.as_bytes().ct_eq(claimed.signature.as_bytes());
    if bool::from(is_right) {
        Ok(())
    } else {
        Err(Refusal::WrongSignature)
    }
}

/// What an `Authorization` header says.
struct Claimed<'a> {
    access_key: &'a str,
    date: &'a str,
    region: &'a str,
    service: &'a str,
    headers: Vec<&'a str>,
    signature: &'a str,
}

impl<'a> Claimed<'a> {
    fn parse(authorization: &'a str) -> Result<Self, Refusal> {
        let parts = authorization
            .strip_prefix("AWS4-HMAC-SHA256 ")
            .ok_or_else(|| incomplete("Authorization header requires AWS4-HMAC-SHA256."))?;
        let part = |wanted: &str| {
            let mut parts = parts
                .split(',')
                .filter_map(|part| part.trim().split_once('='));
            let found = parts.find(|(name, _)| *name == wanted);
            found.map(|(_, value)| value).ok_or_else(|| {
                incomplete(&format!(
                    "Authorization header requires '{wanted}' parameter."
                ))
            })
        };
        let credential: Vec<&str> = part("Credential")?.split('/').collect();
        let [access_key, date, region, service, "aws4_request"] = *credential.as_slice() else {
            return Err(incomplete(
                "Credential must have exactly 5 slash-delimited elements.",
            ));
        };
        Ok(Self {
            access_key,
            date,
            region,
            service,
            headers: part("SignedHeaders")?.split(';').collect(),
            signature: part("Signature")?,
        })
    }

    /// The signed headers with their values.
    fn headers_of(&self, all: &'a HeaderMap) -> Result<Vec<(&'a str, &'a str)>, Refusal> {
        for required in ["host", "x-amz-date"] {
            if !self.headers.contains(&required) {
                return Err(incomplete(&format!(
                    "'{required}' must be a 'SignedHeader'."
                )));
            }
        }
        let mut headers = Vec::new();
        for name in &self.headers {
            let before = headers.len();
            for value in all.get_all(*name) {
                let value = value.to_str();
                headers.push((
                    *name,
                    value.map_err(|_| incomplete(&format!("'{name}' is no ASCII text.")))?,
                ));
            }
            if headers.len() == before {
                return Err(incomplete(&format!("signed header '{name}' is missing.")));
            }
        }
        Ok(headers)
    }
}

fn incomplete(what: &str) -> Refusal {
    Refusal::Incomplete {
        what: what.to_owned(),
    }
}

fn date_time<'a>(headers: &[(&'a str, &'a str)]) -> &'a str {
    let mut dates = headers.iter().filter(|(name, _)| *name == "x-amz-date");
    dates.next().map_or("", |(_, value)| value)
}

/// When the request was signed; `date` is the credential's.
fn time(date: &str, headers: &[(&str, &str)]) -> Result<SystemTime, Refusal> {
    let text = date_time(headers);
    let parsed = DateTime::strptime("%Y%m%dT%H%M%SZ", text)
        .and_then(|parsed| parsed.to_zoned(TimeZone::UTC))
        .map_err(|_| incomplete("Date must be in ISO-8601 'basic format'."))?;
    if !text.starts_with(date) || date.len() != "yyyymmdd".len() {
        return Err(incomplete(
            "Date in Credential scope does not match 'x-amz-date'.",
        ));
    }
    Ok(SystemTime::from(parsed.timestamp()))
}

fn signature(
    request: SignableRequest<'_>,
    keys: &Keys,
    service: &str,
    time: SystemTime,
) -> Result<String, Box<dyn std::error::Error + Send + Sync>> {
    let identity = Credentials::new(&keys.access_key, &keys.secret_key, None, None, "gtcl").into();
    // What the client signed counts, whatever an SDK would have.
    let mut settings = SigningSettings::default();
    settings.excluded_headers = None;
    let parameters = SigningParams::builder()
        .identity(&identity)
        .region(REGION)
        .name(service)
        .time(time)
        .settings(settings)
        .build()?
        .into();
    Ok(sign(request, &parameters)?.signature().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The request "post-vanilla" of AWS's Signature Version 4 test suite, whose signature AWS computed.
    const HOST: &str = "example.amazonaws.com";
    const DATE: &str = "20150830T123600Z";
    const SIGNED: &str = "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, SignedHeaders=host;x-amz-date, Signature=5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b";

    struct Case {
        path: &'static str,
        headers: Vec<(&'static str, String)>,
        body: &'static str,
        service: &'static str,
        secret: &'static str,
        /// Seconds after the signature.
        late_s: i64,
    }

    /// What becomes of the request as `change` leaves it; empty when it is let in.
    fn check(change: impl FnOnce(&mut Case), expected: &str) {
        let mut case = Case {
            path: "/",
            headers: vec![
                ("host", HOST.to_owned()),
                ("x-amz-date", DATE.to_owned()),
                ("authorization", SIGNED.to_owned()),
            ],
            body: "",
            service: "service",
            secret: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
            late_s: 0,
        };
        change(&mut case);
        let mut request = hyper::Request::post(case.path);
        for (name, value) in &case.headers {
            request = request.header(*name, value);
        }
        let (parts, ()) = request.body(()).unwrap().into_parts();
        let keys = Keys {
            access_key: "AKIDEXAMPLE".to_owned(),
            secret_key: case.secret.to_owned(),
        };
        let signed: jiff::Timestamp = "2015-08-30T12:36:00Z".parse().unwrap();
        let now = signed + jiff::SignedDuration::from_secs(case.late_s);
        let found = verify(
            &parts,
            case.body.as_bytes(),
            &keys,
            case.service,
            now.into(),
        );
        let found = found.map_or_else(
            |refusal| format!("{} {refusal}", refusal.code()),
            |()| String::new(),
        );
        assert_eq!(found.is_empty(), expected.is_empty(), "{found}");
        assert!(found.contains(expected), "{found}: {expected}");
    }

    /// Replaces in the `Authorization` header.
    fn claim(case: &mut Case, from: &str, to: &str) {
        assert!(case.headers[2].1.contains(from));
        case.headers[2].1 = case.headers[2].1.replace(from, to);
    }

    #[test]
    fn signatures() {
        check(|_| {}, "");
        check(|case| claim(case, ", ", ","), "");
        check(|case| case.late_s = 900, "");
        check(|case| case.late_s = -900, "");
        check(
            |case| case.headers.push(("x-more", "not signed".to_owned())),
            "",
        );

        check(
            |case| case.late_s = 901,
            "InvalidSignatureException Signature of 20150830T123600Z",
        );
        check(
            |case| case.late_s = -901,
            "InvalidSignatureException Signature of",
        );
        check(
            |case| drop(case.headers.pop()),
            "MissingAuthenticationTokenException",
        );
        check(
            |case| case.secret = "another",
            "InvalidSignatureException The request",
        );
        check(
            |case| case.path = "/other",
            "InvalidSignatureException The request",
        );
        check(
            |case| case.path = "/?a=b",
            "InvalidSignatureException The request",
        );
        check(
            |case| case.body = "{}",
            "InvalidSignatureException The request",
        );
        check(
            |case| case.headers[0].1 = "localhost".to_owned(),
            "InvalidSignatureException The request",
        );
        check(
            |case| case.headers.push(("host", HOST.to_owned())),
            "InvalidSignatureException The request",
        );
        check(
            |case| claim(case, "Signature=5", "Signature=6"),
            "InvalidSignatureException The request",
        );
        check(
            |case| claim(case, "Signature=5da7", "Signature=5DA7"),
            "InvalidSignatureException The request",
        );
        check(
            |case| case.service = "rekognition",
            "InvalidSignatureException Credential should be scoped",
        );
        check(
            |case| claim(case, "us-east-1", "eu-west-1"),
            "InvalidSignatureException Credential should be scoped",
        );
        check(
            |case| claim(case, "AKIDEXAMPLE", "AKIDEXAMPL"),
            "UnrecognizedClientException",
        );

        let incomplete = "IncompleteSignatureException";
        check(|case| claim(case, "AWS4-HMAC-SHA256", "AWS4"), incomplete);
        check(|case| claim(case, "AWS4-HMAC-SHA256 ", ""), incomplete);
        check(|case| claim(case, "/aws4_request", ""), incomplete);
        check(|case| claim(case, "/service/", "/service/x/"), incomplete);
        check(|case| claim(case, "Signature=", "Sign="), incomplete);
        check(
            |case| claim(case, "SignedHeaders=host;", "SignedHeaders="),
            "'host' must be",
        );
        check(
            |case| claim(case, ";x-amz-date", ""),
            "'x-amz-date' must be",
        );
        check(
            |case| claim(case, ";x-amz-date", ";x-amz-date;x-b"),
            "header 'x-b' is missing",
        );
        check(
            |case| claim(case, "/20150830/", "/20150831/"),
            "does not match 'x-amz-date'",
        );
        check(
            |case| claim(case, "/20150830/", "/201508/"),
            "does not match 'x-amz-date'",
        );
        check(
            |case| case.headers[1].1 = "Sun, 30 Aug 2015".to_owned(),
            "basic format",
        );
        check(|case| case.headers[2].1 = String::new(), incomplete);
    }
}
