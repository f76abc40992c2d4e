//! The pages on which people label: a worker gives a name and gets task after task.
//!
//! [`Portal`] serves one labeling job. [`tasks`] decides who is given what, [`template`] renders a worker task template,
//! [`answers`] keeps what workers answer, and `pages` and `site` are what a browser sees. A task's page is shown in a
//! sandboxed frame: it can neither read the portal's cookies nor ask for anything, and its answer goes through the page
//! around it.

pub mod answers;
mod images;
mod pages;
mod site;
pub mod tasks;
pub mod template;
mod worker;

pub use images::ImageFolder;
pub use site::{Portal, PortalJob};
