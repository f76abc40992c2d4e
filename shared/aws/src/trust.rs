//! The certificates that a server's own has to lead back to.

use std::fs;
use std::path::Path;

use aws_smithy_types::base64;
use memchr::{memchr, memchr_iter, memmem};
use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;

/// Where Linux keeps all trusted certificates in one file: Amazon Linux and Fedora; Debian, Ubuntu and Alpine; openSUSE.
const BUNDLES: [&str; 3] = [
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/ssl/ca-bundle.pem",
];
/// Certificates that those files have room for without growing a list; they hold about 150.
const CERTIFICATES_EXPECTED: usize = 192;

/// Where the trusted certificates are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    /// The operating system's.
    System,
    /// One PEM file.
    File(String),
    /// `SSL_CERT_DIR`, with `SSL_CERT_FILE` when it is set: what OpenSSL reads from them.
    OpenSsl,
}

/// Reads them all. What can't be read is logged and left out: then no server is trusted that leads back to it.
///
/// This is most of what a process does before it asks for its first event, so one file is read, once: the same
/// certificates also lie in the system's folders one by one, and [`rustls_native_certs`] reads both and compares.
/// It is asked only where there is no such file.
pub(crate) fn roots(source: &Source) -> RootCertStore {
    match source {
        Source::File(path) => read(path),
        Source::System => match BUNDLES.iter().find(|path| Path::new(path).exists()) {
            Some(path) => read(path),
            None => native(),
        },
        Source::OpenSsl => native(),
    }
}

fn read(path: &str) -> RootCertStore {
    let pem = fs::read(path).unwrap_or_else(|error| {
        tracing::error!(path, %error, "trusted certificates can't be read");
        Vec::new()
    });
    let (roots, n_unusable) = parse(&pem);
    if n_unusable > 0 {
        tracing::warn!(path, n_unusable, "trusted certificates passed over");
    }
    roots
}

fn native() -> RootCertStore {
    let found = rustls_native_certs::load_native_certs();
    for error in found.errors {
        tracing::warn!(%error, "trusted certificates passed over");
    }
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(found.certs);
    roots
}

/// The certificates of a PEM file, and how many sections hold something else. Text between sections, and sections
/// with other names, don't count.
fn parse(pem: &[u8]) -> (RootCertStore, usize) {
    let mut roots = RootCertStore {
        roots: Vec::with_capacity(CERTIFICATES_EXPECTED),
    };
    let mut n_unusable = 0;
    let mut text = String::new();
    for section in sections(pem) {
        text.clear();
        let section = str::from_utf8(section).unwrap_or_default();
        let mut begin = 0;
        for end in memchr_iter(b'\n', section.as_bytes()).chain([section.len()]) {
            text.push_str(section.get(begin..end).unwrap_or_default().trim_ascii());
            begin = end + 1;
        }
        let der = base64::decode(&text).unwrap_or_default();
        n_unusable += usize::from(roots.add(CertificateDer::from(der)).is_err());
    }
    (roots, n_unusable)
}

/// What stands between the lines that begin and end each certificate.
fn sections(pem: &[u8]) -> impl Iterator<Item = &[u8]> {
    const BEGIN: &str = "-----BEGIN CERTIFICATE-----";
    memmem::find_iter(pem, BEGIN).filter_map(|at| {
        let rest = pem.get(at + BEGIN.len()..)?;
        rest.get(..memchr(b'-', rest).unwrap_or(rest.len()))
    })
}

#[cfg(test)]
mod tests {
    use rustls::pki_types::TrustAnchor;

    use super::*;

    const ROOT: &str = include_str!("../../../tests/tests/tls/root.pem");
    const OTHER: &str = include_str!("../../../tests/tests/tls/other.pem");

    #[test]
    fn pem_files() {
        let damaged = ROOT.replace("MII", "M?I");
        let one_line = format!(
            "-----BEGIN CERTIFICATE-----{}-----END CERTIFICATE-----",
            ROOT.lines()
                .filter(|line| !line.starts_with('-'))
                .collect::<String>()
        );
        for (pem, n_expected, n_unusable_expected) in [
            (String::new(), 0, 0),
            ("no certificate".to_owned(), 0, 0),
            (ROOT.to_owned(), 1, 0),
            (ROOT.replace('\n', "\r\n"), 1, 0),
            (one_line, 1, 0),
            (format!("# one\n{ROOT}\n# another\n{OTHER}# end"), 2, 0),
            (format!("{damaged}{OTHER}"), 1, 1),
            (ROOT.replace("-----END CERTIFICATE-----\n", ""), 1, 0),
            (ROOT.replace("CERTIFICATE", "PUBLIC KEY"), 0, 0),
            (
                "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----".to_owned(),
                0,
                1,
            ),
        ] {
            let (roots, n_unusable) = parse(pem.as_bytes());
            let found = (roots.len(), n_unusable);
            assert_eq!(found, (n_expected, n_unusable_expected), "{pem}");
        }
    }

    /// The system's own certificates, as the crate reads them that others use.
    #[test]
    fn nothing_is_left_out_of_a_bundle() {
        let Some(bundle) = BUNDLES.iter().find(|path| Path::new(path).exists()) else {
            println!("skipped: this system has no file of trusted certificates");
            return;
        };
        let expected =
            rustls_native_certs::load_certs_from_paths(Some(Path::new(bundle)), None).certs;
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(expected);
        let sorted = |store: RootCertStore| {
            let mut anchors = store.roots;
            anchors.sort_by(|a, b| {
                let key = |anchor: &TrustAnchor<'_>| {
                    (
                        anchor.subject.to_vec(),
                        anchor.subject_public_key_info.to_vec(),
                    )
                };
                key(a).cmp(&key(b))
            });
            anchors
        };
        assert_eq!(sorted(read(bundle)), sorted(roots));
    }
}
