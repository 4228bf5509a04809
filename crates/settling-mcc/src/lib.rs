//! Matthews correlation of two binary variables, with an honest answer where it is undefined.
#![forbid(unsafe_code)]
