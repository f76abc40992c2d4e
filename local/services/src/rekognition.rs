//! The embedded Rekognition Custom Labels: projects, datasets and model versions over awsJson1.1.
//!
//! `model` decides, with the time told; this file is the shell around it: HTTP, scripted faults, the limit of
//! calls a second, the folder. What AWS leaves open is a field of [`Config`], or chosen as follows:
//!
//! - an update replaces an entry's whole line; of two lines with one `source-ref` in one update the first stays;
//! - a request out of the model's bounds is a `ValidationException`, one of another type a `SerializationException`;
//! - while an update is under way, UpdateDatasetEntries, DeleteDataset and the lists answer
//!   `ResourceInUseException`, DistributeDatasetEntries `ResourceNotReadyException`;
//! - calls above the limit answer `ProvisionedThroughputExceededException`;
//! - after `UPDATE_FAILED` the dataset can be updated again;
//! - DistributeDatasetEntries moves every fifth entry, in the order in which they came;
//! - images are never looked at; DetectCustomLabels answers an image's entry, and nothing for bytes.
//!
//! Signatures are checked.

mod arn;
mod config;
mod detect;
mod entries;
mod error;
mod inputs;
mod manifests;
mod model;
mod operation;
mod operations;
mod persist;
mod rate;
mod shape;
mod time;
mod training;
mod version;
mod versions;

use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use hyper::header::{CONTENT_TYPE, HeaderMap, HeaderValue};
use hyper::{Request, Response, StatusCode};
use serde_json::Value;

pub use self::config::Config;

use self::entries::Changes;
use self::error::ApiError;
use self::manifests::Manifests;
use self::model::{Model, UpdateFaults};
use self::operation::{ManifestPlace, Operation};
use self::operations::{Call, Extras};
use self::persist::Folder;
use self::rate::Rates;
use self::time::{as_ms, now};
use super::faults::{Effect, Faults, Service, Verdict};
use super::http::{self, Reply, ReplyBody, Server, full};
use crate::door::Refusal;
use crate::door::signature::{self, REKOGNITION};
use crate::keys::Keys;

/// Longest request body in bytes: the largest blob in base64, and what stands around it.
const REQUEST_BYTES_MAX: usize = 16 * 1024 * 1024;

/// A Custom Labels service on this machine; ends when dropped.
#[derive(Debug)]
pub struct Rekognition {
    server: Server,
}

impl Rekognition {
    /// Serves at `address` (port 0: any free one). With a folder the state outlives the service.
    ///
    /// # Errors
    ///
    /// The folder can't be made or read, or the address can't be listened at.
    pub async fn start(
        state_dir: Option<&Path>,
        address: SocketAddr,
        config: Config,
        faults: Faults,
    ) -> io::Result<Self> {
        let keys = config.keys.clone();
        let s3 = config.s3_endpoint.as_deref();
        let manifests = s3.map(|endpoint| Manifests::new(endpoint, &keys));
        let rates = Rates::new(config.calls_per_second);
        let mut model = Model::new(config);
        let folder = match state_dir {
            Some(path) => Some(Folder::open(path, &mut model)?),
            None => None,
        };
        let shell = Arc::new(Shell {
            state: Mutex::new(State {
                model,
                folder,
                rates,
            }),
            manifests,
            keys,
            faults,
            n_requests: AtomicU64::new(0),
        });
        let server = Server::start(address, refuse, move |request| {
            let shell = Arc::clone(&shell);
            async move { shell.reply(request).await }
        })
        .await?;
        Ok(Self { server })
    }

    /// Base URL, such as `http://127.0.0.1:9001`.
    pub fn endpoint(&self) -> String {
        self.server.endpoint()
    }
}

#[derive(Debug)]
struct Shell {
    state: Mutex<State>,
    manifests: Option<Manifests>,
    keys: Keys,
    faults: Faults,
    n_requests: AtomicU64,
}

#[derive(Debug)]
struct State {
    model: Model,
    folder: Option<Folder>,
    rates: Rates,
}

impl Shell {
    async fn reply(self: Arc<Self>, request: Request<Incoming>) -> Reply {
        let number = self.n_requests.fetch_add(1, Ordering::Relaxed);
        let request_id = format!("{:08x}-0000-4000-8000-{number:012x}", now() / 1000);
        let (parts, body) = request.into_parts();
        let operation = operation_name(&parts.headers).to_owned();
        let body = match Limited::new(body, REQUEST_BYTES_MAX).collect().await {
            Ok(body) => body.to_bytes(),
            Err(error) if error.is::<http_body_util::LengthLimitError>() => {
                let mut error = ApiError::new(
                    "RequestEntityTooLargeException",
                    format!("The request has more than {REQUEST_BYTES_MAX} bytes."),
                );
                error.status = 413;
                return Reply::Answer(response(Err(error), &request_id));
            }
            Err(_) => return Reply::Reset,
        };
        let now = SystemTime::now();
        if let Err(refusal) = signature::verify(&parts, &body, &self.keys, REKOGNITION, now) {
            return Reply::Answer(response(Err(refused(&refusal)), &request_id));
        }
        let request = serde_json::from_slice::<Value>(&body);
        let target = request.as_ref().map(target).unwrap_or_default();
        let mut update_faults = UpdateFaults::default();
        let mut end = None;
        let verdict = self
            .faults
            .judge(Service::Rekognition, &operation, &target)
            .await;
        let left = match verdict {
            Verdict::Process(left) => left,
            Verdict::Reset => return Reply::Reset,
            Verdict::Refuse {
                status,
                code,
                message,
            } => {
                let error = ApiError {
                    code,
                    status,
                    message,
                };
                return Reply::Answer(response(Err(error), &request_id));
            }
        };
        for effect in left {
            match effect {
                Effect::DropEntries(part) => update_faults.dropped.push(part),
                Effect::UpdateFailed(message) => update_faults.failure = Some(message),
                Effect::StaleStatus(time) => update_faults.stale_ms = Some(as_ms(time)),
                effect => end = Some(effect),
            }
        }
        let answer = match request {
            Ok(request) => self.answer(operation, request, update_faults).await,
            Err(error) => Err(ApiError::new(
                "SerializationException",
                format!("the request isn't JSON: {error}"),
            )),
        };
        let response = response(answer, &request_id);
        match end {
            None => Reply::Answer(response),
            Some(Effect::ResetMidBody) => http::cut(response).await,
            Some(_) => Reply::Reset,
        }
    }

