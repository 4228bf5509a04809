//! The checkpoints of a model on the hub.

mod builder;
mod hub_checkpoint;
mod hub_series;
mod shared;
mod steps;
mod weights;

pub use builder::HubSeriesBuilder;
pub use hub_checkpoint::HubCheckpoint;
pub use hub_series::HubSeries;
