//! gtcl.
fn main() {}
