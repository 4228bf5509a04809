//! The floating-point type that a model computes in.

use std::fmt;
use std::str::FromStr;

use tch::Kind;

use crate::error::{Error, ErrorKind};

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
