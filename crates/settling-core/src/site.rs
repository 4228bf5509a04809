//! Places in a model, what is measured there, and at which token positions.

use std::fmt;
use std::num::NonZeroUsize;
use std::str::FromStr;

use crate::error::{Error, ErrorKind};

/// One of the two modules of a transformer layer that write to the residual stream.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
#[non_exhaustive]
pub enum Component {
    /// Multi-head self-attention.
    Attention,
    /// The feed-forward block.
    Mlp,
}

impl Component {
    /// Both components, in the order in which reports list them.
    pub const ALL: [Self; 2] = [Self::Attention, Self::Mlp];

    /// The name used in records: `attention` or `mlp`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Attention => "attention",
            Self::Mlp => "mlp",
        }
    }
}

/// What is measured at a [`Site`].
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
#[non_exhaustive]
pub enum Signal {
    /// What the site writes to the residual stream: `(observations, d_model)`.
    Activation,
    /// The weight matrix of the site: `(outputs, inputs)`, as PyTorch's `Linear` stores it.
    Weight,
    /// The gradient of the mean next-token loss with respect to that weight, in the same shape.
    Gradient,
}

impl Signal {
    /// All signals, in the order in which reports list them.
    pub const ALL: [Self; 3] = [Self::Activation, Self::Weight, Self::Gradient];

    /// The name used in records: `activation`, `weight` or `gradient`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Activation => "activation",
            Self::Weight => "weight",
            Self::Gradient => "gradient",
        }
    }
}

/// Which map of a component is looked at.
///
/// Below, V and O are the value projection and the columns of the output projection of an attention
/// head, see `settling_models::Architecture`; x is what Attention reads, at one position.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
#[non_exhaustive]
pub enum View {
    /// The linear map that writes to the residual stream: Attention's output projection
    /// (`attention.dense` in GPT-NeoX), the MLP's down projection (`mlp.dense_4h_to_h`). The
    /// activation is what the component adds to the stream. Of one head, the map is O, and the
    /// activation what O makes of the values that the head has mixed: the heads' sum is what
    /// Attention's projection gives, less its bias.
    Write,
    /// The output-value circuit O V of an attention head, or of all heads of a layer the sum of
    /// theirs: what Attention would write if every position attended to itself alone. The
    /// activation is O (V x + b), b the bias of the values.
    Ov,
    /// As [`Ov`](Self::Ov), but with the last third of the fused query-key-value projection in the
    /// place of the values. In GPT-NeoX, which orders that projection head by head, these are
    /// queries, keys and values of the last third of the heads: what the published code of "Tending
    /// Towards Stability" takes for V, kept to reproduce it. The other families have no such site:
    /// where the last third are the values it is [`Ov`](Self::Ov).
    OvFlat,
}

impl View {
    /// All views, in the order in which reports list them.
    pub const ALL: [Self; 3] = [Self::Write, Self::Ov, Self::OvFlat];

    /// The name used in records: `write`, `ov` or `ov_flat`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Write => "write",
            Self::Ov => "ov",
            Self::OvFlat => "ov_flat",
        }
    }
}

macro_rules! by_name {
    ($($type:ty, $what:literal, $expected:literal;)*) => {$(
        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(self.name())
            }
        }

        impl FromStr for $type {
            type Err = Error;

            fn from_str(text: &str) -> Result<Self, Error> {
                Self::ALL.into_iter().find(|one| one.name() == text).ok_or_else(|| {
                    let message = format!("`{text}` names no {}: expected {}", $what, $expected);
                    Error::new(ErrorKind::Parse, message)
                })
            }
        }
    )*};
}
by_name! {
    Component, "component", "`attention` or `mlp`";
    Signal, "signal", "`activation`, `weight` or `gradient`";
    View, "view", "`write`, `ov` or `ov_flat`";
}

/// One place in a model where something is measured.
///
/// Sites order by layer, then component, then view, then head, the whole layer before its heads.
///
/// Parses from what it displays as: `layer3.attention.write`, `layer3.mlp.write`,
/// `layer0.attention.ov.head2`.
///
/// ```
/// use settling_core::{Component, Site};
///
/// let site = Site::write(3, Component::Attention);
/// assert_eq!(site.to_string(), "layer3.attention.write");
/// assert!(site < Site::write(3, Component::Mlp));
///
/// let head: Site = "layer0.attention.ov.head2".parse()?;
/// assert_eq!(head, Site::ov(0).with_head(2));
/// assert!("layer0.mlp.ov".parse::<Site>().is_err(), "the MLP has no output-value circuit");
/// # Ok::<(), settling_core::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Site {
    /// The layer, counted from 0 at the embedding.
    pub layer: usize,
    /// Attention or MLP.
    pub component: Component,
    /// Which map of the component.
    pub view: View,
    /// The attention head, or `None` for the whole layer.
    pub head: Option<usize>,
}

impl Site {
    /// The write site of `component` in `layer`.
    #[must_use]
    pub const fn write(layer: usize, component: Component) -> Self {
        Self { layer, component, view: View::Write, head: None }
    }

