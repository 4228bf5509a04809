//! How far a checkpoint has been trained.

use std::fmt;
use std::str::FromStr;

use crate::error::{Error, ErrorKind};

/// The number of optimizer updates that a checkpoint has seen.
///
/// `Step(0)` is the initialization. A checkpoint of step N has been trained on batches `0..N`;
/// batch N is the next, unseen one. It displays as its number; `step143000` and `143000` both
/// parse.
///
/// ```
/// use settling_core::Step;
///
/// assert_eq!("step143000".parse(), Ok(Step(143_000)));
/// assert_eq!("143000".parse(), Ok(Step(143_000)));
/// assert_eq!(Step(512).to_string(), "512");
/// assert!(Step(0) < Step(1));
/// assert!("step-1".parse::<Step>().is_err());
/// ```
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Step(pub u64);

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for Step {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let digits = text.strip_prefix("step").unwrap_or(text);
        // `u64::from_str` takes a leading '+'; a folder named `step+1` is no checkpoint.
        let number = digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse().ok());
        number.flatten().map(Step).ok_or_else(|| {
            let message =
                format!("`{text}` is not a step: expected a number such as `512` or `step512`");
            Error::new(ErrorKind::Parse, message)
        })
    }
}
