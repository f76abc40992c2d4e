//! Tests of the whole pipeline over the wire.
