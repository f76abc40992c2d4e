//! Lambda function: a labeling job's output to Custom Labels dataset entries.
