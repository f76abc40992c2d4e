//! Pre-annotation: a data object → a worker's task input.

mod initial_value;
mod request;
mod response;

pub use initial_value::InitialBox;
pub use request::{Request, RequestError};
pub use response::{Config, Note, Response, TaskInput, respond};
