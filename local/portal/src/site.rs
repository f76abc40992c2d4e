//! The portal as a site: who may come in, and what is answered.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use hyper::header::{COOKIE, HeaderMap, HeaderValue, LOCATION, SET_COOKIE};
use hyper::{Method, Request, Response};
use jiff::{SignedDuration, Timestamp};
use labeling::answers::Answer;
use percent_encoding::{NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use rand::RngExt as _;
use serde_json::{Map, Value, json};
use services::ground_truth::Task;
use services::site::Site;
use tokio::sync::{Mutex, watch};

use crate::answers::{AnswerStore, NewAnswer};
use crate::pages;
use crate::tasks::{Board, Counts, Refused};
use crate::template::TaskTemplate;
use crate::worker::{NAME_CHARS_MAX, parse_name, worker_id};

/// Bytes of a request, inclusive: an answer's form.
const REQUEST_BYTES_MAX: usize = 1 << 20;

const TOKEN_COOKIE: &str = "gtcl-token";
const NAME_COOKIE: &str = "gtcl-name";

/// The job that people label.
#[derive(Debug)]
pub struct PortalJob {
    /// What the pages are headed with.
    pub title: String,
    /// What workers are shown.
    pub template: TaskTemplate,
    /// What is to be labeled.
    pub tasks: Vec<Task>,
    /// Answers wanted for each data object, each of another worker.
    pub workers_per_object: usize,
    /// How long a worker has a task before others may have it, too.
    pub lease: SignedDuration,
}

/// The pages of a job, there until this is dropped.
#[derive(Debug)]
pub struct Portal {
    site: Site,
    state: Arc<State>,
    counts: watch::Receiver<Counts>,
}

#[derive(Debug)]
struct State {
    job: PortalJob,
    token: String,
    work: Mutex<Work>,
    counts: watch::Sender<Counts>,
}

/// What changes: who holds what, and what was answered. One request after the other.
#[derive(Debug)]
struct Work {
    board: Board,
    store: AnswerStore,
}

impl Portal {
    /// Serves `job` at `address` (port 0: any free one), with the answers that `store` has already.
    ///
    /// # Errors
    ///
    /// The address can't be listened at.
    pub async fn start(
        address: SocketAddr,
        job: PortalJob,
        store: AnswerStore,
    ) -> io::Result<Self> {
        let objects = job.tasks.iter().map(|task| task.object_idx);
        let mut board = Board::new(objects, job.workers_per_object, job.lease);
        for (object_idx, worker) in store.given() {
            board.answered(worker, object_idx);
        }
        let (sender, counts) = watch::channel(board.counts());
        let bytes: [u8; 16] = rand::rng().random();
        let state = Arc::new(State {
            job,
            token: bytes.iter().map(|byte| format!("{byte:02x}")).collect(),
            work: Mutex::new(Work { board, store }),
            counts: sender,
        });
        let handler = {
            let state = Arc::clone(&state);
            move |request| answer(Arc::clone(&state), request)
        };
        let site = Site::start(address, REQUEST_BYTES_MAX, handler).await?;
        Ok(Self {
            site,
            state,
            counts,
        })
    }

    /// The address for workers, with what lets them in.
    #[must_use]
    pub fn address(&self) -> String {
        format!("{}/?token={}", self.site.endpoint(), self.state.token)
    }

    /// How far the job is, whenever that changes.
    #[must_use]
    pub fn counts(&self) -> watch::Receiver<Counts> {
        self.counts.clone()
    }

    /// Reads what was answered.
    pub async fn collected(
        &self,
    ) -> std::collections::BTreeMap<u32, Vec<services::ground_truth::WorkerAnswer>> {
        self.state.work.lock().await.store.collected()
    }
}

async fn answer(state: Arc<State>, request: Request<Bytes>) -> Response<Bytes> {
    let (parts, body) = request.into_parts();
    let query = parts.uri.query().unwrap_or_default();
    if parts.method == Method::GET
        && parts.uri.path() == "/"
        && query.strip_prefix("token=") == Some(state.token.as_str())
    {
        return redirect(Some(&cookie(TOKEN_COOKIE, &state.token)));
    }
    if cookie_value(&parts.headers, TOKEN_COOKIE).as_deref() != Some(state.token.as_str()) {
        return pages::html(403, pages::no_token());
    }
    let name = cookie_value(&parts.headers, NAME_COOKIE);
    let name = name.and_then(|name| parse_name(&name));
    let path: Vec<&str> = parts.uri.path().split('/').skip(1).collect();
    match (parts.method.as_str(), path.as_slice()) {
        ("GET", [""]) => pages::html(200, start_page(&state, name.as_deref())),
        ("GET", ["portal.js"]) => pages::script(),
        ("GET", ["portal.css"]) => pages::style(),
        ("POST", ["name"]) => join(&state, &body),
        ("POST", ["leave"]) => redirect(Some(&format!("{NAME_COOKIE}=; Path=/; Max-Age=0"))),
        (method, ["task", rest @ ..]) => match name {
            Some(name) => task(&state, &worker_id(&name), (method, rest), &body).await,
            None => problem(403, "give your name first: open the portal's first page"),
        },
        _ => problem(404, "there is no such page"),
    }
}

fn start_page(state: &State, name: Option<&str>) -> String {
    match name {
        Some(name) => pages::work(&state.job.title, name),
        None => pages::join(&state.job.title, ""),
    }
}

fn join(state: &State, body: &[u8]) -> Response<Bytes> {
    let body = String::from_utf8_lossy(body);
    let field = body.split('&').find_map(|pair| pair.strip_prefix("name="));
    let text = field.unwrap_or_default().replace('+', " ");
    let text = percent_decode_str(&text).decode_utf8_lossy().into_owned();
    match parse_name(&text) {
        Some(name) => {
            let name = utf8_percent_encode(&name, NON_ALPHANUMERIC).to_string();
            redirect(Some(&cookie(NAME_COOKIE, &name)))
        }
        None => {
            let why = format!("A name has 1 to {NAME_CHARS_MAX} characters.");
            pages::html(400, pages::join(&state.job.title, &why))
        }
    }
}

async fn task(
    state: &Arc<State>,
    worker: &str,
    asked: (&str, &[&str]),
    body: &[u8],
) -> Response<Bytes> {
    if let ("POST", []) = asked {
        return give(state, worker).await;
    }
    let (method, [object_idx, verb]) = asked else {
        return problem(404, "there is no such page");
    };
    let Ok(object_idx) = object_idx.parse::<u32>() else {
        return problem(404, "there is no such task");
    };
    match (method, *verb) {
        ("GET", "page") => task_page(state, worker, object_idx).await,
        ("POST", "answer") => take(state, worker, object_idx, body).await,
        ("POST", "skip") => {
            state.work.lock().await.board.skip(worker, object_idx);
            pages::json(200, &json!({}))
        }
        ("POST", "decline") => {
            state.work.lock().await.board.decline(worker, object_idx);
            pages::json(200, &json!({}))
        }
        _ => problem(404, "there is no such page"),
    }
}

/// The worker's next task, and how far the job is.
async fn give(state: &State, worker: &str) -> Response<Bytes> {
    let mut work = state.work.lock().await;
    let given = work.board.next(worker, Timestamp::now());
    let counts = work.board.counts();
    let answer = json!({
        "task": given.map(|given| given.object_idx),
        "counts": {
            "objects": counts.objects,
            "complete": counts.complete,
            "answers": counts.answers,
            "answersWanted": counts.answers_wanted,
            "own": work.board.answers_of(worker),
        },
    });
    pages::json(200, &answer)
}

async fn task_page(state: &Arc<State>, worker: &str, object_idx: u32) -> Response<Bytes> {
    let may_answer = state.work.lock().await.board.may_answer(worker, object_idx);
    if let Err(refused) = may_answer {
        return problem(403, &refused.to_string());
    }
    let state = Arc::clone(state);
    let rendered = tokio::task::spawn_blocking(move || {
        let tasks = &state.job.tasks;
        let task = tasks.iter().find(|task| task.object_idx == object_idx)?;
        Some(state.job.template.page(&task.input))
    });
    match rendered.await {
        Ok(Some(Ok(page))) => pages::task(page),
        Ok(Some(Err(error))) => problem(500, &format!("the template can't be shown: {error}")),
        Ok(None) => problem(404, "there is no such task"),
        Err(error) => problem(500, &format!("the template can't be shown: {error}")),
    }
}

/// Writes an answer down, and says so once it is on the disk.
async fn take(state: &Arc<State>, worker: &str, object_idx: u32, body: &[u8]) -> Response<Bytes> {
    let content = match read_answer(body) {
        Ok(content) => content,
        Err(why) => return problem(400, &why),
    };
    let state = Arc::clone(state);
    let worker = worker.to_owned();
    let taken = tokio::task::spawn_blocking(move || {
        let mut work = state.work.blocking_lock();
        let accepted = match work.board.may_answer(&worker, object_idx) {
            Ok(accepted) => accepted,
            Err(refused @ (Refused::Twice | Refused::Full)) => {
                return problem(409, &refused.to_string());
            }
            Err(refused @ Refused::NotGiven) => return problem(403, &refused.to_string()),
        };
        let kept = work.store.keep(NewAnswer {
            object_idx,
            worker_id: worker.clone(),
            content,
            accepted,
            submitted: Timestamp::now(),
        });
        if let Err(error) = kept {
            return problem(500, &format!("your answer could not be saved: {error}"));
        }
        work.board.answered(&worker, object_idx);
        state.counts.send_replace(work.board.counts());
        pages::json(200, &json!({}))
    });
    match taken.await {
        Ok(response) => response,
        Err(error) => problem(500, &format!("your answer could not be saved: {error}")),
    }
}

/// An answer that consolidation can read.
fn read_answer(body: &[u8]) -> Result<Map<String, Value>, String> {
    let unreadable = |why: &dyn std::fmt::Display| format!("the answer can't be used: {why}");
    let text = std::str::from_utf8(body).map_err(|error| unreadable(&error))?;
    match labeling::answers::parse(text).map_err(|error| unreadable(&error))? {
        Answer::Empty => Err(unreadable(&"there is nothing in it")),
        Answer::Unsupported { kind } => Err(unreadable(&format!("{kind} are not labeled here"))),
        _ => serde_json::from_str(text).map_err(|error| unreadable(&error)),
    }
}

fn problem(status: u16, text: &str) -> Response<Bytes> {
    pages::json(status, &json!({ "problem": text }))
}

fn redirect(cookie: Option<&str>) -> Response<Bytes> {
    let mut response = pages::html(303, String::new());
    let headers = response.headers_mut();
    headers.insert(LOCATION, HeaderValue::from_static("/"));
    if let Some(cookie) = cookie.and_then(|cookie| HeaderValue::from_str(cookie).ok()) {
        headers.insert(SET_COOKIE, cookie);
    }
    response
}

fn cookie(name: &str, value: &str) -> String {
    format!("{name}={value}; Path=/; HttpOnly; SameSite=Strict")
}

fn cookie_value(headers: &HeaderMap, name: &str) -> Option<String> {
    let all = headers
        .get_all(COOKIE)
        .iter()
        .filter_map(|it| it.to_str().ok());
    let mut pairs = all.flat_map(|line| line.split(';'));
    let value = pairs.find_map(|pair| pair.trim().strip_prefix(name)?.strip_prefix('='))?;
    Some(percent_decode_str(value).decode_utf8_lossy().into_owned())
}

#[cfg(test)]
mod tests {
    use super::read_answer;

    #[test]
    fn answers_without_a_label_are_refused() {
        for (body, expected) in [
            (&br#"{"category":{"label":"cat"}}"#[..], true),
            (
                br#"{"boxes":{"boundingBoxes":[],"inputImageProperties":{"height":1,"width":1}}}"#,
                true,
            ),
            (b"{}", false),
            (b"", false),
            (b"{", false),
            (b"[]", false),
            (b"\xff", false),
            (br#"{"drawn":{"polygons":[]}}"#, false),
            (br#"{"comment":"hello"}"#, false),
        ] {
            let shown = String::from_utf8_lossy(body);
            assert_eq!(read_answer(body).is_ok(), expected, "{shown}");
        }
    }
}
