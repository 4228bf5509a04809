//! Matthews correlation of two binary variables, with an honest answer where it is undefined.
//!
//! # Should you use this crate?
//!
//! Yes, if you have yes/no predictions and outcomes and want to know how well they agree: the Matthews correlation coefficient
//! (the phi coefficient, Pearson's correlation of zeros and ones) and Fisher's exact test, from counts or from pairs. It has no
//! dependencies. It does not know more than two classes, nor weights.
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
//! // If every layer settles early, there is nothing to correlate with.
//! let table = Contingency::from_slices(&large, &[true; 6])?;
//! assert_eq!(table.mcc(), Mcc::Undefined(Margin::NotActual));
//! # Ok::<(), settling_mcc::Error>(())
//! ```
//!
//! # What it promises
//!
//! - [`Contingency::mcc`] is within one unit in the last place for all counts, and has the right sign; it never returns NaN, nor
//!   0 for "undefined".
//! - [`Contingency::fisher_exact`] states its error and its limits.
//!
//! # What no test can tell
//!
//! The layers of one model are not independent samples: they are trained together, and neighbours resemble each other. The
//! effective number of observations is smaller than the number of layers, by an unknown factor, and p-values are too small by
//! another. Report the table beside any coefficient.
#![forbid(unsafe_code)]

mod contingency;
mod double;
mod error;
mod fisher;
mod mcc;

pub use contingency::Contingency;
pub use error::{Error, ErrorKind};
pub use fisher::FisherExact;
pub use mcc::{Margin, Mcc};

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
