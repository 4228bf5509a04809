//! Several processes, one study.

use std::fmt;
use std::str::FromStr;

use crate::{Error, ErrorKind};

/// The share of a study that one of several processes computes: of each model the steps whose
/// place, counted from 0, is `number - 1` modulo `of`. Written `number/of`.
///
/// Every process needs the last checkpoint of each model, which is the reference, whoever computes
/// its step.
///
/// ```
/// use settling::Shard;
///
/// let shards: Vec<Shard> = (1..=3).map(|number| format!("{number}/3").parse()).collect::<Result<_, _>>()?;
/// // Of five steps.
/// let computes = |shard: &Shard| (0..5).filter(|&place| shard.computes(place)).collect::<Vec<usize>>();
/// assert_eq!(shards.iter().map(computes).collect::<Vec<_>>(), [vec![0, 3], vec![1, 4], vec![2]]);
/// assert!(computes(&Shard::NONE).is_empty());
/// assert!("0/3".parse::<Shard>().is_err() && "4/3".parse::<Shard>().is_err());
/// # Ok::<(), settling::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct Shard {
    number: usize,
    of: usize,
}

impl Shard {
    /// The share that has no step: whoever has it computes nothing, and takes what the others have
    /// computed.
    pub const NONE: Self = Self { number: 0, of: 1 };

    /// Share `number`, from 1, of `of`.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Usage`], if `number` is 0 or more than `of`.
    pub fn new(number: usize, of: usize) -> Result<Self, Error> {
        if number == 0 || number > of {
            let message =
                format!("there is no shard {number}/{of}: expected i/n with i from 1 to n");
            return Err(Error::new(ErrorKind::Usage, message));
        }
        Ok(Self { number, of })
    }

    /// Whether the step at this place, from 0, among the steps of a model belongs to this share.
    #[must_use]
    pub fn computes(self, place: usize) -> bool {
        place % self.of + 1 == self.number
    }
}

/// `i/n`, as in 1/4.
impl fmt::Display for Shard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.number, self.of)
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
        Self::new(number, of)
    }
}
