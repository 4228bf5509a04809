//! Singular values and effective rank of weights and gradients, with the numerics stated.
//!
//! # Should you use this crate?
//!
//! Yes, if you have matrices (weights, gradients, activations) and want their singular values, or a number that says how
//! many directions they use, and need to know how far to trust it. It reads no files and knows no models: for the ranks of a
//! model's checkpoints over training, use the facade `settling`; for a decomposition with its vectors, use `faer`.
//!
//! ```
//! use settling_rank::{MatView, effective_rank, singular_values};
//!
//! // Rows (1, 0, 0) and (0, 1, 0): two equal singular values.
//! let weight = [1.0_f32, 0.0, 0.0, 0.0, 1.0, 0.0];
//! let spectrum = singular_values(MatView::new(&weight, 2, 3))?;
//! assert_eq!(effective_rank(&spectrum)?, 2.0);
//! # Ok::<(), settling_rank::Error>(())
//! ```
//!
//! # What it computes
//!
//! | | of a spectrum s_1 >= s_2 >= ... | zero matrix |
//! |---|---|---|
//! | [`effective_rank`] | exp of the entropy of s / sum(s) | undefined |
//! | [`proportional_effective_rank`] | the same, over the attainable rank | undefined |
//! | [`stable_rank`] | sum(s^2) / s_1^2 | undefined |
//! | [`participation_ratio`] | sum(s^2)^2 / sum(s^4) | undefined |
//! | [`frobenius_norm`], [`nuclear_norm`], [`spectral_norm`] | sqrt(sum(s^2)), sum(s), s_1 | 0 |
//!
//! Undefined is an error with its [reason](Undefined); no function returns NaN. How far to trust an effective rank whose
//! singular values are known to some radius says [`effective_rank_error`]; [`effective_rank_sensitivity`] has its derivatives.
//!
//! # What it promises
//!
//! - Everything is computed in f64. Each singular value is within 4 n eps times the largest, n = max(rows, cols), and a
//!   check of their squared sum backs this at run time: [`singular_values`] has the details.
//! - Scaling a matrix by a power of two scales its singular values exactly and changes no bit of a rank. Elements near the
//!   ends of the range of f32 or f64 lose nothing.
//! - One thread per call, whatever the number of cores, so that results do not depend on it.
#![forbid(unsafe_code)]

mod certified;
mod condition;
mod decay;
mod entries;
mod entropy;
mod error;
mod gram;
mod jacobi;
mod ladder;
mod measures;
mod method;
mod null;
mod product;
mod scale;
mod scaled;
mod sensitivity;
mod spectrum;
mod sum;
mod svd;

pub use certified::Certified;
pub use condition::{ConditionNumber, condition_number};
pub use decay::spectral_decay;
pub use entries::{gini, hoyer};
pub use entropy::{matrix_entropy, rankme};
pub use error::{Error, ErrorKind, Undefined};
pub use measures::{
    Denominator, effective_rank, frobenius_norm, nuclear_norm, numerical_rank, participation_ratio,
    proportional_effective_rank, spectral_norm, stable_rank,
};
pub use method::Method;
pub use null::marchenko_pastur_per;
pub use product::{product_spectra, product_spectrum, sum_of_products_spectrum};
pub use sensitivity::{effective_rank_error, effective_rank_sensitivity};
#[doc(no_inline)]
pub use settling_core::{MatView, SingularValues, Spectrum};
pub use spectrum::{TOLERANCE, spectra, spectrum, spectrum_within};
pub use svd::{Svd, singular_values};

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
