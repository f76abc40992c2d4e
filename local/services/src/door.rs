//! Who may come in: what every listener of the embedded services asks before it reads a request.
//!
//! A page in the user's browser can send requests to any port of this machine. Three things give it away, and a page
//! can change none of them: `Host` names the address that the page used, its own after DNS rebinding; `Origin` names
//! the page with everything but plain reading; `Sec-Fetch-Site` says `cross-site` of what the page embeds. Requests of
//! programs have neither of the last two. [`signature`] is asked next, where a service wants one.

pub(crate) mod signature;

use std::net::SocketAddr;

use hyper::Uri;
use hyper::header::{HOST, HeaderMap, HeaderName, ORIGIN};
use hyper::http::uri::Authority;

use crate::REGION;

/// What a browser says of a request: `cross-site` when a page of another site makes it.
const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// The port that a URL of plain HTTP leaves out.
const HTTP_PORT: u16 = 80;

/// Why a request is not let in.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refusal {
    #[error("Host {host:?} is not this service: it is called by 127.0.0.1, localhost or [::1]")]
    ForeignHost { host: String },
    #[error("Origin {origin:?} is not this service: pages of other origins may not call it")]
    ForeignOrigin { origin: String },
    #[error("a page of another site may not call this service")]
    ForeignSite,
    #[error("Missing Authentication Token")]
    NoSignature,
    #[error("{what}")]
    Incomplete { what: String },
    #[error("The security token included in the request is invalid.")]
    UnknownKey,
    #[error(
        "Credential should be scoped to {REGION} and {expected:?}, not to {region:?} and {service:?}."
    )]
    Scope {
        region: String,
        service: String,
        expected: &'static str,
    },
    #[error("Signature of {signed} is not within 15 minutes of this machine's time")]
    OutOfDate { signed: String },
    #[error(
        "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and signing method. Consult the service documentation for details."
    )]
    WrongSignature,
}

impl Refusal {
    /// HTTP status of every refusal.
    pub(crate) const STATUS: u16 = 403;

    /// The exception that services of JSON protocols answer. Source: "Common error types" of their API references.
    pub(crate) fn code(&self) -> &'static str {
        match self {
            Self::ForeignHost { .. } | Self::ForeignOrigin { .. } | Self::ForeignSite => {
                "AccessDeniedException"
            }
            Self::NoSignature => "MissingAuthenticationTokenException",
            Self::Incomplete { .. } => "IncompleteSignatureException",
            Self::UnknownKey => "UnrecognizedClientException",
            Self::Scope { .. } | Self::OutOfDate { .. } | Self::WrongSignature => {
                "InvalidSignatureException"
            }
        }
    }
}

/// Lets a request to the listener at `own` in, unless a page of another origin made it or it is for another host.
///
/// # Errors
///
/// [`Refusal::ForeignHost`], also when no host is named or two are; [`Refusal::ForeignOrigin`], also for the `null` of
/// pages without an origin; [`Refusal::ForeignSite`].
pub(crate) fn admit(uri: &Uri, headers: &HeaderMap, own: SocketAddr) -> Result<(), Refusal> {
    let text =
        |value: &hyper::header::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into();
    let foreign_host = |host| Refusal::ForeignHost { host };
    // A URI with a host of its own stands before the header, and is all that HTTP/2 has.
    let mut hosts: Vec<String> = headers.get_all(HOST).iter().map(text).collect();
    if hosts.len() > 1 {
        return Err(foreign_host(hosts.join(", ")));
    }
    hosts.extend(uri.authority().map(ToString::to_string));
    if hosts.is_empty() {
        return Err(foreign_host(String::new()));
    }
    if let Some(host) = hosts.into_iter().find(|host| !is_named(host, own)) {
        return Err(foreign_host(host));
    }
    let mut origins = headers.get_all(ORIGIN).iter().map(text);
    let is_own_origin = |origin: &str| {
        let host = origin.strip_prefix("http://");
        host.is_some_and(|host| is_own(host, own))
    };
    if let Some(origin) = origins.find(|origin: &String| !is_own_origin(origin)) {
        return Err(Refusal::ForeignOrigin { origin });
    }
    let mut sites = headers.get_all(SEC_FETCH_SITE).iter();
    if sites.any(|site| site == "cross-site") {
        return Err(Refusal::ForeignSite);
    }
    Ok(())
}

/// Whether `host:port` names the listener.
fn is_own(host: &str, own: SocketAddr) -> bool {
    let port = host
        .parse::<Authority>()
        .ok()
        .map(|it| it.port_u16().unwrap_or(HTTP_PORT));
    is_named(host, own) && port == Some(own.port())
}

