//! A function's real binary between a Runtime API and an S3, both as small as these tests need them.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use serde_json::Value;

/// Objects by `/bucket/key`.
pub(crate) type Objects = Arc<Mutex<BTreeMap<String, Vec<u8>>>>;

/// A running function.
pub(crate) struct Function {
    process: Child,
    log: Option<thread::JoinHandle<String>>,
    events: Sender<String>,
    answers: Receiver<(String, Value)>,
    pub(crate) objects: Objects,
    /// Paths of the objects that were read.
    pub(crate) reads: Arc<Mutex<Vec<String>>>,
}

impl Function {
    /// Starts the binary. Objects whose key holds `denied` answer AccessDenied.
    pub(crate) fn start(
        binary: &str,
        variables: &[(&str, &str)],
        objects: &[(&str, &[u8])],
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let (events, next_events) = channel();
        let (answer, answers) = channel();
        let objects = objects
            .iter()
            .map(|(path, bytes)| ((*path).to_owned(), bytes.to_vec()));
        let objects: Objects = Arc::new(Mutex::new(objects.collect()));
        let next_events = Arc::new(Mutex::new(next_events));
        let reads = Arc::new(Mutex::new(Vec::new()));
        let (served, noted) = (objects.clone(), reads.clone());
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (next_events, answer) = (next_events.clone(), answer.clone());
                let (objects, reads) = (served.clone(), noted.clone());
                thread::spawn(move || serve(stream, &next_events, &answer, &objects, &reads));
            }
        });
        let process = Command::new(binary)
            .env_clear()
            .env("AWS_LAMBDA_RUNTIME_API", &address)
            .env("AWS_LAMBDA_FUNCTION_NAME", "f")
            .env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "128")
            .env("AWS_LAMBDA_FUNCTION_VERSION", "1")
            .env("AWS_ENDPOINT_URL", format!("http://{address}"))
            .env("AWS_REGION", "us-east-1")
            .env("AWS_ACCESS_KEY_ID", "test")
            .env("AWS_SECRET_ACCESS_KEY", "test")
            .envs(variables.iter().copied())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut process = process;
        let mut output = process.stdout.take().unwrap();
        let log = thread::spawn(move || {
            let mut text = String::new();
            let _ = output.read_to_string(&mut text);
            text
        });
        Self {
            process,
            log: Some(log),
            events,
            answers,
            objects,
            reads,
        }
    }

    /// What the function answers: `response` or `error`, and the body. The process must outlive it.
    pub(crate) fn invoke(&mut self, event: &str) -> (String, Value) {
        self.events.send(event.to_owned()).unwrap();
        let answer = self
            .answers
            .recv_timeout(Duration::from_secs(60))
            .expect("an answer within a minute");
        assert!(
            self.process.try_wait().unwrap().is_none(),
            "the process ended"
        );
        answer
    }

    /// Ends the process; what it logged, metrics left out.
    pub(crate) fn log(mut self) -> Vec<Value> {
        self.process.kill().unwrap();
        let text = self.log.take().unwrap().join().unwrap();
        let lines = text.lines().map(|line| serde_json::from_str(line).unwrap());
        lines
            .filter(|line: &Value| line.get("_aws").is_none())
            .collect()
    }

    /// `errorType` of an event that must fail.
    pub(crate) fn error_type(&mut self, event: &str) -> String {
        let (kind, body) = self.invoke(event);
        assert_eq!(kind, "error", "{body}");
        body["errorType"].as_str().unwrap().to_owned()
    }
}

impl Drop for Function {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn serve(
    stream: TcpStream,
    events: &Mutex<Receiver<String>>,
    answer: &Sender<(String, Value)>,
    objects: &Mutex<BTreeMap<String, Vec<u8>>>,
    reads: &Mutex<Vec<String>>,
) {
    let mut reader = BufReader::new(stream);
    while let Some((method, target, body)) = read_request(&mut reader) {
        let (path, query) = target.split_once('?').unwrap_or((&target, ""));
        let path = path.replace("%3A", ":").replace("%20", " ");
        let reply = if path.ends_with("/invocation/next") {
            let Ok(event) = events.lock().unwrap().recv() else {
                return;
            };
            let headers = "Lambda-Runtime-Aws-Request-Id: 1\r\nLambda-Runtime-Deadline-Ms: 4102444800000\r\nLambda-Runtime-Invoked-Function-Arn: arn:aws:lambda:us-east-1:123456789012:function:f\r\n";
            http("200 OK", headers, event.as_bytes())
        } else if path.starts_with("/2018-06-01/runtime/") {
            let kind = path.rsplit('/').next().unwrap().to_owned();
            let _ = answer.send((kind, serde_json::from_slice(&body).unwrap_or(Value::Null)));
            http("202 Accepted", "", b"")
        } else {
            if method == "GET" && !query.contains("list-type=2") {
                reads.lock().unwrap().push(path.clone());
            }
            s3(&method, &path, query, body, &mut objects.lock().unwrap())
        };
        if reader.get_mut().write_all(&reply).is_err() {
            return;
        }
    }
}

fn s3(
    method: &str,
    path: &str,
    query: &str,
    body: Vec<u8>,
    objects: &mut BTreeMap<String, Vec<u8>>,
) -> Vec<u8> {
    let error = |status: &str, code: &str| {
        http(
            status,
            "",
            format!("<Error><Code>{code}</Code></Error>").as_bytes(),
        )
    };
    if path.contains("denied") {
        return error("403 Forbidden", "AccessDenied");
    }
    if query.contains("list-type=2") {
        let keys = objects.iter().filter_map(|(path, bytes)| {
            let (_, key) = path.trim_start_matches('/').split_once('/')?;
            key.contains("/worker-statistics/").then(|| {
                format!(
                    "<Contents><Key>{key}</Key><Size>{}</Size></Contents>",
                    bytes.len()
                )
            })
        });
        let keys: String = keys.collect();
        return http(
            "200 OK",
            "",
            format!("<ListBucketResult><IsTruncated>false</IsTruncated>{keys}</ListBucketResult>")
                .as_bytes(),
        );
    }
    if method == "PUT" {
        objects.insert(path.to_owned(), body);
        return http("200 OK", "ETag: \"1\"\r\n", b"");
    }
    match objects.get(path) {
        Some(bytes) => http("200 OK", "ETag: \"1\"\r\n", bytes),
        None => error("404 Not Found", "NoSuchKey"),
    }
}

fn http(status: &str, headers: &str, body: &[u8]) -> Vec<u8> {
    let mut reply = format!(
        "HTTP/1.1 {status}\r\n{headers}Content-Length: {}\r\n\r\n",
        body.len()
    )
    .into_bytes();
    reply.extend_from_slice(body);
    reply
}

fn read_request(reader: &mut BufReader<TcpStream>) -> Option<(String, String, Vec<u8>)> {
    let mut line = String::new();
    reader.read_line(&mut line).ok().filter(|n| *n > 0)?;
    let mut parts = line.split(' ');
    let (method, target) = (parts.next()?.to_owned(), parts.next()?.to_owned());
    let mut n_bytes = 0;
    loop {
        let mut header = String::new();
        reader.read_line(&mut header).ok()?;
        let Some((name, value)) = header.trim().split_once(':') else {
            break;
        };
        if name.eq_ignore_ascii_case("content-length") {
            n_bytes = value.trim().parse().ok()?;
        }
    }
    let mut body = vec![0; n_bytes];
    reader.read_exact(&mut body).ok()?;
    Some((method, target, body))
}
