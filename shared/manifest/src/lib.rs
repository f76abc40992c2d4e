//! JSON Lines manifests, the label envelope, dataset entries, and the rules of Custom Labels.
