//! Pre-annotation: a data object → a worker's task input.
//!
//! Where a model may be asked what it sees, [`respond`] says of which image ([`Response::image_to_ask_about`]), and
//! [`Response::add_findings`] takes the answer in. [`ModelRest`] decides when a model that fails is left alone.

mod findings;
mod initial_value;
mod model_rest;
mod request;
mod response;
mod task_input;

pub use findings::{Added, Bounds, Finding};
pub use initial_value::InitialBox;
pub use model_rest::{ModelFailure, ModelRest};
pub use request::{Request, RequestError};
pub use response::{Config, Note, Response, respond};
pub use task_input::{Suggestion, TaskInput};
