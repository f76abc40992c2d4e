//! Truth inference: several workers' answers to one answer and its probability.
