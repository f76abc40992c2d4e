//! The embedded S3: buckets are folders, objects are files, and what a file can't say stands beside it.
//!
//! Differs from S3: no versions, no tagging, no ACLs, no policies; a bucket's rules for other origins are kept, not
//! followed; region and storage class are not looked at. A key can't have `.` or `..` between slashes, nor more than
//! 255 bytes; in a listing, a file that was put into the folder by hand has no entity tag until it is read.

mod attributes;
mod conditional;
mod cors;
mod created;
mod digest;
mod error;
mod files;
mod folders;
mod keys;
mod listing;
mod request;
mod storage;
mod unfinished;
mod uploads;

use std::fs;
use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper::{Request, Response};
use s3s::auth::SimpleAuth;
use s3s::service::{S3Service, S3ServiceBuilder};
use tokio::sync::broadcast;

pub(crate) use self::request::{error, strike};

pub use self::created::ObjectCreated;
pub use self::keys::object_of_file;

use self::files::Files;
use self::storage::Storage;
use super::faults::{Effect, Faults};
use super::http::{self, Reply, ReplyBody, Server};
use crate::door::Refusal;
use crate::keys::Keys;

/// Notifications that a slow receiver may lag behind before it loses the oldest.
const NOTIFICATIONS_MAX: usize = 4096;

/// An S3 server on this machine; ends when dropped.
#[derive(Debug)]
pub struct S3Server {
    server: Server,
    created: broadcast::Sender<ObjectCreated>,
}

impl S3Server {
    /// Serves the folder `root`, which is made if it is absent, at `address` (port 0: any free one).
    ///
    /// Signatures are checked against the default [`Keys`]. One server works in a folder at a time: what another one is
    /// about to write there is taken for what a killed one left behind, and removed.
    ///
    /// # Errors
    ///
    /// The folder can't be made or opened, or the address can't be listened at.
    pub async fn start(root: &Path, address: SocketAddr, faults: Faults) -> io::Result<Self> {
        Self::start_with(root, address, Keys::default(), faults).await
    }

    /// As [`S3Server::start`], with keys of one's own.
    ///
    /// # Errors
    ///
    /// Those of [`S3Server::start`].
    pub async fn start_with(
        root: &Path,
        address: SocketAddr,
        keys: Keys,
        faults: Faults,
    ) -> io::Result<Self> {
        fs::create_dir_all(root)?;
        let (created, _) = broadcast::channel(NOTIFICATIONS_MAX);
        let files = Files::open_root(&root.canonicalize()?, created.clone())?;
        let mut builder = S3ServiceBuilder::new(Storage::new(Arc::new(files)));
        builder.set_auth(SimpleAuth::from_single(keys.access_key, keys.secret_key));
        let front = Arc::new(Front {
            service: builder.build(),
            faults,
        });
        let server = Server::start(address, refuse, move |request| {
            let front = Arc::clone(&front);
            async move { front.answer(request).await }
        })
        .await?;
        Ok(Self { server, created })
    }

    /// Base URL, such as `http://127.0.0.1:9000`. An IP address: clients address buckets by path then.
    pub fn endpoint(&self) -> String {
        self.server.endpoint()
    }

    /// Objects written from now on.
    pub fn notifications(&self) -> broadcast::Receiver<ObjectCreated> {
        self.created.subscribe()
    }
}

/// Scripted faults, and behind them the service.
struct Front {
    service: S3Service,
    faults: Faults,
}

impl Front {
    async fn answer(&self, request: Request<Incoming>) -> Reply {
        let (request, end) = match strike(&self.faults, request).await {
            Ok(struck) => struck,
            Err(reply) => return reply,
        };
        let service = self.service.clone();
        // A task of its own: what was begun is brought to its end though nobody may wait for the answer any more.
        let call = tokio::spawn(async move {
            let answer = service.call(request.map(s3s::Body::from)).await;
            answer.map_err(|problem| format!("{problem:?}"))
        });
        let response = match call.await.map_err(|problem| problem.to_string()).flatten() {
            Ok(response) => response.map(BodyExt::boxed_unsync),
            Err(problem) => {
                tracing::warn!(?problem, "a request could not be processed");
                return Reply::Reset;
            }
        };
        match end {
            None => Reply::Answer(response),
            Some(Effect::ResetMidBody) => http::cut(response).await,
            Some(_) => Reply::Reset,
        }
    }
}

/// S3's form of a refusal at the door.
pub(super) fn refuse(refusal: &Refusal) -> Response<ReplyBody> {
    error(Refusal::STATUS, "AccessDenied", &refusal.to_string())
}
