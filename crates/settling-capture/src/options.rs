//! How a model is run, and what of it is looked at.

use std::fmt;

use settling_core::{Inputs, LossReduction, Positions, Site};

use crate::device::Device;
use crate::precision::Precision;

/// The version of libtorch that this crate is bound to.
pub const LIBTORCH: &str = "2.11.0";

/// How a model is run, and what of it is looked at.
///
/// ```
/// use settling_capture::{Options, Precision};
/// use settling_core::{Component, Positions, Site};
///
/// let options = Options {
///     positions: Positions::All,
///     sites: Some(vec![Site::write(3, Component::Mlp), Site::ov(3).with_head(0)]),
///     ..Options::default()
/// };
/// assert_eq!(options.engine.precision, Precision::F32);
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Options {
    /// What the model runs on and in.
    pub engine: Engine,
    /// How much of a token row is fed where activations are delivered; as much as the context has,
    /// unless told otherwise. The one token beyond the context that [`Inputs::Whole`] feeds needs
    /// positions without an end: not those of GPT-2.
    pub inputs: Inputs,
    /// Which positions of each sequence are delivered as observations; the last one unless told
    /// otherwise.
    pub positions: Positions,
    /// Which sites are delivered; `None` for the write sites of all layers. Nothing after the last
    /// of them is computed.
    pub sites: Option<Vec<Site>>,
    /// How the loss is reduced over a batch before gradients are taken.
    pub loss_reduction: LossReduction,
}

/// What a model runs on and in. It changes no result beyond rounding.
///
/// ```
/// use settling_capture::{Device, Engine, Precision};
///
/// let engine = Engine { device: Device::Cpu, precision: Precision::F64, ..Engine::default() };
/// assert_eq!(engine.to_string(), "libtorch 2.11.0, cpu, f64");
/// ```
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
pub struct Engine {
    /// The device the model runs on.
    pub device: Device,
    /// The floating-point type of the computation.
    pub precision: Precision,
    /// How many sequences run at once; `None` for as many as suit the device. It bounds memory.
    pub micro_batch: Option<usize>,
}

/// What determines the rounding of results: the version of libtorch, the kind of device and the
/// precision. Of several GPUs it does not matter which.
impl fmt::Display for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let device = self.device.to_string();
        let kind = device.split(':').next().unwrap_or_default();
        write!(f, "libtorch {}, {kind}, {}", LIBTORCH, self.precision)
    }
}
