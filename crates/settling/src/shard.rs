//! Several processes, one study.

use std::fmt;
use std::str::FromStr;

use crate::error::{Error, ErrorKind};

/// The share of a study that one of several processes computes.
///
/// Every process needs the last checkpoint of each model, which is the reference, whichever process
/// computes its step.
///
/// ```
/// use settling::Shard;
///
/// // Of five steps. A part is written `number/of`.
/// let computes = |shard: Shard| (0..5).filter(|&place| shard.computes(place)).collect::<Vec<_>>();
/// assert_eq!(computes("1/3".parse()?), [0, 3]);
/// assert_eq!(computes("2/3".parse()?), [1, 4]);
/// assert_eq!(computes("3/3".parse()?), [2]);
/// assert_eq!(computes(Shard::All), [0, 1, 2, 3, 4]);
/// assert!(computes(Shard::Merge).is_empty());
/// assert!("0/3".parse::<Shard>().is_err() && "4/3".parse::<Shard>().is_err());
/// # Ok::<(), settling::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum Shard {
    /// Every step.
    #[default]
    All,
    /// The steps of each model whose place, counted from 0, is `number - 1` modulo `of`:
    /// [`Shard::part`] makes it.
    #[non_exhaustive]
    Part {
        /// Which part, from 1 to `of`.
        number: usize,
        /// How many parts there are.
        of: usize,
    },
    /// No step: for a process that takes what the others have computed, for the tables.
    Merge,
}

impl Shard {
    /// Part `number`, from 1, of `of`.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Usage`], if `number` is 0 or more than `of`.
    pub fn part(number: usize, of: usize) -> Result<Self, Error> {
        if number == 0 || number > of {
            let message =
                format!("there is no shard {number}/{of}: expected i/n with i from 1 to n");
            return Err(Error::new(ErrorKind::Usage, message));
        }
        Ok(Self::Part { number, of })
    }

    /// Whether the step at this place, from 0, among the steps of a model belongs to this share.
    #[must_use]
    pub fn computes(self, place: usize) -> bool {
        match self {
            Self::All => true,
            Self::Part { number, of } => place % of + 1 == number,
            Self::Merge => false,
        }
    }
}

/// `1/4`, `all` or `none`.
impl fmt::Display for Shard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::All => f.write_str("all"),
            Self::Part { number, of } => write!(f, "{number}/{of}"),
            Self::Merge => f.write_str("none"),
        }
    }
}

impl FromStr for Shard {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let parts = text.split_once('/');
        let numbers = parts.and_then(|(number, of)| Some((number.parse().ok()?, of.parse().ok()?)));
        let Some((number, of)) = numbers else {
            let message = format!("expected a shard i/n, as in 1/4, found `{text}`");
            return Err(Error::new(ErrorKind::Usage, message));
        };
        Self::part(number, of)
    }
}
