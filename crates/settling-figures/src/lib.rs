//! Figures of a settling study, from its records alone: SVG and PNG.
#![forbid(unsafe_code)]
