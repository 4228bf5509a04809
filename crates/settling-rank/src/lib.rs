//! Singular values of weights and gradients, with a certificate, and every measure of rank on them.
//!
//! # Should you use this crate?
//!
//! Yes, if you have matrices (weights, gradients, activations) and want their singular values, or a
//! number that says how many directions they use, and need to know how far to trust it. It is
//! several times as fast as `svdvals` of scipy or torch on a batch, and says of every answer how it
//! was found and how far off it can be. It reads no files and knows no models: for the ranks of a
//! model's checkpoints over training, use the facade `settling`; for a decomposition with its
//! vectors, use `faer`. Everything is on the CPU.
//!
//! ```
//! use settling_rank::{MatView, effective_rank, spectrum};
//!
//! // Rows (1, 0, 0) and (0, 1, 0): two equal singular values.
//! let weight = [1.0_f32, 0.0, 0.0, 0.0, 1.0, 0.0];
//! let certified = spectrum(MatView::new(&weight, 2, 3))?;
//! assert_eq!(effective_rank(&certified)?, 2.0);
//! assert!(certified.effective_rank_error()? < 1e-9);
//! # Ok::<(), settling_rank::Error>(())
//! ```
//!
//! # Where a spectrum comes from
//!
//! | | |
//! |---|---|
//! | a matrix of f32, f64, or what converts to f64 (`half::f16`, `half::bf16`) | [`spectrum`]; [`spectrum_within`] a tolerance of your own; [`singular_values`] always decomposes |
//! | many matrices, on all cores | [`spectra`] |
//! | a product that is never formed: an output-value circuit | [`product_spectrum`], [`product_spectra`] |
//! | a sum of two products: the circuit's gradient | [`sum_of_products_spectrum`] |
//! | singular values of your own | [`Spectrum::new`], [`Spectrum::from_unordered`]; with their errors, [`effective_rank_error`] |
//!
//! # What it computes
//!
//! | | of a spectrum s_1 >= s_2 >= ... | zero matrix |
//! |---|---|---|
//! | [`effective_rank`] | exp of the entropy of s / sum(s) | undefined |
//! | [`proportional_effective_rank`] | the same, over a [`Denominator`] | undefined |
//! | [`rankme`] | the same with an epsilon added to the shares | undefined |
//! | [`matrix_entropy`] | entropy of s^2 / sum(s^2), over its maximum | undefined |
//! | [`stable_rank`] | sum(s^2) / s_1^2 | undefined |
//! | [`participation_ratio`] | sum(s^2)^2 / sum(s^4) | undefined |
//! | [`numerical_rank`] | how many are above a tolerance | 0 |
//! | [`spectral_decay`] | exponent of the power law that fits | undefined |
//! | [`condition_number`] | s_1 / s_n, or "at least" | undefined |
//! | [`frobenius_norm`], [`nuclear_norm`], [`spectral_norm`] | sqrt(sum(s^2)), sum(s), s_1 | 0 |
//!
//! [`gini`] and [`hoyer`] measure how uneven the elements are. [`marchenko_pastur_per`] is what
//! noise has. Undefined is an error with its [reason](Undefined); no function returns NaN. What may
//! be zero by its certificate counts as zero where it would decide ([`Measurable`]).
//! [`effective_rank_sensitivity`] has the derivatives of the effective rank.
//!
//! # What it promises
//!
//! - Everything is computed in f64. A Gram matrix stands in for the decomposition only where its
//!   bound of the error of the effective rank, computed from the matrix at hand, is at most 1e-9;
//!   [`CertifiedSpectrum`] has the bound and the [`Method`]. Decomposed, each singular value is
//!   within 4 n eps times the largest, n = max(rows, cols).
//! - Results are checked at run time: a Gram matrix against a product with a vector, its
//!   eigenvalues against trace and norm, singular values against the Frobenius norm. What fails
//!   goes to the next of three methods. None of them iterates until it converges: the time of a
//!   spectrum depends on the shape, whatever the elements.
//! - Scaling a matrix by a power of two scales its singular values exactly and changes no bit of a
//!   rank. Elements near the ends of the range of f32 or f64 lose nothing. Singular values below
//!   [`f64::MIN_POSITIVE`] are rounded to multiples of 2^-1074, as every f64 there is; radii and
//!   bounds include it.
//! - One thread per matrix, so that results do not depend on the number of threads.
#![forbid(unsafe_code)]

mod arithmetic;
mod certified;
mod decomposition;
mod error;
mod measures;
mod method;
mod scaled;
mod solver;
mod uncertainty;

pub use certified::CertifiedSpectrum;
pub use decomposition::eigenvalues::GramEigenvalues;
pub use decomposition::product::{product_spectra, product_spectrum, sum_of_products_spectrum};
pub use decomposition::spectrum::{TOLERANCE, spectra, spectrum, spectrum_within};
pub use decomposition::svd::singular_values;
pub use error::{Error, ErrorKind, Undefined};
pub use measures::condition::{ConditionNumber, condition_number};
pub use measures::decay::spectral_decay;
pub use measures::effective_rank::{Denominator, effective_rank, proportional_effective_rank};
pub use measures::entries::{gini, hoyer};
pub use measures::entropy::{matrix_entropy, rankme};
pub use measures::measurable::Measurable;
pub use measures::norms::{frobenius_norm, nuclear_norm, spectral_norm};
pub use measures::null::marchenko_pastur_per;
pub use measures::ranks::{numerical_rank, participation_ratio, stable_rank};
pub use measures::sensitivity::{effective_rank_error, effective_rank_sensitivity};
pub use method::Method;
#[doc(no_inline)]
pub use settling_core::{MatView, Spectrum};
pub use solver::{CpuSolver, SpectrumSolver};

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
