//! Records of a study -> tables: trajectories of layers, the paper's binary variables and their
//! Matthews correlation, settling steps, averages over layers, sweeps over thresholds.
//!
//! # Should you use this crate?
//!
//! Yes, if you have the records of a study (or numbers of your own in their form) and want to decide
//! about them: which layers converge early, which have a large effective rank, whether the two go
//! together, and how much of that hangs on the thresholds. Everything here is a function of records
//! and [`Rules`]; nothing is read, run or drawn. `settling` makes records, `settling-figures` draws
//! what this crate returns and computes nothing itself.
//!
//! | question | answer | file of a study |
//! |---|---|---|
//! | Do large ranks go with early convergence? | [`mcc_table`] | `mcc.csv` |
//! | From which step on does each layer stay similar to its end? | [`settling_table`] | `settling.csv` |
//! | What do the layers of a model do on average? | [`summary_table`] | `summary.csv` |
//! | What was decided about each layer? | [`layer_variables`] | |
//! | By which numbers? | [`layer_trajectories`]: a [`Trajectory`] each | |
//! | Would other thresholds say the same? | [`Sweep`] | |
#![forbid(unsafe_code)]

mod error;
mod layers;
mod mcc_table;
mod rules;
mod settling_table;
mod summary_table;
mod sweep;
mod trajectory;

pub use error::{Error, ErrorKind};
pub use layers::{LayerTrajectories, LayerVariables, layer_trajectories, layer_variables};
pub use mcc_table::mcc_table;
pub use rules::{
    Average, CkaEstimator, Early, Large, PerSites, Rules, Summary, SummarySteps, Threshold, Views,
    Window,
};
pub use settling_table::settling_table;
pub use summary_table::summary_table;
pub use sweep::{GridShare, MaxStatistic, Sweep, SweepGrid, SweepPoint, SweepUnit};
pub use trajectory::{Crossing, Settling, Trajectory, Unknown, share_of_largest};

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
