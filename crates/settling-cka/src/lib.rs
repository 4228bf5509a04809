//! Linear centered kernel alignment (CKA): biased and debiased, exact, streaming, mergeable; and
//! what is reported beside it.
//!
//! # Should you use this crate?
//!
//! Yes, if you have two sets of features of the *same* observations (the activations of a layer at
//! two checkpoints, of two layers, of two models) and want one number for how similar they are up
//! to rotation, translation and scale, together with the value that unrelated features would have
//! reached. Rows may arrive in any batches, and accumulators that saw different rows may be merged:
//! the answer is that of all rows at once, not a mean over mini-batches.
//!
//! Use the facade `settling` instead if you want whole curves over the checkpoints of a model. This
//! crate does no I/O, and draws random numbers from a seed of yours only.
//!
//! # What for which task
//!
//! - Two matrices: [`linear_cka`]. Batches of rows: [`LinearCka`]. Many sites in one pass:
//!   [`CkaMatrix`].
//! - Is it chance, and how sure is it? [`permutation_null`], [`LinearCka::with_null`],
//!   [`bootstrap`].
//! - Other kernels: [`rbf_cka`], [`kernel_cka`]. What papers with mini-batches computed:
//!   [`MinibatchCka`].
//! - Other similarities: [`Svcca`], [`Pwcca`], [`Procrustes`], all by the trait [`Similarity`].
//!
//! # Which number?
//!
//! | number | definition | when |
//! |---|---|---|
//! | [`Cka::biased`] | `‖Cxy‖² / (‖Cxx‖ ‖Cyy‖)` | to compare with published values, always beside the floor |
//! | [`Cka::floor`] | the mean of the biased value over all re-pairings of the rows | what the biased value has to beat |
//! | [`Cka::debiased`] | the ratio of unbiased estimates of the same three terms | to compare widths or numbers of rows |
//!
//! With few rows the biased value is high for *any* two wide matrices: independent features of 512
//! dimensions and 128 rows have a biased CKA of about 0.8 ([`independence_floor`]). The debiased
//! value of independent features is near 0, so it may be negative; it is never clamped.
//!
//! ```
//! use settling_cka::{MatView, Undefined, linear_cka};
//!
//! let x = [1.0, 2.0, 3.0, 4.0];
//! let y = [1.0, 3.0, 2.0, 4.0];
//! let cka = linear_cka(MatView::new(&x, 4, 1), MatView::new(&y, 4, 1))?;
//! assert!((cka.biased()? - 16.0 / 25.0).abs() < 1e-15);
//! assert!((cka.debiased()? - -1.0 / 26.0).abs() < 1e-15);
//! assert!((cka.floor()? - 1.0 / 3.0).abs() < 1e-15);
//!
//! // What has no value says why; it is never NaN.
//! let constant = linear_cka(MatView::new(&x, 4, 1), MatView::new(&[7.0; 4], 4, 1))?;
//! assert_eq!(constant.biased(), Err(Undefined::ZeroVariance(settling_cka::Side::Y)));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Numerics
//!
//! All arithmetic is f64, on one thread for one pair; [`CkaMatrix`] and [`bootstrap`] share pairs
//! and draws among the threads of rayon's pool, and no bit depends on their number. On one machine,
//! the same rows in the same order give the same bits, however they are split into batches. Rows
//! are centered before any product, and means are kept in twice the precision of f64, so that
//! features may lie far from zero: an offset of 10⁶ standard deviations costs less than 10⁻¹².
//! Swapping `x` and `y`, or scaling one of them by a power of two, does not change a bit; merging
//! accumulators in another order, or the other of the two forms of [`linear_cka`], changes the
//! result by rounding only. Rows may be of any scale (elements up to 2^900, differences from
//! 2^-900): each side is brought near 1 by a power of two before anything is squared.
//!
//! A value is given where three digits of it are known at the least; where more have cancelled, or
//! where it is any of many (equal singular values), the answer is a reason, [`Undefined`].
//!
//! [`LinearCka::with_f32_products`] multiplies in f32 and adds up in f64, and the value says how
//! far it may be off.
//!
//! # Features
//!
//! `serde` (off by default): [`Cka`], [`BootstrapInterval`] and [`NullSummary`] are written, each
//! similarity as `{"value": 0.9}` or `{"undefined": "zero variance: ..."}`.
#![forbid(unsafe_code)]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod arithmetic;
mod check;
mod cka;
mod error;
mod estimators;
mod inference;
mod null;
#[cfg(feature = "serde")]
mod serialize;
mod sums;
mod undefined;

pub use check::check_pair;
pub use cka::{Cka, CkaSums, SideSums, independence_floor};
pub use error::{Error, ErrorKind};
pub use estimators::accumulator::CkaAccumulator;
pub use estimators::cca::{Pwcca, Svcca};
pub use estimators::kernel::{Bandwidth, kernel_cka, rbf_cka};
pub use estimators::linear::{LinearCka, linear_cka, linear_cka_features, linear_cka_gram};
pub use estimators::matrix::CkaMatrix;
pub use estimators::minibatch::MinibatchCka;
pub use estimators::procrustes::Procrustes;
pub use estimators::similarity::{BiasedCka, DebiasedCka, RbfCka, Similarity};
pub use inference::bootstrap::{BootstrapDraws, BootstrapInterval, UndefinedDraws, bootstrap};
pub use inference::permutation::permutation_null;
pub use null::{NullSummary, PermutationNull, Resampling};
#[doc(no_inline)]
pub use settling_core::{BoxError, MatView};
pub use undefined::{Side, Undefined};

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
