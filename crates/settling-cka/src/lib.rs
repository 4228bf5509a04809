//! Linear centred kernel alignment: biased and debiased, exact, streaming, mergeable.
#![forbid(unsafe_code)]
