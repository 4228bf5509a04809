//! How a model is run, and what of it is looked at.

use std::fmt;
use std::str::FromStr;

use settling_core::{Inputs, LossReduction, Positions, Site};
use tch::Kind;

use crate::{Device, Error, ErrorKind};

/// How a model is run, and what of it is looked at.
///
/// ```
/// use settling_capture::{Options, Precision};
/// use settling_core::{Component, Positions, Site};
///
/// let options = Options {
///     positions: Positions::All,
///     sites: Some(vec![Site::write(3, Component::Mlp), Site::ov(3).of_head(0)]),
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
        write!(f, "libtorch {}, {kind}, {}", crate::LIBTORCH, self.precision)
    }
}

/// The floating-point arithmetic of a model. Parses from and displays as `f32`, `f64`, `bf16`,
/// `f16`.
///
/// Weights are converted to it when they are loaded, whatever their type in the file. What is
/// delivered is f32; parameter gradients are f64.
///
/// ```
/// use settling_capture::Precision;
///
/// assert_eq!("bf16".parse::<Precision>()?, Precision::Bf16);
/// assert_eq!(Precision::default().to_string(), "f32");
/// assert!("tf32".parse::<Precision>().is_err());
/// # Ok::<(), settling_capture::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum Precision {
    /// Single precision, with TF32 off: a product is rounded as f32 on every device.
    #[default]
    F32,
    /// Double precision, for references. The angles of rotary position embedding are rounded to f32
    /// as in training.
    F64,
    /// bfloat16: 8 bits of precision.
    Bf16,
    /// IEEE half precision: 11 bits, and nothing above 65504.
    F16,
}

impl Precision {
    /// All precisions.
    pub const ALL: [Self; 4] = [Self::F32, Self::F64, Self::Bf16, Self::F16];

    /// `f32`, `f64`, `bf16` or `f16`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::F32 => "f32",
            Self::F64 => "f64",
            Self::Bf16 => "bf16",
            Self::F16 => "f16",
        }
    }

    pub(crate) const fn kind(self) -> Kind {
        match self {
            Self::F32 => Kind::Float,
            Self::F64 => Kind::Double,
            Self::Bf16 => Kind::BFloat16,
            Self::F16 => Kind::Half,
        }
    }
}

impl fmt::Display for Precision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Precision {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let found = Self::ALL.into_iter().find(|precision| precision.name() == text);
        found.ok_or_else(|| {
            let message =
                format!("`{text}` names no precision: expected `f32`, `f64`, `bf16` or `f16`");
            Error::new(ErrorKind::Config, message)
        })
    }
}
