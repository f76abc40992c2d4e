//! Looking back: what has landed, what has vanished, what earlier versions have left; and whether a training can start.

mod earlier;
pub mod look;
mod rounds;
pub mod training;
