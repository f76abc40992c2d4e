//! Lambda function: several workers' answers to one label a data object.
