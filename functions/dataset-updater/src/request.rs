//! What is asked of an invocation: its event, its settings, the target, the time, the place of the reports.
//!
//! Pure: what goes in are texts and values, what comes out are types.

pub mod budget;
pub mod config;
pub mod event;
pub mod invocation;
pub mod place;
pub mod target;
