use std::fmt;
use std::num::NonZeroUsize;
use std::str::FromStr;

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
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
#[non_exhaustive]
pub enum View {
    /// The linear map that writes to the residual stream: Attention's output projection (`attention.dense` in GPT-NeoX), the
    /// MLP's down projection (`mlp.dense_4h_to_h`).
    Write,
}

impl View {
    /// All views, in the order in which reports list them.
    pub const ALL: [Self; 1] = [Self::Write];

    /// The name used in records: `write`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Write => "write",
        }
    }
}

macro_rules! display_by_name {
    ($($type:ty),*) => {$(
        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(self.name())
            }
        }
    )*};
}
display_by_name!(Component, Signal, View);

/// One place in a model where something is measured.
///
/// Sites order by layer, then component, then view: the order in which a forward pass meets them.
///
/// ```
/// use settling_core::{Component, Site};
///
/// let site = Site::write(3, Component::Attention);
/// assert_eq!(site.to_string(), "layer3.attention.write");
/// assert!(site < Site::write(3, Component::Mlp));
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
/// # Ok::<(), settling_core::ParsePositionsError>(())
/// ```
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum Positions {
    /// The last position, which has seen the whole sequence.
    Last,
    /// The position with this index, counted from 0.
    Index(usize),
    /// Every K-th position: `K-1`, `2K-1`, ... (so that `every:T` is `last` for a sequence of T tokens).
    Every(NonZeroUsize),
    /// Every position.
    All,
}

impl Positions {
    /// The chosen positions of a sequence of `tokens` tokens, ascending; empty if the sequence is too short.
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
    type Err = ParsePositionsError;

    fn from_str(text: &str) -> Result<Self, ParsePositionsError> {
        let error = || ParsePositionsError { text: text.to_owned() };
        match text.split_once(':') {
            None if text == "last" => Ok(Self::Last),
            None if text == "all" => Ok(Self::All),
            Some(("index", index)) => index.parse().map(Self::Index).map_err(|_| error()),
            Some(("every", k)) => k.parse().map(Self::Every).map_err(|_| error()),
            _ => Err(error()),
        }
    }
}

/// The error of parsing [`Positions`].
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ParsePositionsError {
    text: String,
}

impl fmt::Display for ParsePositionsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "`{}` names no positions: expected `last`, `all`, `every:K` with K >= 1, or `index:I`",
            self.text
        )
    }
}

impl std::error::Error for ParsePositionsError {}
