//! The Matthews correlation coefficient (MCC) of two binary variables in small samples, with
//! intervals and exact tests.
//!
//! # Should you use this crate?
//!
//! Yes, if you have yes/no predictions and outcomes and want to know how well they agree (the MCC
//! is the phi coefficient, Pearson's correlation of zeros and ones), above all if they are few, or
//! were made from numbers by thresholds. It has no dependencies. For a whole battery of
//! classification scores use another crate; this one is about one of them, and its uncertainty.
//!
//! | question | answer |
//! |---|---|
//! | How strong is the association? | [`Contingency::mcc`], of k classes [`Confusion::mcc`], with weights [`WeightedContingency::mcc`] |
//! | ... compared with the strongest these margins allow? | [`Contingency::attainable_mcc`] |
//! | How uncertain is it? | [`Contingency::profile_interval`], or [`Bootstrap`] |
//! | Could it be chance? | [`Contingency::fisher_exact`], [`fisher_mid_p`](Contingency::fisher_mid_p), [`permutation_exact`](Contingency::permutation_exact) |
//! | Is one predictor better than another? | [`Bootstrap::mcc_difference`] |
//! | What do several models say together? | [`stratified_mcc`], [`stratified_exact`], [`Bootstrap::clusters`] |
//! | Could the best of many definitions be chance? | [`Permutation::extremes`] |
//! | What if no threshold is used? | [`association`], [`roc_auc`], [`Permutation::test`] |
//! | What would another library say where it is undefined? | [`Contingency::mcc_as`] |
//!
//! ```
//! use settling_mcc::{Contingency, Margin, Mcc};
//!
//! // Do layers with a large effective rank settle early?
//! let large = [true, true, true, false, false, false];
//! let early = [true, true, false, false, false, false];
//! let table = Contingency::from_slices(&large, &early)?;
//!
//! // (2 * 3 - 1 * 0) / sqrt(3 * 2 * 4 * 3) = 6 / sqrt(72) = 1 / sqrt(2).
//! let mcc = table.mcc().value().unwrap();
//! assert!((mcc - 0.5_f64.sqrt()).abs() < 1e-15);
//!
//! // Six layers: it might be anything but clearly negative, and happens by chance in 6 of 15
//! // pairings.
//! let (low, high) = table.profile_interval(0.95);
//! assert!(low < 0.0 && high > 0.9);
//! assert!((table.fisher_exact().two_sided - 0.4).abs() < 1e-15);
//!
//! // If every layer settles early, there is nothing to correlate with.
//! let table = Contingency::from_slices(&large, &[true; 6])?;
//! assert_eq!(table.mcc(), Mcc::Undefined(Margin::NotActual));
//! # Ok::<(), settling_mcc::Error>(())
//! ```
//!
//! # What it promises
//!
//! - [`Contingency::mcc`] is within one unit in the last place for all counts, and has the right
//!   sign; it never returns NaN, nor 0 for "undefined".
//! - Tests are exact where they say so; what is random comes from a seed, and is the same on every
//!   machine.
//! - Every function states its error and its limits. Nothing undefined is passed over.
//!
//! # What six layers can say
//!
//! Little. If three of six layers are predicted and the same three actual, the MCC is 1, Fisher's
//! two-sided p is 0.1, and the 95 % interval reaches down to 0.45. With one of six, p is 1/6 at
//! best. A coefficient of 0.5 is compatible with none.
//!
//! # What no test can tell
//!
//! The layers of one model are not independent samples: they are trained together, and neighbors
//! resemble each other. The effective number of observations is smaller than the number of layers,
//! by an unknown factor; intervals are too narrow and p-values too small. What can be resampled are
//! models, and better still training runs with other seeds. Report the table beside any
//! coefficient.
//!
//! # Features
//!
//! `serde` (off by default): [`Contingency`] and [`Mcc`] are written and read, a coefficient as
//! `{"value": 0.5}` or `{"undefined": "predicted"}`; [`BootstrapInterval`], [`PValues`] and
//! [`PermutationTest`] are written.
#![forbid(unsafe_code)]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod arithmetic;
mod coefficient;
mod error;
mod inference;

pub use coefficient::contingency::Contingency;
pub use coefficient::convention::Convention;
pub use coefficient::mcc::{Margin, Mcc};
pub use coefficient::multiclass::{Confusion, Constant, MulticlassMcc};
pub use coefficient::weighted::WeightedContingency;
pub use error::{Error, ErrorKind, Undefined};
pub use inference::association::{Measure, association, roc_auc};
pub use inference::bootstrap::{Bootstrap, BootstrapInterval, BootstrapMethod};
pub use inference::exact::PValues;
pub use inference::null::PermutationNull;
pub use inference::permutation::{Extremes, Permutation, PermutationTest};
pub use inference::pooling::{Pooling, stratified_exact, stratified_mcc};

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
