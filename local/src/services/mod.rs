//! The services that the functions are run against, in this process.
