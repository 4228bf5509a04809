//! Token rows to evaluate a language model on: .npy files and tokenised corpora.
#![forbid(unsafe_code)]
