use std::fmt;
use std::str::FromStr;

use settling_core::{Inputs, Positions, Site};
use tch::Kind;

use crate::Device;

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
/// assert_eq!(options.precision, Precision::F32);
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Options {
    /// Where.
    pub device: Device,
    /// In which arithmetic.
    pub precision: Precision,
    /// How much of a token row is fed where activations are delivered; as much as the context has,
    /// unless told otherwise. The one token beyond the context that [`Inputs::Whole`] feeds needs
    /// positions that go on for ever: not those of GPT-2.
    pub inputs: Inputs,
    /// Which positions of each sequence are delivered as observations; the last one unless told
    /// otherwise.
    pub positions: Positions,
    /// How many sequences run at once; `None` for as many as suit the device. It bounds memory and
    /// changes no result beyond rounding.
    pub micro_batch: Option<usize>,
    /// Which sites are delivered; `None` for the write sites of all layers. Nothing behind the last
    /// of them is computed.
    pub sites: Option<Vec<Site>>,
    /// Of which loss gradients are taken.
    pub gradient_rule: GradientRule,
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
/// assert_eq!("bf16".parse(), Ok(Precision::Bf16));
/// assert_eq!(Precision::default().to_string(), "f32");
/// assert!("tf32".parse::<Precision>().is_err());
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
    type Err = ParsePrecisionError;

    fn from_str(text: &str) -> Result<Self, ParsePrecisionError> {
        let found = Self::ALL.into_iter().find(|precision| precision.name() == text);
        found.ok_or_else(|| ParsePrecisionError { text: text.to_owned() })
    }
}

/// The error of parsing a [`Precision`].
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ParsePrecisionError {
    text: String,
}

impl fmt::Display for ParsePrecisionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` names no precision: expected `f32`, `f64`, `bf16` or `f16`", self.text)
    }
}

impl std::error::Error for ParsePrecisionError {}

/// Of which loss of a batch the gradient is taken.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum GradientRule {
    /// Of the mean over all target tokens: each weighs the same.
    #[default]
    Mean,
    /// Of what the published code of "Tending Towards Stability" adds up: the batch is taken in
    /// sub-batches of 1, 2, 4, ... sequences, the rest in the last one, and the means of the
    /// sub-batches are *summed*. Of 128 sequences (1, 2, ..., 64, 1) the first and the last weigh
    /// 64 times what one of the 64 does.
    Published {
        /// The sub-batches do not grow beyond this. The published code stopped doubling where its
        /// GPU ran out of memory, so that its gradients depend on the GPU; `None` is a GPU that
        /// never does.
        largest: Option<usize>,
    },
}

impl GradientRule {
    /// How many sequences each mean is taken over, in order; they add up to `rows`.
    ///
    /// ```
    /// use settling_capture::GradientRule;
    ///
    /// assert_eq!(GradientRule::Mean.sub_batches(6), [6]);
    /// assert_eq!(GradientRule::Published { largest: None }.sub_batches(128), [1, 2, 4, 8, 16, 32, 64, 1]);
    /// assert_eq!(GradientRule::Published { largest: Some(4) }.sub_batches(13), [1, 2, 4, 4, 2]);
    /// ```
    #[must_use]
    pub fn sub_batches(self, rows: usize) -> Vec<usize> {
        let (mut next, largest) = match self {
            Self::Mean => (rows.max(1), usize::MAX),
            Self::Published { largest } => (1, largest.unwrap_or(usize::MAX).max(1)),
        };
        let (mut left, mut sizes) = (rows, Vec::new());
        while left > 0 {
            sizes.push(next.min(left));
            left -= next.min(left);
            next = next.saturating_mul(2).min(largest);
        }
        sizes
    }
}
