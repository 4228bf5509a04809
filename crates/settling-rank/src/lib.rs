//! Singular values and effective rank of weights and gradients, with the numerics stated.
#![forbid(unsafe_code)]