    async fn answer(
        self: &Arc<Self>,
        operation: String,
        request: Value,
        update_faults: UpdateFaults,
    ) -> Result<Value, ApiError> {
        let Some(operation) = Operation::of(&operation) else {
            return Err(ApiError::new(
                "UnknownOperationException",
                format!("The embedded service has no operation {operation:?}."),
            ));
        };
        let Operation {
            name, rate_factor, ..
        } = *operation;
        if !self.with_state(|state| state.rates.take(name, rate_factor, now())) {
            return Err(ApiError::new(
                "ProvisionedThroughputExceededException",
                "Provisioned rate exceeded.",
            ));
        }
        shape::validate(operation.input, &request)?;
        let manifest = match operation.manifest {
            Some(place) => self.manifest(place, &request).await?,
            None => None,
        };
        let extras = Extras {
            manifest,
            update_faults,
        };
        let shell = Arc::clone(self);
        // Judging five megabytes takes long enough to hold up other connections.
        tokio::task::spawn_blocking(move || {
            shell.with_state(|state| state.answer(operation, &request, extras))
        })
        .await
        .unwrap_or_else(|error| Err(ApiError::new("InternalServerError", error.to_string())))
    }

    /// Reads the manifest that a request names.
    async fn manifest(
        &self,
        place: ManifestPlace,
        request: &Value,
    ) -> Result<Option<Result<Changes, String>>, ApiError> {
        let place = self.with_state(|state| place(&mut state.model, request, now()))?;
        match (place, &self.manifests) {
            (None, _) => Ok(None),
            (Some((bucket, key)), Some(manifests)) => {
                Ok(Some(manifests.read(&bucket, &key).await?))
            }
            (Some((bucket, key)), None) => Err(ApiError::new(
                "InvalidS3ObjectException",
                format!("s3://{bucket}/{key} can't be read: the service knows no S3."),
            )),
        }
    }

    fn with_state<T>(&self, work: impl FnOnce(&mut State) -> T) -> T {
        work(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl State {
    fn answer(
        &mut self,
        operation: &Operation,
        request: &Value,
        extras: Extras,
    ) -> Result<Value, ApiError> {
        let now = now();
        self.model.settle(now);
        let answer = (operation.answer)(Call {
            model: &mut self.model,
            request,
            extras,
            now,
        });
        let changes = std::mem::take(&mut self.model.changes);
        if let Some(folder) = &mut self.folder {
            folder.store(changes, &self.model).map_err(|error| {
                ApiError::new(
                    "InternalServerError",
                    format!("The service's state could not be stored: {error}"),
                )
            })?;
        }
        answer
    }
}

fn operation_name(headers: &HeaderMap) -> &str {
    headers
        .get("x-amz-target")
        .and_then(|target| target.to_str().ok())
        .and_then(|target| target.strip_prefix("RekognitionService."))
        .unwrap_or_default()
}

/// The first ARN or name of a request, by which faults can pick their calls.
fn target(request: &Value) -> String {
    [
        "DatasetArn",
        "ProjectVersionArn",
        "ProjectArn",
        "ProjectName",
    ]
    .iter()
    .find_map(|name| request.get(name)?.as_str())
    .unwrap_or_default()
    .to_owned()
}

/// Rekognition's form of a refusal at the door, of a request that has no number.
fn refuse(refusal: &Refusal) -> Response<ReplyBody> {
    response(
        Err(refused(refusal)),
        "00000000-0000-4000-8000-000000000000",
    )
}

fn refused(refusal: &Refusal) -> ApiError {
    ApiError {
        code: refusal.code().to_owned(),
        status: Refusal::STATUS,
        message: refusal.to_string(),
    }
}

fn response(answer: Result<Value, ApiError>, request_id: &str) -> Response<ReplyBody> {
    let (status, body) = match answer {
        Ok(body) => (200, body),
        Err(error) => (error.status, error.body(request_id)),
    };
    let mut response = Response::new(full(body.to_string()));
    *response.status_mut() =
        StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    headers.insert(
        CONTENT_TYPE,
        HeaderValue::from_static("application/x-amz-json-1.1"),
    );
    if let Ok(request_id) = HeaderValue::from_str(request_id) {
        headers.insert("x-amzn-requestid", request_id);
    }
    response
}
