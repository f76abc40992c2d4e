//! What a client sees on the wire.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use super::started;

/// Sends bytes, and reads what comes until `end` has come.
fn exchange(stream: &mut TcpStream, request: &str, end: &str) -> String {
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    while !answer.ends_with(end) {
        let mut bytes = [0; 4096];
        let n_read = stream.read(&mut bytes).unwrap();
        assert_ne!(n_read, 0, "the connection ended after {answer}");
        answer += std::str::from_utf8(&bytes[..n_read]).unwrap();
    }
    answer
}

/// Who waits for it before the body is sent that isn't there would wait long.
#[tokio::test]
async fn empty_bodies_are_asked_for() {
    let services = started().await;
    let endpoint = services.s3_server.endpoint();
    let address = endpoint.strip_prefix("http://").unwrap().to_owned();
    let exchanged = tokio::task::spawn_blocking(move || {
        let mut stream = TcpStream::connect(&address).unwrap();
        stream
            .set_read_timeout(Some(Duration::from_secs(30)))
            .unwrap();
        let head = |expect: &str, n_bytes| {
            format!(
                "PUT /bucket/k HTTP/1.1\r\nHost: {address}\r\n{expect}Content-Length: {n_bytes}\r\n\r\n"
            )
        };
        let expect = "Expect: 100-continue\r\n";
        let mut answers = Vec::new();
        for _ in 0..3 {
            answers.push(exchange(&mut stream, &head(expect, 0), "</Error>"));
            answers.push(exchange(&mut stream, &head("", 0), "</Error>"));
        }
        answers
    });
    // Without a signature, each is refused, whatever precedes the refusal.
    for (number, answer) in exchanged.await.unwrap().iter().enumerate() {
        let n_interim = answer.matches("HTTP/1.1 100 Continue\r\n\r\n").count();
        assert_eq!(n_interim, 1 - number % 2, "{answer}");
        assert!(answer.contains("HTTP/1.1 403 Forbidden\r\n"), "{answer}");
    }
}
