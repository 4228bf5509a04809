//! Reads the checkpoints of a training run: safetensors files, sharded or not, and series of step directories.
#![forbid(unsafe_code)]
