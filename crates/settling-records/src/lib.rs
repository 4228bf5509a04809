//! The records of a study: one number per row, each with its full definition, in a versioned
//! schema, as CSV and Parquet.
//!
//! # Should you use this crate?
//!
//! Yes, to read what a study wrote, or to write numbers of your own so that `settling-figures` can
//! draw them. Anything that reads CSV can do the same: the schema below is public API. It depends
//! on `settling-core` and a CSV parser, nothing heavier unless a feature asks for it.
//!
//! # `records.csv`
//!
//! | column | content |
//! |---|---|
//! | `schema` | the version of this table: `1` |
//! | `model` | the model's name |
//! | `step` | optimizer updates seen |
//! | `layer`, `component`, `view`, `head` | the site; `attention` or `mlp`; `write`, `ov` or `ov_flat`; `head` empty for a whole layer |
//! | `signal` | `activation`, `weight` or `gradient` |
//! | `metric` | what was measured: `cka`, `effective_rank`, `per`, ... |
//! | `value` | the number, in the shortest form that reads back to the same f64; empty where it is undefined |
//! | `n`, `width` | the shape of what was measured: observations and features, or rows and columns of the matrix |
//! | `positions` | `last`, `all`, `every:K` or `index:I`; empty for weights |
//! | `estimator` | how: `biased`, `debiased`, `floor`; `gram`, `svd`, ...; `attainable`, `columns`, `head_dim`, `top_head_dim`; where undefined, followed by `:` and the reason |
//! | `protocol` | the protocol that fixed every other choice |
//!
//! A table that went through pandas, polars or R is read: with its columns in another order, a
//! column of row numbers, `0.0` for 0, or `NaN` for nothing. Two rows of the same number are an
//! error that names both lines, as is everything else that is wrong.
//!
//! # `records.parquet`
//!
//! The same columns with the same content in their types: text, integers of 64 bits, f64; null
//! where CSV has nothing. An undefined value is null, with the reason in `estimator`. It is what to
//! take for many records: a fifth of the size, and every reader gives the numbers to the bit. With
//! the feature `parquet`, `write_records_parquet` and `read_records_parquet`. The other tables
//! are small and are CSV only.
//!
//! # `mcc.csv`
//!
//! The columns are
//! `schema,model,component,view,predictor,n,tp,fp,fn,tn,mcc,ci_low,ci_high,p_exact,status,protocol`.
//! A row is a 2x2 table over the `n` layers of a model, its Matthews correlation (empty where it is
//! undefined; `status` is `ok` or the reason), and Fisher's exact two-sided p. `ci_low` and
//! `ci_high` are empty where no interval was computed; a study writes the 95 % profile-likelihood
//! interval wherever the correlation is defined.
//!
//! # `summary.csv`
//!
//! `schema,model,component,signal,metric,estimator,step,value,n,undefined,average,protocol`: the
//! `mean` or `median` over the layers of a model (and their heads, where the protocol says so) at a
//! step, of the `n` values that are defined; empty if none is.
//!
//! # `settling.csv`
//!
//! The columns are
//! `schema,model,layer,component,view,threshold,settling_step,fraction_of_training,protocol,status`.
//! A row is the first step from which on the similarity of a layer to the last checkpoint reaches
//! `threshold` and never falls below it again, and that step over the last. Both are empty where
//! there is none, and `status` is `ok` or the reason.
//!
//! # Example
//!
//! ```
//! use settling_core::{Component, Signal, Site, Step};
//! use settling_records::{Record, read_records, write_records};
//!
//! let site = Site::write(0, Component::Mlp);
//! let record = Record::new("pythia-70m", Step(512), site, Signal::Weight, "per", Ok(0.875))
//!     .with_shape(512, 2048)
//!     .with_estimator("attainable")
//!     .with_protocol("corrected");
//! let mut file = Vec::new();
//! write_records(&mut file, [&record])?;
//! let text = String::from_utf8(file.clone())?;
//! let row = "1,pythia-70m,512,0,mlp,write,,weight,per,0.875,512,2048,,attainable,corrected";
//! assert_eq!(text.lines().nth(1), Some(row));
//! assert_eq!(read_records(&file[..])?, [record]);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Crate features
//!
//! - `parquet`: `records.parquet`. Without it nothing here decodes Parquet, and few crates are
//!   built.
#![forbid(unsafe_code)]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod error;
#[cfg(feature = "parquet")]
mod parquet;
mod tables;
mod version;

pub use error::{Error, ErrorKind};
#[cfg(feature = "parquet")]
pub use parquet::{read::read_records_parquet, write::write_records_parquet};
pub use tables::mcc::{MccRow, read_mcc, write_mcc};
pub use tables::record::{Record, read_records, write_records};
pub use tables::settling::{SettlingRow, read_settling, write_settling};
pub use tables::summary::{SummaryRow, read_summary, write_summary};
pub use version::SCHEMA;

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
