//! Models of any architecture with random weights: what a check of arithmetic needs of a
//! checkpoint.

use std::f64::consts::TAU;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io;

use settling::core::{Dtype, TensorData, TensorMeta, TensorSource, TokenBatch};
use settling::models::Architecture;

/// Matrices of standard deviation 1/sqrt(inputs), so that nothing grows or dies out over the
/// layers; normalisations near the identity; small biases.
pub(super) struct RandomWeights {
    tensors: Vec<TensorMeta>,
}

impl RandomWeights {
    pub(super) fn of(architecture: &Architecture) -> Self {
        let meta = |(name, shape)| TensorMeta { name, dtype: Dtype::F32, shape };
        Self { tensors: architecture.parameters().into_iter().map(meta).collect() }
    }
}

impl TensorSource for RandomWeights {
    type Error = io::Error;

    fn tensors(&self) -> &[TensorMeta] {
        &self.tensors
    }

    fn read(&self, name: &str) -> Result<TensorData<'_>, io::Error> {
        let missing = || io::Error::new(io::ErrorKind::NotFound, format!("no tensor `{name}`"));
        let meta = self.tensors.iter().find(|meta| meta.name == name).ok_or_else(missing)?;
        let (mean, deviation) = match meta.shape[..] {
            [_, inputs] => (0.0, (inputs as f64).powf(-0.5)),
            _ if name.ends_with("weight") => (1.0, 0.1),
            _ => (0.0, 0.02),
        };
        // The name is the seed: the same weights in every process.
        let mut hasher = DefaultHasher::new();
        name.hash(&mut hasher);
        let count = meta.shape.iter().product();
        let values = Normal(hasher.finish()).take(count).map(|z| (mean + deviation * z) as f32);
        let bytes: Vec<u8> = values.flat_map(f32::to_le_bytes).collect();
        TensorData::new(Dtype::F32, meta.shape.clone(), bytes).map_err(io::Error::other)
    }
}

/// Standard normal numbers.
pub(super) struct Normal(pub(super) u64);

impl Normal {
    /// In (0, 1].
    fn uniform(&mut self) -> f64 {
        ((bits(&mut self.0) >> 11) as f64 + 1.0) / (1_u64 << 53) as f64
    }
}

impl Iterator for Normal {
    type Item = f64;

    fn next(&mut self) -> Option<f64> {
        let (radius, angle) = (self.uniform(), self.uniform());
        Some((-2.0 * radius.ln()).sqrt() * (TAU * angle).cos())
    }
}

/// The next 64 bits (SplitMix64).
fn bits(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let mut z = *state;
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

/// `rows` rows of `width` tokens.
pub(super) fn tokens(rows: usize, width: usize, vocabulary: usize) -> TokenBatch {
    let mut state = 1;
    let ids = (0..rows * width).map(|_| (bits(&mut state) % vocabulary as u64) as u32);
    TokenBatch::new(ids.collect(), width).expect("whole rows")
}

/// A matrix, row-major.
pub(super) fn matrix(seed: u64, rows: usize, cols: usize) -> Vec<f32> {
    Normal(seed).take(rows * cols).map(|z| z as f32).collect()
}
