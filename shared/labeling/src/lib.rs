//! What Ground Truth asks the two labeling functions, and what they answer.
