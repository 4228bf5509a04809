//! Records of a study -> tables: trajectories of layers, the paper's binary variables and their
//! Matthews correlation, settling steps, averages over layers, sweeps over thresholds.
//!
//! # Should you use this crate?
//!
//! Yes, if you have the records of a study (or numbers of your own in their form) and want to
//! decide about them: which layers converge early, which have a large effective rank, whether the
//! two go together, and how much of that hangs on the thresholds. Everything here is a function of
//! records and [`Rules`]; nothing is read, run or drawn. `settling` makes records,
//! `settling-figures` draws what this crate returns and computes nothing itself.
//!
//! | question | answer | file of a study |
//! |---|---|---|
//! | Do large ranks go with early convergence? | [`mcc_table`] | `mcc.csv` |
//! | From which step on does each layer stay similar to its end? | [`settling_table`] | `settling.csv` |
//! | What do the layers of a model do on average? | [`summary_table`] | `summary.csv` |
//! | What does every layer do, and how do they spread? | [`layer_table`], [`band_table`] | |
//! | Would other thresholds say the same? | [`surface_table`], and [`Sweep`] with a test | |
//! | All of it at once, as the figures draw it? | [`Tables`] | |
//! | What was decided about each layer? | [`layer_variables`] | |
//! | By which numbers? | [`layer_trajectories`]: a [`Trajectory`] each | |
#![forbid(unsafe_code)]

mod error;
mod layers;
mod quantile;
mod quantity;
mod rules;
mod sweep;
mod tables;
mod trajectory;

pub use error::{Error, ErrorKind};
pub use layers::{LayerTrajectories, LayerVariables, layer_trajectories, layer_variables};
pub use quantile::quantile;
pub use quantity::Quantity;
pub use rules::{
    Average, CkaEstimator, Early, Large, PerSites, Rules, StepAxis, Summary, SummarySteps,
    Threshold, Views, Window,
};
pub use sweep::{GridShare, MaxStatistic, Sweep, SweepGrid, SweepPoint, SweepUnit};
pub use tables::{
    BandRow, LayerRow, MccCounts, ModelRow, Quantiles, ReasonRow, SettledRow, SettlingState,
    Surface, Tables, band_table, layer_table, mcc_table, model_table, reason_table, settled_table,
    settling_table, summary_table, surface_table,
};
pub use trajectory::{Crossing, Settling, Trajectory, Unknown, share_of_largest};

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