    /// The output-value circuits of all attention heads of `layer`.
    #[must_use]
    pub const fn ov(layer: usize) -> Self {
        Self { layer, component: Component::Attention, view: View::Ov, head: None }
    }

    /// The same site of one attention head.
    #[must_use]
    pub const fn with_head(self, head: usize) -> Self {
        Self { head: Some(head), ..self }
    }
}

impl fmt::Display for Site {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "layer{}.{}.{}", self.layer, self.component, self.view)?;
        match self.head {
            Some(head) => write!(f, ".head{head}"),
            None => Ok(()),
        }
    }
}

impl FromStr for Site {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let parse = || {
            let mut parts = text.split('.');
            let layer = number(parts.next()?.strip_prefix("layer")?)?;
            let component: Component = parts.next()?.parse().ok()?;
            let view: View = parts.next()?.parse().ok()?;
            let head = match parts.next() {
                Some(part) => Some(number(part.strip_prefix("head")?)?),
                None => None,
            };
            let whole_mlp = view == View::Write && head.is_none();
            let exists = component == Component::Attention || whole_mlp;
            (exists && parts.next().is_none()).then_some(Self { layer, component, view, head })
        };
        parse().ok_or_else(|| {
            let message = format!(
                "`{text}` names no site: expected `layerL.attention.write`, `layerL.mlp.write`, \
                 `layerL.attention.ov` or `layerL.attention.ov_flat`, with `.headH` after it for one \
                 attention head"
            );
            Error::new(ErrorKind::Parse, message)
        })
    }
}

/// A number as `Display` writes it: digits only, so that a site has one spelling.
fn number(text: &str) -> Option<usize> {
    let number: usize = text.parse().ok()?;
    (number.to_string() == text).then_some(number)
}

/// Which token positions of a sequence count as observations.
///
/// Parses from and displays as `last`, `all`, `every:K` and `index:I`.
///
/// ```
/// use settling_core::Positions;
///
/// let positions: Positions = "every:4".parse()?;
/// assert_eq!(positions.indices(10), [3, 7]);
/// assert_eq!("last".parse::<Positions>()?.indices(10), [9]);
/// assert_eq!("all".parse::<Positions>()?.indices(3), [0, 1, 2]);
/// assert_eq!("index:2".parse::<Positions>()?.to_string(), "index:2");
/// assert!("index:2".parse::<Positions>()?.indices(2).is_empty());
/// # Ok::<(), settling_core::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum Positions {
    /// The last position, which has seen the whole sequence.
    #[default]
    Last,
    /// The position with this index, counted from 0.
    Index(usize),
    /// Every K-th position: `K-1`, `2K-1`, ... (so that `every:T` is `last` for a sequence of T
    /// tokens).
    Every(NonZeroUsize),
    /// Every position.
    All,
}

impl Positions {
    /// The chosen positions of a sequence of `tokens` tokens, ascending; empty if the sequence is
    /// too short.
    #[must_use]
    pub fn indices(self, tokens: usize) -> Vec<usize> {
        match self {
            Self::Last => tokens.checked_sub(1).into_iter().collect(),
            Self::Index(index) => (index < tokens).then_some(index).into_iter().collect(),
            Self::Every(k) => (k.get() - 1..tokens).step_by(k.get()).collect(),
            Self::All => (0..tokens).collect(),
        }
    }
}

impl fmt::Display for Positions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Last => f.write_str("last"),
            Self::Index(index) => write!(f, "index:{index}"),
            Self::Every(k) => write!(f, "every:{k}"),
            Self::All => f.write_str("all"),
        }
    }
}

impl FromStr for Positions {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let error = || {
            let message = format!(
                "`{text}` names no positions: expected `last`, `all`, `every:K` with K >= 1, or `index:I`"
            );
            Error::new(ErrorKind::Parse, message)
        };
        match text.split_once(':') {
            None if text == "last" => Ok(Self::Last),
            None if text == "all" => Ok(Self::All),
            Some(("index", index)) => index.parse().map(Self::Index).map_err(|_| error()),
            Some(("every", k)) => k.parse().map(Self::Every).map_err(|_| error()),
            _ => Err(error()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_site_reads_back_from_its_name() {
        let attention = View::ALL.into_iter().flat_map(|view| {
            [None, Some(0), Some(31)].map(|head| Site {
                layer: 11,
                component: Component::Attention,
                view,
                head,
            })
        });
        for site in attention.chain([Site::write(0, Component::Mlp)]) {
            assert_eq!(site.to_string().parse(), Ok(site));
        }
    }

    #[test]
    fn other_names_are_refused() {
        for text in [
            "",
            "layer",
            "layer1",
            "layer1.attention",
            "layer1.attention.write.",
            "layer1.attention.write.head",
            "layer1.attention.write.head1.head1",
            "layer-1.attention.write",
            "layer+1.attention.write",
            "layer01.attention.write",
            "Layer1.attention.write",
            "layer1.mlp.write.head0",
            "layer1.mlp.ov_flat",
            "layer99999999999999999999.mlp.write",
        ] {
            let error = text.parse::<Site>().unwrap_err().to_string();
            assert!(error.contains(&format!("`{text}`")) && error.contains("headH"), "{error}");
        }
    }
}
