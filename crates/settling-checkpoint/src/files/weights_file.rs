//! Which files hold weights, by their names.

/// Whether a file of this name holds weights, as far as names tell: not what a trainer saves beside
/// them.
pub(crate) fn is_weights_file(name: &str) -> bool {
    let name = name.rsplit('/').next().unwrap_or(name);
    let beside =
        ["training_args", "optimizer", "scheduler", "rng_state", "scaler", "trainer_state"];
    let weights = [".safetensors", ".bin", ".pt", ".pth", ".ckpt", ".h5", ".msgpack"];
    weights.iter().any(|end| name.ends_with(end))
        && !beside.iter().any(|start| name.starts_with(start))
}
