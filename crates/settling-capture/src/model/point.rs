//! The places of a forward pass that can be looked at, in the order in which it meets them.

use std::fmt;
use std::str::FromStr;

use crate::error::{Error, ErrorKind};

/// A tensor inside one layer.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) enum Tap {
    Input,
    AttentionInput,
    /// The output of a fused query-key-value projection, as the matrix gives it.
    Fused,
    Key,
    Value,
    Query,
    Mixed,
    AttentionWrite,
    MlpInput,
    Hidden,
    MlpWrite,
    Output,
}

/// A tensor of a pass: `(batch, tokens, features)`.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) enum Point {
    Layer(usize, Tap),
    /// What the output embedding reads.
    FinalNorm,
}

/// A tensor inside a model that is not a [`Site`](settling_core::Site): for looking at how a write
/// comes about.
///
/// Made from its name, which it displays as. L is a layer, counted from 0.
///
/// | name | what it is | features |
/// |---|---|---|
/// | `embedding` | the residual stream as it enters the first layer | D |
/// | `layerL.input`, `layerL.output` | the residual stream before and after a layer | D |
/// | `layerL.attention.input`, `layerL.mlp.input` | what the projections read: normalized where the model does that first | D |
/// | `layerL.attention.query`, `.key`, `.value` | as they enter the product: clipped, normalized, rotated; heads side by side | heads (of keys and values) * head_dim |
/// | `layerL.attention.mixed` | the values mixed by attention, heads side by side, as the output projection reads them | heads * head_dim |
/// | `layerL.mlp.hidden` | as the down projection reads it: after the activation function | mlp_width |
/// | `final_norm` | what the output embedding reads | D |
///
/// ```
/// use settling_capture::Intermediate;
///
/// let hidden: Intermediate = "layer3.mlp.hidden".parse()?;
/// assert_eq!(hidden.to_string(), "layer3.mlp.hidden");
/// assert!("layer3.mlp.write".parse::<Intermediate>().is_err(), "that is a site");
/// # Ok::<(), settling_capture::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Intermediate {
    pub(crate) point: Point,
}

/// The taps that have a name, with it.
const NAMES: [(Tap, &str); 9] = [
    (Tap::Input, "input"),
    (Tap::AttentionInput, "attention.input"),
    (Tap::Query, "attention.query"),
    (Tap::Key, "attention.key"),
    (Tap::Value, "attention.value"),
    (Tap::Mixed, "attention.mixed"),
    (Tap::MlpInput, "mlp.input"),
    (Tap::Hidden, "mlp.hidden"),
    (Tap::Output, "output"),
];

impl Intermediate {
    /// The layer it lies in, if it lies in one.
    #[must_use]
    pub fn layer(&self) -> Option<usize> {
        match self.point {
            Point::Layer(layer, _) => Some(layer),
            Point::FinalNorm => None,
        }
    }
}

impl fmt::Display for Intermediate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.point {
            Point::FinalNorm => f.write_str("final_norm"),
            Point::Layer(0, Tap::Input) => f.write_str("embedding"),
            Point::Layer(layer, tap) => {
                let named = NAMES.iter().find(|(one, _)| *one == tap);
                let (_, name) = named.expect("only taps with a name are made intermediates");
                write!(f, "layer{layer}.{name}")
            }
        }
    }
}

impl FromStr for Intermediate {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let point = || match text {
            "embedding" => Some(Point::Layer(0, Tap::Input)),
            "final_norm" => Some(Point::FinalNorm),
            _ => {
                let (layer, name) = text.strip_prefix("layer")?.split_once('.')?;
                let (tap, _) = NAMES.iter().find(|(_, one)| *one == name)?;
                let number: usize = layer.parse().ok()?;
                (number.to_string() == layer).then_some(Point::Layer(number, *tap))
            }
        };
        match point() {
            Some(point) => Ok(Self { point }),
            None => {
                let names: Vec<String> =
                    NAMES.iter().map(|(_, name)| format!("`layerL.{name}`")).collect();
                let message = format!(
                    "`{text}` names no intermediate: expected `embedding`, `final_norm`, or with the \
                     number of a layer for L {}",
                    names.join(", ")
                );
                Err(Error::new(ErrorKind::Config, message))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_read_back() {
        let of_layers = NAMES.iter().map(|(_, name)| format!("layer12.{name}"));
        for name in of_layers.chain(["embedding", "final_norm", "layer0.output"].map(str::to_owned))
        {
            assert_eq!(name.parse::<Intermediate>().unwrap().to_string(), name);
        }
        // Two names of one thing.
        assert_eq!("layer0.input".parse::<Intermediate>().unwrap().to_string(), "embedding");
    }

    #[test]
    fn other_names_are_refused() {
        for text in [
            "",
            "layer",
            "layer1",
            "layer1.",
            "layer01.input",
            "layer-1.input",
            "layer1.fused",
            "Embedding",
        ] {
            let error = text.parse::<Intermediate>().unwrap_err().to_string();
            assert!(
                error.contains(&format!("`{text}`")) && error.contains("layerL.mlp.hidden"),
                "{error}"
            );
        }
    }
}
