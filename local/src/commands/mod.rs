//! One file a command: its arguments and what it does.

pub mod function;
pub mod run;
