//! Rotary position embedding for a longer context.

use super::validate::{self, check};
use crate::error::Error;

/// How the rotary frequencies of a model are stretched to a longer context than it was first
/// trained on.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum RopeScaling {
    /// Not at all.
    Default,
    /// All are divided by `factor`.
    Linear {
        /// The divisor.
        factor: f64,
    },
    /// Low ones are divided by `factor`, high ones left alone, with a ramp between (Llama 3.1).
    Llama3 {
        /// The divisor of the low frequencies.
        factor: f64,
        /// Wavelengths above the original context divided by this are low frequencies.
        low_freq_factor: f64,
        /// Wavelengths below the original context divided by this are high frequencies.
        high_freq_factor: f64,
        /// The context that the model was first trained on, in tokens.
        original_max_position_embeddings: usize,
    },
}

impl RopeScaling {
    /// What frequencies are divided by, at most.
    pub(super) fn factor(self) -> f64 {
        match self {
            Self::Default => 1.0,
            Self::Linear { factor } | Self::Llama3 { factor, .. } => factor,
        }
    }

    pub(super) fn validate(self) -> Result<(), Error> {
        match self {
            Self::Default => Ok(()),
            Self::Linear { factor } => validate::positive(&[("factor", factor)]),
            Self::Llama3 {
                factor,
                low_freq_factor,
                high_freq_factor,
                original_max_position_embeddings,
            } => {
                validate::positive(&[
                    ("factor", factor),
                    ("low_freq_factor", low_freq_factor),
                    ("high_freq_factor", high_freq_factor),
                ])?;
                check((high_freq_factor - low_freq_factor) as f32 > 0.0, || {
                    format!(
                        "low_freq_factor = {low_freq_factor} must be below high_freq_factor = {high_freq_factor}"
                    )
                })?;
                validate::sizes(&[(
                    "original_max_position_embeddings",
                    original_max_position_embeddings,
                )])
            }
        }
    }
}
