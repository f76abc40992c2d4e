//! The portal's own pages: giving a name, and the page around a task.

use hyper::Response;
use hyper::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderName, HeaderValue};

use bytes::Bytes;

const SCRIPT: &str = include_str!("assets/portal.js");
const STYLE: &str = include_str!("assets/portal.css");

/// What the portal's own pages may load: what the portal itself has.
const OWN_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; frame-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// What a task's page may load: nothing but what is in it. It has an origin of its own, and no form of it goes anywhere.
const TASK_POLICY: &str = "sandbox allow-scripts allow-forms; default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data:; form-action 'none'; base-uri 'none'; frame-ancestors 'self'";

const CSP: HeaderName = HeaderName::from_static("content-security-policy");
const NOSNIFF: HeaderName = HeaderName::from_static("x-content-type-options");
const REFERRER: HeaderName = HeaderName::from_static("referrer-policy");

/// An answer of the portal.
pub(crate) fn answer(status: u16, media_type: &'static str, body: String) -> Response<Bytes> {
    let mut response = Response::new(Bytes::from(body));
    *response.status_mut() = hyper::StatusCode::from_u16(status).unwrap_or_default();
    let headers = response.headers_mut();
    for (name, value) in [
        (CONTENT_TYPE, media_type),
        (CACHE_CONTROL, "no-store"),
        (CSP, OWN_POLICY),
        (NOSNIFF, "nosniff"),
        (REFERRER, "same-origin"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}

pub(crate) fn html(status: u16, body: String) -> Response<Bytes> {
    answer(status, "text/html; charset=utf-8", body)
}

pub(crate) fn json(status: u16, body: &serde_json::Value) -> Response<Bytes> {
    answer(status, "application/json", body.to_string())
}

pub(crate) fn script() -> Response<Bytes> {
    answer(200, "text/javascript; charset=utf-8", SCRIPT.to_owned())
}

pub(crate) fn style() -> Response<Bytes> {
    answer(200, "text/css; charset=utf-8", STYLE.to_owned())
}

/// A task's page, for the frame.
pub(crate) fn task(page: String) -> Response<Bytes> {
    let mut response = html(200, page);
    let policy = HeaderValue::from_static(TASK_POLICY);
    response.headers_mut().insert(CSP, policy);
    response
}

fn page(title: &str, body: &str) -> String {
    format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\">\
         <title>{title}</title><link rel=\"icon\" href=\"data:,\"><link rel=\"stylesheet\" href=\"/portal.css\"></head><body>{body}</body></html>",
        title = escape(title)
    )
}

/// Asks for a name. `problem` says what is wrong with the last one.
pub(crate) fn join(title: &str, problem: &str) -> String {
    let problem = match problem {
        "" => String::new(),
        problem => format!(
            "<p class=\"problem\" role=\"alert\">{}</p>",
            escape(problem)
        ),
    };
    page(
        title,
        &format!(
            "<main class=\"join\"><h1>{title}</h1><p>Who are you? Whoever labels with you takes another name, and you take the same one again next time.</p>{problem}\
             <form method=\"post\" action=\"/name\"><label for=\"name\">Your name</label><input id=\"name\" name=\"name\" maxlength=\"60\" autocomplete=\"nickname\" required autofocus><button>Start</button></form></main>",
            title = escape(title)
        ),
    )
}

/// The page around a worker's tasks.
pub(crate) fn work(title: &str, name: &str) -> String {
    page(
        title,
        &format!(
            "<header><h1>{title}</h1><progress id=\"progress\" max=\"1\" value=\"0\" aria-label=\"Answers given\"></progress><span id=\"counts\"></span>\
             <form method=\"post\" action=\"/leave\"><span dir=\"auto\">{name}</span> <button>Leave</button></form></header>\
             <p id=\"note\" role=\"status\" hidden></p>\
             <iframe id=\"task\" title=\"Task\" sandbox=\"allow-scripts allow-forms\" hidden></iframe>\
             <footer id=\"tools\" hidden><button id=\"skip\" title=\"You get it again at the end\">Skip</button><button id=\"decline\" title=\"You never get it again\">Decline</button></footer>\
             <script src=\"/portal.js\"></script>",
            title = escape(title),
            name = escape(name)
        ),
    )
}

/// For whoever doesn't have the address that was printed.
pub(crate) fn no_token() -> String {
    page(
        "Not let in",
        "<main class=\"join\"><h1>Not let in</h1><p>Open the address that gtcl printed in its terminal, with all that stands after the question mark.</p></main>",
    )
}

fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            c => escaped.push(c),
        }
    }
    escaped
}
