//! Lambda function: a data object to a worker's task input.
