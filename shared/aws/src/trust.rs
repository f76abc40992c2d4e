//! The certificates that a server's own has to lead back to.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use memchr::{memchr, memmem};
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
/// Read at a time, in bytes. The files have some 250,000.
const PIECE_BYTES: usize = 16 * 1024;
/// A certificate's first line.
const BEGIN: &[u8] = b"-----BEGIN CERTIFICATE-----";

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
    let mut trusted = Trusted::new();
    let read = File::open(path).and_then(|mut file| trusted.read(&mut file));
    if let Err(error) = read {
        tracing::error!(path, %error, "trusted certificates can't be read");
    }
    if trusted.n_unusable > 0 {
        let n_unusable = trusted.n_unusable;
        tracing::warn!(path, n_unusable, "trusted certificates passed over");
    }
    trusted.roots
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

/// The certificates of a PEM file.
struct Trusted {
    roots: RootCertStore,
    /// Sections that hold something else. Text between sections, and sections with other names, don't count.
    n_unusable: usize,
}

impl Trusted {
    fn new() -> Self {
        Self {
            roots: RootCertStore {
                roots: Vec::with_capacity(CERTIFICATES_EXPECTED),
            },
            n_unusable: 0,
        }
    }

    /// Reads in pieces and decodes each certificate where it was read: memory that is new to a process costs it more
    /// than the copying.
    fn read(&mut self, pem: &mut impl Read) -> io::Result<()> {
        let mut buffer = vec![0; PIECE_BYTES];
        let mut n_held = 0;
        loop {
            if n_held == buffer.len() {
                buffer.resize(2 * n_held, 0);
            }
            let n_read = match pem.read(buffer.get_mut(n_held..).unwrap_or_default()) {
                Ok(n_read) => n_read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            let n_filled = n_held + n_read;
            let filled = buffer.get_mut(..n_filled).unwrap_or_default();
            let n_done = self.take(filled, n_read == 0);
            if n_read == 0 {
                return Ok(());
            }
            buffer.copy_within(n_done..n_filled, 0);
            n_held = n_filled - n_done;
        }
    }

    /// Takes the sections that are there as a whole, and says how many bytes that was. At the file's end the last one
    /// is whole without its last line, too.
    fn take(&mut self, pem: &mut [u8], is_end: bool) -> usize {
        let mut n_done = 0;
        loop {
            let rest = pem.get_mut(n_done..).unwrap_or_default();
            let Some(at) = memmem::find(rest, BEGIN) else {
                // The last bytes may be the first of a section's first line.
                return n_done + rest.len().saturating_sub(BEGIN.len() - 1);
            };
            let section = rest.get_mut(at + BEGIN.len()..).unwrap_or_default();
            let n_bytes = match memchr(b'-', section) {
                Some(n_bytes) => n_bytes,
                None if is_end => section.len(),
                None => return n_done + at,
            };
            self.add(section.get_mut(..n_bytes).unwrap_or_default());
            n_done += at + BEGIN.len() + n_bytes;
        }
    }

    /// Adds what stands between the lines that begin and end a certificate.
    fn add(&mut self, section: &mut [u8]) {
        let n_bytes = join_lines(section);
        let text = section.get_mut(..n_bytes).unwrap_or_default();
        let der = base64_simd::STANDARD.decode_inplace(text);
        let added = self
            .roots
            .add(CertificateDer::from(&*der.unwrap_or_default()));
        self.n_unusable += usize::from(added.is_err());
    }
}

/// Moves the lines together, without the white space at their ends, and says how many bytes they have then.
fn join_lines(text: &mut [u8]) -> usize {
    let (mut begin, mut n_joined) = (0, 0);
    while let Some(rest) = text.get(begin..).filter(|rest| !rest.is_empty()) {
        let n_bytes = memchr(b'\n', rest).unwrap_or(rest.len());
        let line = rest.get(..n_bytes).unwrap_or_default();
        let at = begin + n_bytes - line.trim_ascii_start().len();
        let n_kept = line.trim_ascii().len();
        text.copy_within(at..at + n_kept, n_joined);
        n_joined += n_kept;
        begin += n_bytes + 1;
    }
    n_joined
}

#[cfg(test)]
mod tests {
    use rustls::pki_types::TrustAnchor;

    use super::*;

    const ROOT: &str = include_str!("../../../tests/tests/tls/root.pem");
    const OTHER: &str = include_str!("../../../tests/tests/tls/other.pem");

    /// A file that gives no more than so many bytes at a time.
    struct InPieces<'p>(&'p [u8], usize);

    impl Read for InPieces<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let n_bytes = buffer.len().min(self.1);
            self.0.read(&mut buffer[..n_bytes])
        }
    }

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
            (format!("{}\n{ROOT}", "# text\n".repeat(PIECE_BYTES)), 1, 0),
            (
                ROOT.replace("MII", &format!("{}MII", "\n".repeat(3 * PIECE_BYTES))),
                1,
                0,
            ),
            (ROOT.repeat(100), 100, 0),
            (
                "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----".to_owned(),
                0,
                1,
            ),
        ] {
            for n_bytes_at_once in [usize::MAX, 1, 7] {
                let mut trusted = Trusted::new();
                let mut file = InPieces(pem.as_bytes(), n_bytes_at_once);
                trusted.read(&mut file).unwrap();
                let found = (trusted.roots.len(), trusted.n_unusable);
                assert_eq!(found, (n_expected, n_unusable_expected), "{pem}");
            }
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
