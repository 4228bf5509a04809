//! The figures: rows of the tables of `settling-analysis`, as lines, bands, points and colors.

mod estimators;
mod heat_map;
mod layer_heat_map;
mod layer_lines;
mod main;
mod mcc;
mod names;
pub(crate) mod note;
mod percentiles;
mod settling;
mod spectra;
mod surface;
mod weights;

pub use estimators::estimator_figure;
pub use heat_map::{HeatMap, heat_map};
pub use layer_heat_map::layer_heat_map;
pub use layer_lines::layer_lines;
pub use main::main_figure;
pub(crate) use mcc::interval;
pub use mcc::mcc_figure;
pub use percentiles::percentile_figure;
pub use settling::settling_figure;
pub use spectra::spectra_figure;
pub use surface::surface_figure;
pub use weights::weight_figure;

pub(crate) use names::{COMPONENTS, component_name, phrase, title};