/// Whether `host:port` names the listener's machine. A forwarded port has another number, and a page can't choose the
/// name that stands before it.
fn is_named(host: &str, own: SocketAddr) -> bool {
    let Ok(authority) = host.parse::<Authority>() else {
        return false;
    };
    // A user's name stands before an @.
    if authority.as_str().contains('@') {
        return false;
    }
    let has_port = authority.as_str().len() > authority.host().len();
    if has_port && authority.port_u16().is_none() {
        return false;
    }
    let address = match own {
        SocketAddr::V4(own) => own.ip().to_string(),
        SocketAddr::V6(own) => format!("[{}]", own.ip()),
    };
    let names = ["127.0.0.1", "localhost", "[::1]", &address];
    names
        .iter()
        .any(|name| name.eq_ignore_ascii_case(authority.host()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Headers as `name: value`, one a line; expected is what the refusal says of it, empty for none.
    fn check(uri: &str, lines: &str, expected: &str) {
        check_at("127.0.0.1:9000", uri, lines, expected);
    }

    fn check_at(own: &str, uri: &str, lines: &str, expected: &str) {
        let mut headers = HeaderMap::new();
        for line in lines.lines() {
            let (name, value) = line.split_once(": ").unwrap();
            let name: HeaderName = name.parse().unwrap();
            headers.append(name, value.parse().unwrap());
        }
        let found = admit(&uri.parse().unwrap(), &headers, own.parse().unwrap());
        let found = found.err().map(|refusal| refusal.to_string());
        match found {
            None => assert_eq!(expected, "", "{uri} {lines}"),
            Some(found) => assert!(
                !expected.is_empty() && found.contains(expected),
                "{uri} {lines}: {found}"
            ),
        }
    }

    #[test]
    fn hosts() {
        check("/", "host: 127.0.0.1:9000", "");
        check("/", "host: localhost:9000", "");
        check("/", "host: LocalHost:9000", "");
        check("/", "host: [::1]:9000", "");
        check("http://127.0.0.1:9000/", "host: 127.0.0.1:9000", "");
        check("http://127.0.0.1:9000/", "", "");
        check_at("192.0.2.7:9000", "/", "host: 192.0.2.7:9000", "");
        check_at("[2001:db8::7]:9000", "/", "host: [2001:db8::7]:9000", "");
        check_at("127.0.0.1:80", "/", "host: localhost", "");
        check("/", "host: 127.0.0.1", "");
        check("/", "host: 127.0.0.1:9001", "");

        check("/", "", "Host \"\"");
        check("/", "host: ", "Host \"\"");
        check("/", "host: evil.example:9000", "Host \"evil.example:9000\"");
        check("/", "host: evil.example", "localhost or [::1]");
        check("/", "host: 127.0.0.1:99000", "Host");
        check("/", "host: 127.0.0.1.evil.example:9000", "Host");
        check("/", "host: bucket.localhost:9000", "Host");
        check("/", "host: localhost@evil.example:9000", "Host");
        check("/", "host: evil.example@localhost:9000", "Host");
        check("/", "host: 192.0.2.7:9000", "Host");
        check("/", "host: 0.0.0.0:9000", "Host");
        check("/", "host: 127.0.0.1:9000\nhost: evil.example", "Host");
        check("/", "host: 127.0.0.1:9000\nhost: 127.0.0.1:9000", "Host");
        check("http://evil.example/", "host: 127.0.0.1:9000", "Host");
        check("http://127.0.0.1:9000/", "host: evil.example", "Host");
    }

    #[test]
    fn pages() {
        let from = |lines: &str, expected| {
            check("/", &format!("host: 127.0.0.1:9000\n{lines}"), expected);
        };
        from("origin: http://127.0.0.1:9000", "");
        from("origin: http://localhost:9000", "");
        from("sec-fetch-site: same-origin", "");
        from("sec-fetch-site: none", "");
        from("sec-fetch-site: same-site", "");

        from("origin: null", "Origin \"null\"");
        from("origin: ", "Origin");
        from("origin: https://127.0.0.1:9000", "Origin");
        from("origin: http://127.0.0.1:9001", "Origin");
        from("origin: http://evil.example", "Origin");
        from("origin: http://localhost:9000.evil.example", "Origin");
        from("origin: file://", "Origin");
        from(
            "origin: http://127.0.0.1:9000\norigin: http://evil.example",
            "Origin \"http://evil.example\"",
        );
        from("sec-fetch-site: cross-site", "another site");
    }
}
